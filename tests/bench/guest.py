# SPDX-License-Identifier: MIT
"""A guest in which instructions are counted.

One CPU under TCG with -icount: a nanosecond of the guest's clock is one instruction,
whatever the host does meanwhile, and a run repeats. Two properties of the guest are switched
off, because they would be counted wrongly. String instructions: `rep movs` and `rep stos` count
once per byte or word here, while a processor moves whole cache lines, so the kernel uses its
loops. Retpolines: processors of today need none.

Must never report a figure of a guest that did not reach the end of its plan.
"""

import json
import shutil
import tempfile
import time
from pathlib import Path

from kernel import CACHE, ON_DEMAND, PrepareError, build_module, load_generator, say
from launch import command, end_of, results_port
from prepare import build_programs
import initrd
import reduced

INIT = Path(__file__).resolve().parent / "guest/init"
PROGRAMS = ("dmsetup", "keyctl")
APPEND = ("oops=panic loglevel=5 mitigations=off nokaslr nowatchdog tsc=reliable no_timer_check "
          "random.trust_cpu=on randomize_kstack_offset=off clearcpuid=112 rdinit=/init")

# Boots of a guest with several CPUs until it measures.
BOOTS = 4


class NothingMeasured(PrepareError):
    """The guest ended before its first measurement."""


def reduced_in(plan):
    """Those that a plan loads, apart from the module as it is."""
    return {line.split()[1].removeprefix("dm-envelope-") for line in plan if line.startswith("load dm-envelope-")}


def build_initrd(target, plan, folder):
    """Everything the guest needs, in one archive; its path."""
    programs = [*PROGRAMS, build_programs() / "keyload"]
    if any(line.startswith(("fio ", "background ")) for line in plan):
        programs.append("fio")
    first, later = [], [(f"dm-envelope-{name}", reduced.build(target, name)) for name in reduced_in(plan)]
    for path in (*target.module_files(), load_generator(target), build_module(target)):
        (later if path.name.split(".")[0] in ON_DEMAND else first).append(path)
    return initrd.build(folder / "initrd", INIT, programs, first, later,
                        {"plan": "".join(f"{line}\n" for line in plan)})


def processor_of(cpus, kvm):
    """The launcher's processor, and QEMU's options for the clock that is measured with."""
    if kvm:
        return "kvm", []
    return ("counted", ["-rtc", "clock=vm"]) if cpus == 1 else ("threads", [])


def progress(target, folder, measurements):
    """A word about progress now and then."""
    told = 0

    def say_so(seconds):
        nonlocal told
        if seconds < told + 15:
            return
        told = seconds
        console = folder / "console"
        seen = console.read_text(errors="replace").count("bench: measured") if console.exists() else 0
        say(f"  {target.series}: {seen} of {measurements} measurements after {seconds} s")

    return say_so


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
    archive = build_initrd(target, plan, folder)
    wanted = sum(line.startswith(("measure ", "fio ")) for line in plan)
    say(f"booting {target.release}: {wanted} measurements")
    begin = time.monotonic()
    processor, clock = processor_of(cpus, kvm)
    line = command(processor, target.image, archive, APPEND, folder / "console", cpus=cpus)
    line += [*clock, "-seed", "1", *results_port(folder / "results"), *extra]
    if not end_of(line, folder, limit, progress(target, folder, wanted)):
        raise PrepareError(f"the guest of {target.series} took more than {limit} s: see {folder}")
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
