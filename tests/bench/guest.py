# SPDX-License-Identifier: MIT
"""A guest in which instructions are counted.

One CPU under TCG with -icount: a nanosecond of the guest's clock is one instruction,
whatever the host does meanwhile, and a run repeats. Two properties of a real processor are
taken away, because they would be counted wrongly: string instructions (`rep movs` and
`rep stos` count once per byte or word here, while a processor moves whole cache lines), so
the kernel is made to use its loops; and retpolines, which processors of today do without.

Must never report a figure of a guest that did not come to the end of its plan.
"""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from kernel import CACHE, ON_DEMAND, PrepareError, build_module, load_generator, plain_module, say
from prepare import build_programs
import variants

HERE = Path(__file__).resolve().parent
PROGRAMS = ("dmsetup", "keyctl")
# What a processor does in one go and TCG counts by the piece.
PROCESSOR = "max,-erms,-fsrm"
APPEND = ("console=ttyS0 panic=-1 oops=panic loglevel=5 mitigations=off nokaslr nowatchdog tsc=reliable no_timer_check "
          "random.trust_cpu=on randomize_kstack_offset=off clearcpuid=112 rdinit=/init")


# How often a guest with several CPUs is booted until it measures.
BOOTS = 4


class NothingMeasured(PrepareError):
    """The guest ended before its first measurement."""


def add_program(tree, program):
    """A program and the libraries that it is linked to."""
    shutil.copy(program, tree / "bin" / Path(program).name)
    listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=False).stdout
    for word in listing.split():
        if word.startswith("/") and not (tree / word[1:]).exists():
            (tree / word[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, tree / word[1:])


def variants_in(plan):
    """Those that a plan loads, apart from the module as it is."""
    return {line.split()[1].removeprefix("dm-envelope-") for line in plan if line.startswith("load dm-envelope-")}


def build_initrd(target, plan, folder):
    """Everything the guest needs, in one archive; its path."""
    tree = folder / "tree"
    for name in ("bin", "sbin", "modules", "proc", "sys", "dev", "tmp"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    shutil.copy(HERE / "guest/init", tree / "init")
    for program in PROGRAMS + (("fio",) if any(line.startswith(("fio ", "background ")) for line in plan) else ()):
        add_program(tree, shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"))
    add_program(tree, build_programs() / "keyload")

    order = []
    for path in (*target.module_files(), load_generator(target), build_module(target)):
        name, data = plain_module(path)
        (tree / "modules" / name).write_bytes(data)
        if name.removesuffix(".ko") not in ON_DEMAND:
            order.append(name.removesuffix(".ko"))
    for name in variants_in(plan):
        shutil.copy(variants.build(target, name), tree / "modules" / f"dm-envelope-{name}.ko")
    (tree / "modules.order").write_text("".join(f"{name}\n" for name in order), encoding="ascii")
    (tree / "plan").write_text("".join(f"{line}\n" for line in plan), encoding="ascii")

    archive = folder / "initrd"
    names = "".join(f"{p.relative_to(tree)}\n" for p in sorted(tree.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["/bin/busybox", "cpio", "-o", "-H", "newc"], cwd=tree, input=names.encode(),
                       stdout=out, stderr=subprocess.DEVNULL, check=True)
    shutil.rmtree(tree)
    return archive


def command(target, initrd, folder, extra, cpus, kvm):
    """QEMU's command line."""
    processor = PROCESSOR
    if kvm:
        clock, processor = ["-accel", "kvm"], "host"
    elif cpus == 1:
        clock = ["-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=0,sleep=off", "-rtc", "clock=vm"]
    else:
        clock = ["-accel", "tcg,thread=multi,tb-size=256"]
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", "q35", *clock, "-seed", "1", "-cpu", processor, "-smp", str(cpus), "-m", "1G",
            "-kernel", str(target.image), "-initrd", str(initrd), "-append", APPEND,
            "-serial", f"file:{folder / 'console'}", "-device", "virtio-serial-pci",
            "-chardev", f"file,id=results,path={folder / 'results'}",
            "-device", "virtserialport,chardev=results,name=results", *extra]


def watch(process, target, folder, measurements, limit):
    """Wait for the guest, with a word about progress now and then."""
    begin = time.monotonic()
    told = 0
    while process.poll() is None:
        time.sleep(0.2)
        elapsed = int(time.monotonic() - begin)
        if elapsed > limit:
            process.kill()
            process.wait()
            raise PrepareError(f"the guest of {target.series} took more than {limit} s: see {folder}")
        if elapsed >= told + 15:
            told = elapsed
            console = folder / "console"
            seen = console.read_text(errors="replace").count("bench: measured") if console.exists() else 0
            say(f"  {target.series}: {seen} of {measurements} measurements after {elapsed} s")


def measure(target, plan, limit=1800, extra=(), cpus=1, kvm=False):
    """Boot and do the plan; one dict per measurement, in order, and the functions of modules.

    With more than one CPU nothing is counted: the unit is then the host's time. QEMU's multi-threaded
    emulation may run into a breakpoint of the kernel's own that is gone ("Oops: int3"), mostly while the
    kernel boots: a guest that ends before it has measured anything is booted again.
    """
    for _ in range(BOOTS - 1 if cpus > 1 else 0):
        try:
            return boot(target, plan, limit, extra, cpus, kvm)
        except NothingMeasured as error:
            say(f"{error}\nbooting again")
    return boot(target, plan, limit, extra, cpus, kvm)


def boot(target, plan, limit, extra, cpus, kvm):
    """One boot of measure()."""
    (CACHE / "runs").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{target.series}-", dir=CACHE / "runs"))
    initrd = build_initrd(target, plan, folder)
    wanted = sum(line.startswith(("measure ", "fio ")) for line in plan)
    say(f"booting {target.release}: {wanted} measurements")
    begin = time.monotonic()
    with open(folder / "qemu.log", "wb") as log, \
         subprocess.Popen(command(target, initrd, folder, extra, cpus, kvm), stdin=subprocess.DEVNULL, stdout=log,
                          stderr=log) as process:
        try:
            watch(process, target, folder, wanted, limit)
        finally:
            if process.poll() is None:
                process.kill()
    say(f"measured on {target.release} in {time.monotonic() - begin:.0f} s")
    lines = (folder / "results").read_text(encoding="ascii").splitlines() if (folder / "results").exists() else []
    if not lines or lines[-1] != "end of results":
        tail = (folder / "console").read_text(errors="replace")[-1500:] if (folder / "console").exists() else ""
        error = PrepareError if any(line.startswith("{") for line in lines) else NothingMeasured
        raise error(f"the guest of {target.series} did not come to the end: see {folder}\n{tail}"
                    f"{(folder / 'qemu.log').read_text(errors='replace')[-500:]}")
    shutil.rmtree(folder)
    return ([json.loads(line) for line in lines if line.startswith("{")],
            [line.split()[1:] for line in lines if line.startswith("symbol ")])
