# SPDX-License-Identifier: MIT
"""The kernels that are measured, and the modules built for them.

6.1 and 6.12 are Debian's stock kernels; 7.3 is built from Debian's source with
tests/kernels/bench.config, since its own packages do not go with this suite.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "qemu"))

# pylint: disable=wrong-import-position
import prepare                                                               # noqa: E402
# Some of these for the other files of the benchmark, which find them here.
from cache import CACHE, CHECKOUT, PrepareError, digest, locked, run, say    # noqa: E402,F401
from prepare import build_ko, build_module                                   # noqa: E402,F401

SERIES = ("6.1", "6.12", "7.3")

# In the guest, in this order; those that a kernel has built in are not asked for.
MODULES = ["virtio_pci", "virtio_console", "dm_mod", "dm_crypt", "xts", "aesni_intel", "null_blk"]
# Loaded with parameters, by the plan.
ON_DEMAND = ("null_blk", "envelope-bench", "dm-envelope")


class StockKernel(prepare.StockKernel):
    """6.1 or 6.12, as the integration cases have it."""

    def module_files(self):
        """Paths in load order."""
        return prepare.modules_for(self, MODULES)


class BuiltKernel(prepare.BuiltKernel):
    """7.3: everything but null_blk is built in."""

    def module_files(self):
        """Paths in load order."""
        return [self.folder / "fs/configfs/configfs.ko", self.folder / "drivers/block/null_blk/null_blk.ko"]


class UserModeKernel(BuiltKernel):
    """7.3 as a program of this machine, with x86's own AES."""

    def __init__(self, series):
        super().__init__(series, "uml")
        self.image = self.folder / "linux"
        self.architecture = ["ARCH=um"]

    def module_files(self):
        """Paths in load order."""
        return [self._cipher(), *super().module_files()]

    def _cipher(self):
        """um-aes.ko: the tree's own assembly and glue under the code in tests/bench/uml."""
        x86 = self.folder / "arch/x86/crypto"
        glue = (x86 / "aesni-intel_glue.c").read_text(encoding="utf-8")
        skcipher, end, _ = glue.partition("/* The common part of the x86_64 AES-GCM key struct */")
        if not end:
            raise PrepareError("AES-NI's glue is not as tests/bench/uml expects it in this kernel")
        top = CHECKOUT / "tests/bench/uml"
        made = {path.name: path.read_bytes() for path in (
            x86 / "aesni-intel_asm.S", x86 / "aes-xts-avx-x86_64.S", x86 / "aes-ctr-avx-x86_64.S")}
        made["aesni-intel_skcipher.h"] = f"{skcipher}#endif /* CONFIG_X86_64 */\n".encode()
        return build_ko(self, "um-aes", [path for path in top.rglob("*") if path.is_file()], top, made)


def kernel(series):
    """A kernel by its series."""
    return BuiltKernel(series) if series == "7.3" else StockKernel(series)


def load_generator(target):
    """envelope-bench.ko for one kernel."""
    top = CHECKOUT / "tests/bench/kmod"
    sources = [path for path in top.iterdir() if path.suffix in (".c", ".h") or path.name == "Kbuild"]
    return build_ko(target, "envelope-bench", sources, top)


def plugin(name):
    """A plugin of QEMU from tests/bench/host, compiled."""
    source = CHECKOUT / f"tests/bench/host/{name}.c"
    folder = CACHE / "host-tools" / digest([source, *sorted(source.parent.glob("*.h"))])
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / f"{name}.so").exists():
        run(["cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", source,
             "-o", folder / f"{name}.new"])
        (folder / f"{name}.new").rename(folder / f"{name}.so")
    return folder / f"{name}.so"
