# SPDX-License-Identifier: MIT
"""Many CPUs: the cache lines that they take from each other.

Two CPUs of a host do not show whether eight scale. What stops CPUs from scaling is memory that they write in
turn: a lock, a count, a list. So the guest has eight CPUs under multi-threaded TCG, each does the same load,
and a QEMU plugin (host/lines.c) keeps the state of each cache line. Counted per I/O: accesses that took a line
from another CPU; of these, the accesses that took the line that was taken most; and instructions with a lock
prefix. The figures are no times, and other work of the host does not change them.

The spinlocks that the CPUs take are counted in the same run (locks.py).

The model: a line is with one CPU at a time, and goes to the next one in some 100 ns. So of a target whose hottest
line is taken L times per I/O, all CPUs together do at most 10 million / L I/Os a second.
"""

import tempfile
from collections import defaultdict
from pathlib import Path

import functions
import guest
import kernel
import locks
import plan

CPUS = 8
TARGETS = ("linear", "envelope", "crypt-inline")
# The envelope on a module whose writes count their pages in one place: what the plugin must notice.
COUNTED = "counted"
# The envelope on a module whose writes take one lock: likewise.
LOCKED = "locked"
# I/Os of each job, enough that the start of the jobs is a hundredth of an I/O.
COUNTS = {4096: 400, 65536: 100, 131072: 60, 1048576: 24}
LOADS = tuple(plan.Load(op, "random" if block == 4096 else "sequential", block, depth, count)
              for block, count in COUNTS.items() for depth in ((1, 32) if block == 4096 else (1,))
              for op in ("read", "write"))
# The most per I/O. Times that one line is taken: 0.87 is a line that each I/O writes. And lines that the envelope
# adds to dm-linear's, as a part of the data's: pages and runs stay with their CPU. Helpers take chunks of larger bios.
HOTTEST_BOUND, ADDED_BOUND = 0.5, 0.01
HELPED_HOTTEST_BOUND, HELPED_ADDED_BOUND = 4, 0.05
HELPED = 131072
LINE = 64
# The figures depend on how the CPUs meet, most where helpers take part, and on what else the guest's scheduler does. So
# each load has several rounds on the envelope, of which the least counts: what the target cannot do without.
ROUNDS = 5


def parts(path):
    """Each timed part: address -> (taken, locked), and the most of one line."""
    found = []
    for line in path.read_text(encoding="ascii").splitlines():
        first, *numbers = line.split()
        if first == "part":
            found.append([{}, 0])
        elif first == "lines":
            found[-1][1] = int(numbers[0])
        else:
            found[-1][0][int(first, 16)] = tuple(int(number) for number in numbers)
    return found


def figure(part, ios, table):
    """Per I/O, in all and by function."""
    accesses, hottest = part
    by_function = defaultdict(float)
    for address, (taken, _) in accesses.items():
        by_function[table.name(address)] += taken / ios
    return {"taken": round(sum(taken for taken, _ in accesses.values()) / ios, 2),
            "hottest": round(hottest / ios, 2),
            "locked": round(sum(locked for _, locked in accesses.values()) / ios, 2),
            "functions": {name: round(taken, 2) for name, taken in sorted(by_function.items(), key=lambda row: -row[1])
                          if taken >= 0.05}}


def quiet():
    """Lines that stop the block layer's own counts, which write a shared line with each tick of the clock."""
    lower = [f"nullb{list(plan.ALL).index(name)}" for name in TARGETS]
    return [f"set /sys/block/{name}/queue/iostats 0" for name in (*lower, *(f"dm-{n}" for n in range(len(TARGETS))))]


def lines(series, loads, control):
    """What is measured."""
    found = [f"measure {target}/{row.name} {row.words} jobs={CPUS} device={plan.device(target)}"
             for row in loads for target in TARGETS
             for _ in range(ROUNDS if target == "envelope" else 1)]
    for module in (COUNTED, LOCKED) if control else ():
        found += plan.exchange(series, module)
        found += [f"measure {module}/{row.name} {row.words} jobs={CPUS} device={plan.device('envelope')}"
                  for row in loads if row.op == "write" and row.block == 4096]
    return found


def least(one, other):
    """Of two rounds the lesser of each figure; the functions are those of the round that took fewer lines."""
    if one is None:
        return other
    by_function = min(one, other, key=lambda seen: seen["taken"])["functions"]
    smaller = {name: min(one[name], other[name]) for name in ("taken", "hottest", "locked")}
    return {**smaller, "functions": by_function, "locks": min(one["locks"], other["locks"], key=lambda seen: seen["taken"])}


def measure(target, loads=LOADS, control=False):
    """Boot and count: load -> target -> figure."""
    orders = plan.setup(target.series, TARGETS, cpus=CPUS) + quiet() + lines(target.series, loads, control)
    with tempfile.TemporaryDirectory(prefix="shared-") as folder:
        out, held = Path(folder) / "lines", Path(folder) / "locks"
        results, symbols = guest.measure(target, [*orders, "symbols all"], cpus=CPUS, extra=[
            "-plugin", f"{kernel.plugin('lines')},out={out},jobs={CPUS}",
            "-plugin", f"{kernel.plugin('locks')},out={held},jobs={CPUS},{locks.code(target)}"])
        seen = list(zip(parts(out), locks.parts(held), strict=True))
    names = functions.Functions(symbols)
    found = defaultdict(dict)
    for result, (taken, holds) in zip(results, seen, strict=True):
        if result["errors"]:
            raise ValueError(f"{result['errors']} I/Os failed: {result['id']}")
        column, load = result["id"].split("/")
        now = {**figure(taken, result["ios"], names), "locks": locks.figure(holds, result["ios"], names)}
        found[load][column] = least(found[load].get(column), now)
    return dict(found)


def bounds(found, column="envelope"):
    """What must hold: (description, seen, bound, holds), one each."""
    checks = []
    for load, row in found.items():
        block = next(known.block for known in LOADS if known.name == load)
        most_added, most = (HELPED_ADDED_BOUND, HELPED_HOTTEST_BOUND) if block > HELPED else (ADDED_BOUND, HOTTEST_BOUND)
        most_added *= block / LINE
        added = row[column]["taken"] - row["linear"]["taken"]
        hottest = row[column]["hottest"]
        checks += [(f"{load}, {CPUS} CPUs: cache lines taken above dm-linear's", added, f"at most {most_added:.2f}",
                    added <= most_added),
                   (f"{load}, {CPUS} CPUs: times that the hottest line is taken", hottest, f"at most {most}",
                    hottest <= most)]
        checks += locks.bounds(f"{load}, {CPUS} CPUs", row, column, block > HELPED)
    return checks


def table(found):
    """Lines of text."""
    out = [f"per I/O of each of {CPUS} CPUs: cache lines taken, of them the hottest line, locked instructions",
           " " * 28 + "".join(f"{name:>28}" for name in TARGETS)]
    for load, row in found.items():
        cells = (row[name] for name in TARGETS)
        out.append(load.ljust(28) + "".join(f"{cell['taken']:12.2f}{cell['hottest']:8.2f}{cell['locked']:8.1f}" for cell in cells))
    return out + locks.table(found, TARGETS)
