# SPDX-License-Identifier: MIT
"""Nanoseconds in a guest under KVM, where a guest boots under it.

The guest has two CPUs and the clock of the host's processor; the targets are measured in rounds (rounds.py).
If KVM does not boot a kernel and this part is asked for, the guest is emulated. Its times are
then those of the emulator and only show that this part works.
"""

import figures
import guest
import plan
from launch import accelerator
from prepare import StockKernel

ROUNDS = 15
CPUS = 2


def here():
    """"kvm" where a stock kernel boots under it, else "tcg"."""
    return accelerator(StockKernel("6.12").image)


def loads():
    """As for the other units, and more of each."""
    return [plan.Load(row.op, row.pattern, row.block, row.depth, 4 * row.count) for row in plan.loads()]


def measure(target, rounds=ROUNDS):
    """Boot and measure: load -> column -> times of an I/O, one per round."""
    rows = loads()
    lines = plan.setup(target.series, plan.TARGETS, "hardirq", CPUS)
    for _ in range(rounds):
        lines += plan.measurements(target.series, plan.TARGETS, rows)
    results, _ = guest.measure(target, lines, cpus=CPUS, kvm=here() == "kvm")
    times = figures.times_of(results)
    found = {row.name: {name: times[name, row.name] for name in plan.TARGETS} for row in rows}
    for row in rows:
        found[row.name]["cipher"] = times["cipher", row.cipher]
    return found
