# SPDX-License-Identifier: MIT
"""Times that are taken in rounds. A round measures each target once, and figures are compared within a
round: other work of the machine then meets all targets alike.

Rounds are a dict: load -> column -> times of an I/O, one per round.
"""

import statistics

from figures import DEFAULT_BOUND, OVERHEAD_BOUND


def spread(values, digits=3):
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(middle, digits), "low": round(low, digits), "high": round(high, digits)}


def summary(rounds):
    """As figures.py has them: the median is the cost."""
    return {load: {column: {"cost": round(statistics.median(values)), **spread(values, 0)}
                   for column, values in row.items()} for load, row in rounds.items()}


def over_floor(row, column):
    """Above dm-linear and the cipher, round by round."""
    return [seen - linear - cipher for seen, linear, cipher in zip(row[column], row["linear"], row["cipher"])]


def share(row):
    """The envelope's overhead of inline dm-crypt's, round by round; None where a round cannot tell: the
    device hides the cipher behind its own work, or inline dm-crypt's overhead is lost in the noise."""
    inline, envelope = over_floor(row, "crypt-inline"), over_floor(row, "envelope")
    if statistics.quantiles(inline, n=4)[0] <= 0:
        return None
    return [mine / its for mine, its in zip(envelope, inline) if its > 0]


def bounds(rounds):
    """What must hold: (description, spread or None, bound, holds or None), one each."""
    found = []
    for load, row in rounds.items():
        seen = share(row)
        middle = seen and spread(seen)
        found.append((f"{load}: overhead above the floor, of inline dm-crypt's", middle, f"at most {OVERHEAD_BOUND}",
                      middle and middle["median"] <= OVERHEAD_BOUND))
    for load, row in rounds.items():
        op, _, block, depth = load.split("-")
        if block == "4k" and depth == "1":
            middle = spread([its / mine for its, mine in zip(row["crypt"], row["envelope"])])
            found.append((f"{load}: default dm-crypt's cost, of the envelope's", middle,
                          f"at least {DEFAULT_BOUND[op]}", middle["median"] >= DEFAULT_BOUND[op]))
    return found


def lines(checks):
    """The same as text."""
    out = []
    for what, seen, bound, holds in checks:
        word = "unknown" if holds is None else "holds" if holds else "FAILS"
        figure = f"{seen['median']:.2f} ({seen['low']:.2f} to {seen['high']:.2f}), " if seen else ""
        out.append(f"{word}: {what}: {figure}{bound}")
    return out
