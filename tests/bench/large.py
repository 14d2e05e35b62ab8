# SPDX-License-Identifier: MIT
"""Large writes: the requests that the disk gets for each, and the instructions.

The lower device takes 128 segments in a request, as an NVMe disk takes 127. Beside the module as it is, a
module whose writes have single pages shows what the runs of contiguous pages (kmod/runs.c) are for.
"""

import figures
import guest
import plan

TARGETS = ("linear", "envelope", "crypt-inline")
# The envelope on a module that takes single pages (reduced.py).
SINGLE = "single"
COLUMNS = ("linear", "envelope", SINGLE, "crypt-inline")
ROWS = [plan.Load("write", "sequential", block, 1, 33554432 // block) for block in (131072, 524288, 1048576)]


def lines(column, target):
    """What is measured of a target: the disk's count of requests around each load."""
    disk = f"nullb{list(plan.ALL).index(target)}"
    found = []
    for row in ROWS:
        found += [f"requests before/{row.name} {disk}",
                  f"measure {column}/{row.name} {row.words} device={plan.device(target)}",
                  f"requests after/{row.name} {disk}"]
    return found


def measure(target):
    """Figures of one kernel: load -> column -> cost, requests."""
    orders = plan.setup(target.series, TARGETS)
    for name in TARGETS:
        orders += lines(name, name)
    orders += [*plan.exchange(target.series, SINGLE), *lines(SINGLE, "envelope")]
    results, _ = guest.measure(target, orders)
    found = {row.name: {} for row in ROWS}
    for before, seen, after in zip(*[iter(results)] * 3, strict=True):
        (column, load), = figures.rounds_of([seen])
        row = next(row for row in ROWS if row.name == load)
        found[load][column] = {"cost": round(seen["ns"] / seen["ios"]),
                               "requests": round((after["requests"] - before["requests"]) / (row.count + row.warmup), 2)}
    return found


def bounds(found):
    """What must hold: (description, seen, bound, holds), one each."""
    return [(f"{load}: requests for each", row["envelope"]["requests"], "at most 1", row["envelope"]["requests"] <= 1)
            for load, row in found.items()]


def times(found):
    """Lines of text: ns of a write in runs of pages and in single pages."""
    return [f"{load}: {row['envelope']['cost']} ns, in single pages {row[SINGLE]['cost']} ns"
            for load, row in found.items() if SINGLE in row]


def table(found):
    """Lines of text."""
    out = ["requests, instructions per write".ljust(36) + "".join(f"{name:>20}" for name in COLUMNS)]
    for load, row in found.items():
        out.append(load.ljust(36) + "".join(f"{row[name]['requests']:10.2f}{row[name]['cost']:10d}" for name in COLUMNS))
    return out
