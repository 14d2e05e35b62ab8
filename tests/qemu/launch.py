# SPDX-License-Identifier: MIT
"""The one launcher of QEMU: its command line, the probe for KVM, and guests that run to their end.

Integration cases talk with their guest (machine.py). A guest of KUnit or of the benchmark does what
its initrd says, writes results to a virtio-serial port and ends: end_of().
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import initrd
from cache import CACHE, locked, say

PROBE_SECONDS = 40
PROBE_INIT = "#!/bin/busybox sh\necho 'vm: probe reached init'\nexec /bin/busybox reboot -f\n"

# An emulated string instruction takes its time, and under -icount counts, once per byte or
# word: the guest gets none that are fast. A fifth level of page tables only costs; and while a
# kernel finds out what its processor can, it may take five levels for four: KASAN, asked by an
# interrupt at that moment, then reports without end.
SLOW_STRINGS = "max,-erms,-fsrm"
EMULATED = f"{SLOW_STRINGS},-la57"

# Processor of the guest: QEMU's accelerator, model. A server of arm64 has the AES instructions of ARMv8.
PROCESSORS = {
    "kvm": (["kvm"], "host"),
    # The vCPUs take turns on one thread. QEMU before 8.1 may run code on one of several threads
    # that another has just patched, and the guest dies at a breakpoint of its own ("Oops: int3").
    # And two guests with a thread each fill two processors.
    "tcg": (["tcg,thread=single,tb-size=512"], EMULATED),
    # A thread of the host for each vCPU: races are real ones, and so is the danger above.
    "threads": (["tcg,thread=multi,tb-size=512"], EMULATED),
    "arm64": (["tcg,thread=multi,tb-size=512"], "neoverse-n1"),
    # A nanosecond of the guest's clock is one instruction, whatever the host does meanwhile.
    "counted": (["tcg,thread=single,tb-size=256", "-icount", "shift=0,sleep=off"], SLOW_STRINGS),
}


def command(processor, image, archive, append, console, memory="1G", cpus=2):
    """QEMU's command line, up to the devices that only some guests have."""
    accelerator, model = PROCESSORS[processor]
    program, machine, serial = "qemu-system-x86_64", "q35", "ttyS0"
    if processor == "arm64":
        program, machine, serial = "qemu-system-aarch64", "virt,gic-version=3", "ttyAMA0"
    return [program, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", machine, "-accel", *accelerator, "-cpu", model, "-smp", str(cpus), "-m", memory,
            "-kernel", str(image), "-initrd", str(archive), "-append", f"console={serial} panic=-1 {append}",
            "-serial", f"file:{console}", "-device", "virtio-serial-pci"]


def file_port(name, path):
    """Devices: a virtio-serial port NAME, what is written to it being the file PATH."""
    return ["-chardev", f"file,id={name},path={path}", "-device", f"virtserialport,chardev={name},name={name}"]


def results_port(path):
    """The port "results" with its file."""
    return file_port("results", path)


def accelerator(image):
    """"kvm" if a guest with this kernel really boots under it, else "tcg"; tried once per boot of the host."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    known = CACHE / f"accelerator-{boot}"
    with locked("accelerator"):
        if not known.exists():
            answer = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) and _boots_under_kvm(image) else "tcg"
            for old in CACHE.glob("accelerator-*-*"):
                old.unlink()
            known.write_text(answer + "\n", encoding="ascii")
            say(f"a probe boot says: {answer}")
        return known.read_text(encoding="ascii").strip()


def _boots_under_kvm(image):
    """Does a guest reach its first program there?"""
    with tempfile.TemporaryDirectory(prefix="probe-", dir=CACHE) as name:
        folder = Path(name)
        console = folder / "console"
        archive = initrd.build(folder / "initrd", PROBE_INIT)
        end_of(command("kvm", image, archive, "", console, memory="512M"), folder, PROBE_SECONDS)
        return console.exists() and "vm: probe reached init" in console.read_text(errors="replace")


def end_of(line, folder, limit, progress=lambda seconds: None):
    """Run a command line to its end, what it prints going to qemu.log; False if it had to be ended.

    PROGRESS is called each second or so with the seconds that have passed. The process never outlives us.
    """
    begin = time.monotonic()
    with open(folder / "qemu.log", "wb") as log, \
         subprocess.Popen([str(word) for word in line], stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            while True:
                try:
                    process.wait(timeout=1)
                    return True
                except subprocess.TimeoutExpired:
                    seconds = time.monotonic() - begin
                if seconds > limit:
                    return False
                progress(int(seconds))
        finally:
            if process.poll() is None:
                process.kill()
