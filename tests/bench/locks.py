# SPDX-License-Identifier: MIT
"""Many CPUs: the spinlocks that they take, and for how long they hold them, from a QEMU plugin (host/locks.c).

A lock that one CPU takes alone costs the others nothing. So a figure has the locks that at least two CPUs took
in the timed part: how often per I/O; for how many instructions per I/O the lock is held that is held most; and
the longest time. All CPUs together do no more I/Os than fit into the time that this one lock allows. A count of
instructions is the same on a busy host, which the times of the kernel's own lock statistics are not.
"""

from collections import defaultdict

from kernel import PrepareError

# By the target, per I/O: 1 is a lock that each I/O takes. The scheduler's locks are not in it: on a busy host they are more.
TAKEN_BOUND = 0.1
# Callers that count as the target: its module, and the page allocator, which works for it.
MODULE, ALLOCATOR = "[dm_envelope]", ("get_page_from_freelist", "free_one_page", "percpu_counter_add_batch")
# Bios above 128 KiB are offered to helpers, in a list with a lock: inserted, removed, and looked at by each helper for each
# chunk. And the instructions for which the busiest lock is held, which may be one of the scheduler's.
HELPED_TAKEN_BOUND, HELPED_HELD_BOUND = 20, 3000
# The functions of the kernel that take and release spinlocks, and the first that waits for one.
FIRST, SLOW, END = "__lock_text_start", "queued_spin_lock_slowpath", "__lock_text_end"


def code(target):
    """Where these functions are, as words for the plugin."""
    text = (target.folder / "System.map").read_text(encoding="ascii")
    symbols = {name: address for address, _, name in (line.split() for line in text.splitlines())}
    found = {name: symbols[name] for name in (FIRST, SLOW, END) if name in symbols}
    if len(found) != 3:
        raise PrepareError(f"the kernel has not {FIRST}, {SLOW} and {END}: see tests/bench/locks.py")
    return f"code={found[FIRST]},slow={found[SLOW]},end={found[END]}"


def parts(path):
    """Each timed part: rows of (caller, lock, CPU, taken, held, longest, waited)."""
    found = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line == "part":
            found.append([])
        else:
            caller, lock, *numbers = line.split()
            found[-1].append((int(caller, 16), int(lock, 16), *map(int, numbers)))
    return found


def figure(rows, ios, table):
    """Of the locks that several CPUs took; who took them."""
    cpus, held = defaultdict(set), defaultdict(int)
    for _, lock, cpu, _, instructions, _, _ in rows:
        cpus[lock].add(cpu)
        held[lock] += instructions
    rows = [row for row in rows if len(cpus[row[1]]) > 1]
    by_function = defaultdict(float)
    for caller, _, _, taken, *_ in rows:
        by_function[table.name(caller)] += taken / ios
    return {"taken": round(sum(row[3] for row in rows) / ios, 2),
            "held": round(max((held[row[1]] for row in rows), default=0) / ios, 1),
            "longest": max((row[5] for row in rows), default=0),
            "waited": round(sum(row[6] for row in rows) / ios, 2),
            "functions": {name: round(taken, 2) for name, taken in sorted(by_function.items(), key=lambda row: -row[1])
                          if taken >= 0.05}}


def by_target(cell):
    """Shared locks that the target takes, per I/O."""
    return sum(taken for name, taken in cell["locks"]["functions"].items() if MODULE in name or name in ALLOCATOR)


def bounds(load, row, column, helped):
    """What must hold of one load: (description, seen, bound, holds), one each."""
    taken = by_target(row[column])
    most = HELPED_TAKEN_BOUND if helped else TAKEN_BOUND
    checks = [(f"{load}: shared locks that the target takes", taken, f"at most {most}", taken <= most)]
    if helped:
        held = row[column]["locks"]["held"]
        checks.append((f"{load}: instructions for which the busiest lock is held", held, f"at most {HELPED_HELD_BOUND}",
                       held <= HELPED_HELD_BOUND))
    return checks


def table(found, targets):
    """Lines of text."""
    out = ["per I/O, of locks that several CPUs take: taken, waits, instructions for which the busiest is held; the longest",
           " " * 28 + "".join(f"{name:>32}" for name in targets)]
    for load, row in found.items():
        cells = (row[name]["locks"] for name in targets)
        out.append(load.ljust(28) + "".join(
            f"{cell['taken']:10.2f}{cell['waited']:6.2f}{cell['held']:8.0f}{cell['longest']:8d}" for cell in cells))
    return out
