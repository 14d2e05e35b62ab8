# SPDX-License-Identifier: MIT
"""Nanoseconds on this machine's processor, without a hypervisor: User-mode Linux.

The kernel is a process here: its own code, block layer and cipher take their real time. The
costs of system calls, interrupts and further CPUs are not real here. Other work of the machine,
and of machines on the same host, disturbs half of a measurement's time and more. So each
measurement is short and is repeated in many rounds over the targets, and the least is its
cost: the time when nothing disturbs it. The median, with the disturbance, is kept beside it.
"""

import json
import shutil
import tempfile
from pathlib import Path

import figures
import guest
import large
import plan
from kernel import CACHE, PrepareError, say
from launch import end_of
from rounds import spread

ROUNDS = 40
SECONDS = 900
# Of inline dm-crypt's overhead, the most that the envelope may have here.
BOUNDS = {"read": 0.2, "write": figures.OVERHEAD_BOUND}
# Beyond the loads of the other units: the largest bio that the target takes in one piece, and one that is split.
LARGE = (1048576, 4194304)
# The lower device takes the largest in one piece.
MAX_SECTORS = ("max_sectors=2048", "max_sectors=8192")


def loads():
    """As for the other units; time does not repeat exactly, so there are more of each."""
    return [plan.Load(row.op, row.pattern, row.block, row.depth, 4096 * 4096 // row.block)
            for row in [*plan.loads(), *plan.loads(LARGE)]]


def has_runs(row):
    """Does the envelope take runs of pages for this load?"""
    return row.op == "write" and row.block >= large.ROWS[0].block


def boot(target, lines, wrapper=()):
    """Boot, do the lines, and return the lines of results; WRAPPER is a program that starts the kernel."""
    (CACHE / "runs").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-uml-", dir=CACHE / "runs"))
    archive = guest.build_initrd(target, lines, folder)
    command = [*wrapper, target.image, "mem=1G", "seccomp=on", f"initrd={archive}", "rdinit=/init", "con=null",
               "con0=null,fd:1", "loglevel=5", "umid=bench", f"uml_dir={folder}", f"bench.results={folder}"]
    # The console is what it prints.
    if not end_of(command, folder, SECONDS):
        raise PrepareError(f"User-mode Linux took more than {SECONDS} s: see {folder}")
    results = folder / "results"
    text = results.read_text(encoding="ascii").splitlines() if results.exists() else []
    if not text or text[-1] != "end of results":
        raise PrepareError(f"User-mode Linux did not come to the end: see {folder}/qemu.log")
    shutil.rmtree(folder)
    return text


def measure(target):
    """Measure on a UserModeKernel, and return load -> column -> {"cost", "median"}."""
    rows = loads()
    lines = [line.replace(*MAX_SECTORS) for line in plan.setup(target.series, plan.TARGETS)]
    for _ in range(ROUNDS):
        lines += plan.measurements(target.series, plan.TARGETS, rows)
    lines += plan.exchange(target.series, large.SINGLE)
    lines += [f"measure {large.SINGLE}/{row.name} {row.words} device={plan.device('envelope')}"
              for _ in range(ROUNDS) for row in rows if has_runs(row)]
    say(f"User-mode Linux {target.release}: {ROUNDS} rounds of {len(lines) // ROUNDS} measurements")
    text = boot(target, lines)
    return collect([json.loads(line) for line in text if line.startswith("{")], rows)


def collect(results, rows):
    """The least, the median and the quartiles of each measurement's rounds, in ns."""
    times = figures.times_of(results)
    drivers = {result["driver"] for result in results if "driver" in result}

    def figure(column, load):
        values = times[column, load]
        return {"cost": round(min(values)), **spread(values, 0)}

    found = {row.name: {target: figure(target, row.name) for target in plan.TARGETS} for row in rows}
    for row in rows:
        if has_runs(row):
            found[row.name][large.SINGLE] = figure(large.SINGLE, row.name)
        found[row.name]["cipher"] = {**figure("cipher", row.cipher), "driver": ",".join(sorted(drivers))}
    return found
