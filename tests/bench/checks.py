# SPDX-License-Identifier: MIT
"""What the checks of a bio cost: the module as it is, and without one of them, in one boot.

The module checks the key and the device's state for every bio, and holds a section that a kill
waits for. Here each of the three is taken away in turn (reduced.py); the check costs the
instructions that a bio then saves.
"""

import figures
import guest
import plan

CHECKS = {"key": "the key is good", "state": "the device is live", "section": "what a kill waits for"}
TARGETS = ("linear", "envelope")


def measure(target):
    """Figures of one kernel: completion -> load -> check -> instructions."""
    rows = plan.loads(blocks=(4096,), depths=(32,))
    found = {}
    for completion in plan.IRQ_MODES:
        lines = plan.setup(target.series, TARGETS, completion)
        for reduced in ("", *CHECKS):
            if reduced:
                lines += plan.exchange(target.series, reduced)
            for row in rows:
                lines.append(f"measure {reduced or 'envelope'}/{row.name} {row.words} device={plan.device('envelope')}")
        results, _ = guest.measure(target, lines)
        seen = {what: times[0] for what, times in figures.times_of(results).items()}
        found[completion] = {row.name: {check: round(seen["envelope", row.name] - seen[check, row.name])
                                        for check in CHECKS} for row in rows}
    return found


def table(found):
    """Lines of text."""
    lines = ["what a check costs, instructions per I/O".ljust(44) + "".join(f"{text:>24}" for text in CHECKS.values())]
    for completion, loads in found.items():
        for load, row in loads.items():
            lines.append(f"{load}, {completion}".ljust(44) + "".join(f"{row[check]:24d}" for check in CHECKS))
    return lines
