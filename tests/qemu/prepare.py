# SPDX-License-Identifier: MIT
"""Prepares kernel, module, test programs and initrd of a guest with cases.

Everything lands in the cache (cache.py).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mutations"))

# pylint: disable=wrong-import-position
import initrd
# Some of these for those that find them here.
from cache import CACHE, CHECKOUT, PrepareError, digest, locked, run, say    # noqa: F401
from mutation import Mutation

MODULES = ["virtio_pci", "virtio_blk", "virtio_console", "9p", "9pnet_virtio", "overlay"]
CFLAGS = ["-std=gnu17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-mgeneral-regs-only"]
CROSS = ["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"]


class Kernel:
    """A kernel that tests/kernels/build has made."""

    def __init__(self, kind, series):
        done = subprocess.run([CHECKOUT / "tests/kernels/build", kind, series],
                              stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise PrepareError(f"no {kind} kernel {series} (see above)")
        self.series = series
        self.folder = Path(done.stdout.splitlines()[-1])
        self.architecture = []

    @property
    def root(self):
        """The folder with its modules and their listings in lib/modules."""
        return self.folder


class StockKernel(Kernel):
    """6.1, 6.12, 6.12-rt or 6.12-arm64: Debian's own, unpacked."""

    def __init__(self, series):
        super().__init__("stock", series)
        self.release = (self.folder / "release").read_text(encoding="ascii").strip()
        self.image = self.folder / "boot/vmlinuz"
        headers = f"usr/src/linux-headers-{self.release}"
        self.architecture = CROSS if series.endswith("-arm64") else []
        self.build_tree = self.folder / headers if (self.folder / headers).is_dir() else Path("/") / headers


class BuiltKernel(Kernel):
    """7.3, also for arm64: built from Debian's source, in the tree that it was built in."""

    def __init__(self, series, kind="bench"):
        super().__init__(kind, series)
        self.release = (self.folder / "include/config/kernel.release").read_text(encoding="ascii").strip()
        arm64 = "-arm64" in series
        self.architecture = CROSS if arm64 else []
        self.image = self.folder / ("arch/arm64/boot/Image" if arm64 else "arch/x86/boot/bzImage")
        self.build_tree = self.folder

    @property
    def root(self):
        return self.folder / "installed"


def kernel_of(series):
    """A kernel by its series."""
    return BuiltKernel(series) if series == "7.3" else StockKernel(series)


def build_ko(kernel, name, sources, top, made=()):
    """Build NAME.ko for one kernel from a private copy of SOURCES below TOP, and of what was MADE
    for this one (name to content), which comes last; its path."""
    if not kernel.build_tree.is_dir():
        raise PrepareError(f"{kernel.build_tree} is missing: run tests/deps/install")
    made = dict(made)
    inputs = digest(sources, str(kernel.folder), *(f"{file}={made[file].hex()}" for file in sorted(made)))
    folder = CACHE / "module" / f"{name}-{kernel.release}-{inputs}"
    module = folder / f"{name}.ko"
    with locked(f"module-{name}-{kernel.release}"):
        if not module.exists():
            say(f"building {name}.ko for {kernel.release}")
            shutil.rmtree(folder, ignore_errors=True)
            for source in sources:
                copy = folder / "source" / source.relative_to(top)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)
            for file, content in made.items():
                (folder / "source" / file).write_bytes(content)
            run(["make", "-C", kernel.build_tree, *kernel.architecture, f"M={folder / 'source'}", "modules"],
                folder / "build.log")
            found = sorted((folder / "source").rglob(f"{name}.ko"))
            if not found:
                raise PrepareError(f"no {name}.ko came out: see {folder / 'build.log'}")
            shutil.copy(found[0], folder / "new.ko")
            (folder / "new.ko").rename(module)
    return module


def build_module(kernel, made=()):
    """dm-envelope.ko for one kernel, some of its files MADE (build_ko()); its path."""
    sources = [CHECKOUT / "Kbuild"] + [p for p in (CHECKOUT / "kmod").rglob("*") if p.is_file() and
                                       (p.suffix in (".c", ".h") or p.name in ("Kbuild", "Makefile"))]
    if not sources[0].exists():
        raise PrepareError("the checkout has no Kbuild: use --no-module")
    return build_ko(kernel, "dm-envelope", sources, CHECKOUT, made)


def build_mutant(kernel, name):
    """dm-envelope.ko with tests/mutations/NAME.patch; its path."""
    mutation = Mutation(CHECKOUT / f"tests/mutations/{name}.patch")
    with tempfile.TemporaryDirectory(prefix="mutant-") as tree:
        shutil.copytree(CHECKOUT / "kmod", f"{tree}/kmod")
        reason = mutation.apply(tree)
        if reason:
            raise PrepareError(f"mutation {name}: {reason}")
        return build_module(kernel, {file: (Path(tree) / file).read_bytes() for file in mutation.files})


def modules_folder(kernel, module):
    """A /lib/modules for the guest: the kernel's own, plus ours where DKMS puts it."""
    name = "none" if module is None else module.parent.name
    folder = CACHE / "modules" / f"{kernel.folder.name}-{name}"
    base = folder / "lib/modules" / kernel.release
    with locked(f"modules-{kernel.release}"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            base.mkdir(parents=True)
            own = kernel.root / "lib/modules" / kernel.release
            (base / "kernel").symlink_to(own / "kernel")
            for listing in own.glob("modules.*"):
                shutil.copy(listing, base)
            if module is not None:
                (base / "updates").mkdir()
                shutil.copy(module, base / "updates" / module.name)
                run(["depmod", "-b", folder, kernel.release])
            (folder / "done").touch()
    return folder / "lib/modules"


def build_programs():
    """Compile each C file of tests/integration/src into one program; their folder."""
    sources = sorted((CHECKOUT / "tests/integration/src").glob("*.c"))
    inputs = sources + sorted((CHECKOUT / "tests/integration/src").glob("*.h"))
    inputs += [CHECKOUT / "kmod/uapi/dm-envelope.h", Path(__file__).resolve()]
    folder = CACHE / "programs" / digest(inputs)
    with locked("programs"):
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            program = folder / source.stem
            if not program.exists():
                run(["cc", *CFLAGS, "-I", CHECKOUT, source, "-o", f"{program}.new", "-lkeyutils"])
                Path(f"{program}.new").rename(program)
    return folder


def build_host_tools():
    """Compile each C file of tests/qemu/host, programs that run outside the guest; their folder."""
    sources = sorted((CHECKOUT / "tests/qemu/host").glob("*.c"))
    folder = CACHE / "host-tools" / digest(sources + [Path(__file__).resolve()])
    with locked("host-tools"):
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            tool = folder / source.stem
            if not tool.exists():
                run(["cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", source, "-o", f"{tool}.new", "-lcrypto"])
                Path(f"{tool}.new").rename(tool)
    return folder


def modules_for(kernel, names, root=None):
    """Paths of modules and of all that they depend on, in load order; ROOT has lib/modules."""
    listing = run(["modprobe", "--dirname", root or kernel.root, "--set-version", kernel.release,
                   "--show-depends", "--all", *names])
    found = [Path(line.split()[1]) for line in listing.splitlines() if line.startswith("insmod")]
    return list(dict.fromkeys(found))


def build_initrd(kernel):
    """The modules that reach the root, and guest/init; the archive's path."""
    init = CHECKOUT / "tests/qemu/guest/init"
    inputs = [init, Path(__file__).resolve(), Path(initrd.__file__).resolve()]
    archive = CACHE / "initrd" / f"{kernel.folder.name}-{digest(inputs)}.cpio"
    with locked(f"initrd-{kernel.release}"):
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            initrd.build(archive, init, modules=modules_for(kernel, MODULES))
    return archive
