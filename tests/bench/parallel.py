# SPDX-License-Identifier: MIT
"""Two CPUs: large bios on idle CPUs, small ones beside large ones, and two jobs against one.

Instructions do not show this. The guest has two CPUs, each a thread of the host (MTTCG), and
its clock is the host's. The targets are measured in rounds (rounds.py); the report has the median
and the quartiles of the rounds. Each round also measures the envelope on a module that does not fan
out, to see what fanning out costs when no CPU is idle.
"""

import time
from pathlib import Path

import guest
import plan
from rounds import spread

TARGETS = ("linear", "envelope", "crypt-inline")
# The envelope without helpers, as a column of its own.
ALONE = "alone"
COLUMNS = (*TARGETS, ALONE)
ROUNDS = 11
CPUS = 2
LARGE = 1048576
TOO_BUSY = 0.1
BESIDE = "--thread --direct=1 --rw=randread --bs=1m --ioengine=libaio --iodepth=4 --size=1g --time_based --runtime=600"

# A large bio: the most of inline dm-crypt's time with the other CPU idle. What may not become slower, with
# what the instrument itself moves by: large bios on busy CPUs, of the time without helpers; small bios
# beside large ones. Two jobs: the least of one job's rate.
LARGE_BOUND = 0.6
BUSY_BOUND = 1.05
SCALING_BOUND = 1.9


def host_busy(seconds=3):
    """How much of this machine's CPU time other work takes, 0 to 1."""
    def look():
        ticks = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]

    total, idle = look()
    time.sleep(seconds)
    total, idle = (after - before for after, before in zip(look(), (total, idle)))
    return 1 - idle / total


def large(column, target, jobs):
    """Lines that measure large bios."""
    return [f"measure {column}/{op}-1m-{jobs} op={op} pattern=sequential bs={LARGE} depth=1 jobs={jobs} count=24 "
            f"warmup=4 device={plan.device(target)}" for op in ("read", "write")]


def beside(column, target):
    """Lines that measure small bios beside large ones."""
    return [f"background {BESIDE} --filename={plan.device(target)}",
            f"measure {column}/beside op=read bs=4096 depth=1 count=500 warmup=50 device={plan.device(target)}",
            "foreground"]


def lines(series):
    """What is measured in one round."""
    found = []
    for target in TARGETS:
        found += beside(target, target)
        for jobs in (1, CPUS):
            found += large(target, target, jobs)
            found += [f"measure {target}/{op}-4k-{jobs} op={op} bs=4096 depth=1 jobs={jobs} count=2000 warmup=200 "
                      f"device={plan.device(target)}" for op in ("read", "write")]
    return [*found, *plan.exchange(series, "helpers"), *beside(ALONE, "envelope"), *large(ALONE, "envelope", 1),
            *large(ALONE, "envelope", CPUS), *plan.exchange(series)]


def compare(rounds, what, peer):
    """Times of all columns, of a peer's."""
    return {name: spread([seen[f"{name}/{what}"] / seen[f"{peer}/{what}"] for seen in rounds]) for name in COLUMNS}


def measure(target):
    """Boot and measure: figure -> spread."""
    one = lines(target.series)
    results, _ = guest.measure(target, plan.setup(target.series, TARGETS, cpus=CPUS) + one * ROUNDS, cpus=CPUS)
    each = len(results) // ROUNDS
    rounds = [{result["id"]: result["ns"] / result["ios"] for result in results[first:first + each]}
             for first in range(0, len(results), each)]
    if any(result["errors"] for result in results):
        raise ValueError("I/Os failed")
    found = {"4 KiB random read beside reads of 1 MiB, of inline dm-crypt's time": compare(rounds, "beside",
                                                                                           "crypt-inline")}
    for op in ("read", "write"):
        found[f"{op} of 1 MiB, other CPU idle, of inline dm-crypt's time"] = compare(rounds, f"{op}-1m-1",
                                                                                     "crypt-inline")
        found[f"{op} of 1 MiB, on all CPUs at once, of inline dm-crypt's time"] = compare(rounds, f"{op}-1m-{CPUS}",
                                                                                          "crypt-inline")
        found[f"{op} of 1 MiB, on all CPUs at once, of the time without helpers"] = compare(rounds, f"{op}-1m-{CPUS}",
                                                                                            ALONE)
        found[f"4 KiB random {op}, rate of {CPUS} jobs of that of 1"] = {
            name: spread([seen[f"{name}/{op}-4k-1"] / seen[f"{name}/{op}-4k-{CPUS}"] for seen in rounds])
            for name in TARGETS}
    return found


def bound_of(what, row):
    """One figure that must hold: (description, seen, bound, holds)."""
    seen = row["envelope"]["median"]
    if "jobs" in what:
        return what, seen, f"at least {SCALING_BOUND}", seen >= SCALING_BOUND
    most = LARGE_BOUND if "idle" in what else BUSY_BOUND
    return what, seen, f"at most {most}", seen <= most


def bounds(found):
    """What must hold, one each."""
    return [bound_of(what, row) for what, row in found.items()]


def table(found):
    """Lines of text."""
    out = ["median (quartiles)".ljust(70) + "".join(f"{name:>22}" for name in COLUMNS)]
    for what, row in found.items():
        cells = (f"{row[name]['median']:.2f} ({row[name]['low']:.2f}-{row[name]['high']:.2f})" for name in COLUMNS
                 if name in row)
        out.append(what.ljust(70) + "".join(f"{cell:>22}" for cell in cells))
    return out
