# SPDX-License-Identifier: MIT
"""The one builder of initrds: for integration cases, KUnit and the benchmark.

An initrd holds busybox, its first program (/init), programs with the libraries that they are
linked to (/bin), modules without compression (/modules) and files. /modules.order lists, by name
without ".ko", the modules that the first program loads.
"""

import gzip
import lzma
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from cache import PrepareError

BUSYBOX = "/bin/busybox"
FOLDERS = ("bin", "sbin", "modules", "proc", "sys", "dev", "tmp", "ro", "rw", "new")
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"


def build(archive, init, programs=(), modules=(), on_demand=(), files=(), compress=False, root=None):
    """Write an initrd; its path.

    PROGRAMS are paths, or names that are looked for in the usual folders. MODULES are paths, in load
    order; ON_DEMAND are paths of modules, or (name, path) of those that get another name, that
    /modules.order does not list. FILES is a dict: name to content, text or bytes. ROOT is a folder with
    busybox, programs and libraries of another architecture; default this machine's own.
    """
    with tempfile.TemporaryDirectory(prefix="initrd-", dir=archive.parent) as name:
        tree = Path(name)
        for folder in FOLDERS:
            (tree / folder).mkdir()
        shutil.copy(root / BUSYBOX[1:] if root else BUSYBOX, tree / "bin/busybox")
        if isinstance(init, Path):
            shutil.copy(init, tree / "init")
        else:
            (tree / "init").write_text(init, encoding="ascii")
            (tree / "init").chmod(0o755)
        for program in programs:
            _add_program(tree, program, root)
        order = [_add_module(tree, path) for path in modules]
        for module in on_demand:
            _add_module(tree, *(reversed(module) if isinstance(module, tuple) else (module,)))
        (tree / "modules.order").write_text("".join(f"{module}\n" for module in order), encoding="ascii")
        for file, content in dict(files).items():
            (tree / file).write_bytes(content if isinstance(content, bytes) else content.encode("ascii"))
        _pack(tree, archive, compress)
    return archive


def append(initrd, archive, files):
    """Write an ARCHIVE that is INITRD with more FILES; the kernel unpacks archives that follow each other."""
    with tempfile.TemporaryDirectory(prefix="initrd-", dir=archive.parent) as name:
        for file, content in files.items():
            (Path(name) / file).write_text(content, encoding="ascii")
        more = archive.with_suffix(".more")
        _pack(Path(name), more, compress=True)
    with open(archive, "wb") as out:
        for part in (initrd, more):
            with open(part, "rb") as data:
                shutil.copyfileobj(data, out)
    more.unlink()
    return archive


def _add_program(tree, program, root):
    """A program and the libraries that it is linked to."""
    if root:
        path = shutil.which(program, path=":".join(f"{root}{folder}" for folder in PROGRAMS.split(":")))
        if not path:
            raise PrepareError(f"{root} has no {program}")
        shutil.copy(path, tree / "bin" / program)
        _add_foreign_libraries(tree, path, root)
        return
    path = shutil.which(program, path=PROGRAMS)
    if not path:
        raise PrepareError(f"{program} is not installed: run tests/deps/install")
    shutil.copy(path, tree / "bin" / Path(path).name)
    listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=False).stdout
    for word in listing.split():
        if word.startswith("/") and not (tree / word[1:]).exists():
            (tree / word[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, tree / word[1:])


def _add_foreign_libraries(tree, path, root):
    """The loader and the libraries of a program that this machine cannot run."""
    headers = subprocess.run(["readelf", "--wide", "--dynamic", "--program-headers", path], stdout=subprocess.PIPE,
                             text=True, check=True).stdout
    names = re.findall(r"Shared library: \[(.*?)\]|program interpreter: .*?([^/]*)\]", headers)
    for name in (one or other for one, other in names):
        found = next((folder / name for folder in root.glob("**/lib/*-linux-gnu") if (folder / name).exists()), None)
        if not found:
            raise PrepareError(f"{root} has no {name}, which {path} needs")
        if not (tree / "lib" / name).exists():
            (tree / "lib").mkdir(exist_ok=True)
            shutil.copy(found, tree / "lib" / name)
            _add_foreign_libraries(tree, found, root)


def _add_module(tree, path, name=None):
    """A module, whatever its file is compressed with; its name without ".ko"."""
    data = path.read_bytes()
    file = path.name
    if file.endswith(".xz"):
        file, data = file[:-3], lzma.decompress(data)
    name = name or file.removesuffix(".ko")
    (tree / "modules" / f"{name}.ko").write_bytes(data)
    return name


def _pack(tree, archive, compress):
    """A folder as cpio; the archive appears in one step."""
    names = "".join(f"{path.relative_to(tree)}\n" for path in sorted(tree.rglob("*")))
    new = Path(f"{archive}.new")
    with gzip.open(new, "wb", compresslevel=1) if compress else open(new, "wb") as out, \
         subprocess.Popen([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=tree, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packer:
        packer.stdin.write(names.encode())
        packer.stdin.close()
        shutil.copyfileobj(packer.stdout, out)
    if packer.returncode:
        raise PrepareError(f"{archive} cannot be written: cpio ended with {packer.returncode}")
    new.rename(archive)
