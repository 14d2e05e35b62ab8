# SPDX-License-Identifier: MIT
"""Two CPUs: large bios on idle CPUs, small ones beside large ones, and two jobs against one.

Instructions say nothing here. The guest has two CPUs, each a thread of the host (MTTCG), and
its clock is the host's. The targets take turns, each turn is compared within itself, and
reported is the median of the turns with the quartiles: other work of the host meets all
targets alike.
"""

import statistics
import time
from pathlib import Path

import guest
import plan

TARGETS = ("linear", "envelope", "crypt-inline")
TURNS = 21
CPUS = 2
LARGE = 1048576
TOO_BUSY = 0.1
BESIDE = "--thread --direct=1 --rw=randread --bs=1m --ioengine=libaio --iodepth=4 --size=1g --time_based --runtime=600"

# A large bio: the most of inline dm-crypt's time, with the other CPU idle and with it at the
# same work; the same bound for small bios beside large ones. Two jobs: the least of one job's rate.
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


def lines():
    """What is measured in one turn."""
    found = []
    for target in TARGETS:
        where = f"device={plan.device(target)}"
        found += [f"background {BESIDE} --filename={plan.device(target)}",
                  f"measure {target}/beside op=read bs=4096 depth=1 count=500 warmup=50 {where}",
                  "foreground"]
        for op in ("read", "write"):
            for jobs in (1, CPUS):
                found.append(f"measure {target}/{op}-1m-{jobs} op={op} pattern=sequential bs={LARGE} depth=1 "
                             f"jobs={jobs} count=24 warmup=4 {where}")
                found.append(f"measure {target}/{op}-4k-{jobs} op={op} bs=4096 depth=1 jobs={jobs} count=2000 "
                             f"warmup=200 {where}")
    return found


def spread(values):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(middle, 3), "low": round(low, 3), "high": round(high, 3)}


def measure(target):
    """Boot and measure: figure -> spread."""
    turn = lines()
    results, _ = guest.measure(target, plan.setup(target.series, TARGETS, cpus=CPUS) + turn * TURNS, cpus=CPUS)
    each = len(results) // TURNS
    turns = [{result["id"]: result["ns"] / result["ios"] for result in results[first:first + each]}
             for first in range(0, len(results), each)]
    if any(result["errors"] for result in results):
        raise ValueError("I/Os failed")
    found = {"4 KiB random read beside reads of 1 MiB, of inline dm-crypt's time": {
        name: spread([seen[f"{name}/beside"] / seen["crypt-inline/beside"] for seen in turns]) for name in TARGETS}}
    for op in ("read", "write"):
        for jobs, where in ((1, "other CPU idle"), (CPUS, "on all CPUs at once")):
            found[f"{op} of 1 MiB, {where}, of inline dm-crypt's time"] = {
                name: spread([seen[f"{name}/{op}-1m-{jobs}"] / seen[f"crypt-inline/{op}-1m-{jobs}"] for seen in turns])
                for name in TARGETS}
        found[f"4 KiB random {op}, rate of {CPUS} jobs of that of 1"] = {
            name: spread([seen[f"{name}/{op}-4k-1"] / seen[f"{name}/{op}-4k-{CPUS}"] for seen in turns])
            for name in TARGETS}
    return found


def bounds(found):
    """What must hold: (description, seen, bound, holds), one each."""
    checks = []
    for what, row in found.items():
        seen = row["envelope"]["median"]
        if "at once" in what or "beside" in what:
            checks.append((what, seen, f"at most {BUSY_BOUND}", seen <= BUSY_BOUND))
        elif "1 MiB" in what:
            checks.append((what, seen, f"at most {LARGE_BOUND}", seen <= LARGE_BOUND))
        else:
            checks.append((what, seen, f"at least {SCALING_BOUND}", seen >= SCALING_BOUND))
    return checks


def table(found):
    """Lines of text."""
    out = ["median (quartiles)".ljust(70) + "".join(f"{name:>22}" for name in TARGETS)]
    for what, row in found.items():
        cells = (f"{row[name]['median']:.2f} ({row[name]['low']:.2f}-{row[name]['high']:.2f})" for name in TARGETS)
        out.append(what.ljust(70) + "".join(f"{cell:>22}" for cell in cells))
    return out
