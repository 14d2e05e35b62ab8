# SPDX-License-Identifier: MIT
#
# TAP for the judges of this folder that are told what to say of given figures.

RESULTS = []


def check(good, name):
    """One result."""
    RESULTS.append(good)
    print(f"{'ok' if good else 'not ok'} {len(RESULTS)} - {name}")


def finish():
    """The plan; the last thing that a suite does."""
    print(f"1..{len(RESULTS)}")
