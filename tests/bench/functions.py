# SPDX-License-Identifier: MIT
"""Functions of a profile: the function of an address, and a table of functions."""

import bisect
import sys
from collections import defaultdict


class Functions:
    """Address to function, of the kernel and its modules."""

    def __init__(self, symbols):
        found = {0: "(user space)"}
        for address, _, *name in symbols:
            found[int(address, 16)] = " ".join(name)
        self.starts = sorted(found)
        self.names = [found[start] for start in self.starts]

    def name(self, address):
        """Of the function that holds the address."""
        return self.names[bisect.bisect_right(self.starts, address) - 1]


def show(columns, least, out=sys.stdout):
    """The table."""
    functions = sorted({name for column in columns.values() for name in column},
                       key=lambda name: -max(column.get(name, 0) for column in columns.values()))
    print("".join(f"{title:>15}" for title in columns) + "  function", file=out)
    rest = defaultdict(float)
    for name in functions:
        values = [column.get(name, 0.0) for column in columns.values()]
        if max(values) < least:
            for title, value in zip(columns, values):
                rest[title] += value
            continue
        print("".join(f"{value:15.1f}" for value in values) + f"  {name}", file=out)
    print("".join(f"{rest[title]:15.1f}" for title in columns) + f"  (all below {least:g})", file=out)
    print("".join(f"{sum(column.values()):15.1f}" for column in columns.values()) + "  sum", file=out)
