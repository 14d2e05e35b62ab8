# SPDX-License-Identifier: MIT
"""From measurements to figures per I/O, and from figures to what must hold.

Figures are a dict: load -> column -> {"cost", "switches"}; columns are the targets of plan.py
and "cipher", the unit of a cost is instructions or nanoseconds. The floor is dm-linear plus the
bare cipher on the same data: no target can cost less. The overhead of a target is its cost above the floor.
"""

# Of inline dm-crypt's overhead, the most that the envelope may have.
OVERHEAD_BOUND = 0.25
# How many times more default dm-crypt must take at depth 1.
DEFAULT_BOUND = {"read": 1.75, "write": 2.1}


def rounds_of(results):
    """(column, load) -> its results, one per round."""
    rounds = {}
    for result in results:
        if result["errors"]:
            raise ValueError(f"{result['errors']} of {result['ios']} I/Os failed: {result['id']}")
        rounds.setdefault(tuple(result["id"].split("/")), []).append(result)
    return rounds


def times_of(results):
    """(column, load) -> cost of an I/O, one per round."""
    return {what: [result["ns"] / result["ios"] for result in seen] for what, seen in rounds_of(results).items()}


def collect(results, rows):
    """Figures of one guest; of a load that was measured several times the round that cost least."""
    rounds = rounds_of(results)
    figures = {row.name: {} for row in rows}
    ciphers = {}
    for (column, name), seen in rounds.items():
        least = min(seen, key=lambda result: result["ns"] / result["ios"])
        figure = {"cost": round(least["ns"] / least["ios"], 1)}
        if column == "cipher":
            ciphers[name] = {**figure, "switches": 0.0, "driver": least["driver"]}
            continue
        # The count of switches takes the warm-up in.
        row = next(row for row in rows if row.name == name)
        figures[name][column] = {**figure, "switches": round(least["switches"] / (row.count + row.warmup), 2)}
    for row in rows:
        figures[row.name]["cipher"] = ciphers[row.cipher]
    return figures


def cost(figures, load, column):
    """One figure; None if it was not measured."""
    found = figures.get(load, {}).get(column)
    return found and found["cost"]


def floor(figures, load):
    """dm-linear plus the cipher."""
    return cost(figures, load, "linear") + cost(figures, load, "cipher")


def overhead(figures, load, column):
    """What a target takes above the floor."""
    return cost(figures, load, column) - floor(figures, load)


def bounds(figures, most=None):
    """What must hold: (description, seen, bound, holds), one each; MOST by operation, else OVERHEAD_BOUND."""
    found = []
    for load in figures:
        bound = (most or {}).get(load.split("-")[0], OVERHEAD_BOUND)
        inline = overhead(figures, load, "crypt-inline")
        seen = overhead(figures, load, "envelope") / inline
        found.append((f"{load}: overhead above the floor, of inline dm-crypt's", seen, f"at most {bound}", seen <= bound))
    for load in figures:
        op, _, block, depth = load.split("-")
        if block == "4k" and depth == "1":
            seen = cost(figures, load, "crypt") / cost(figures, load, "envelope")
            found.append((f"{load}: default dm-crypt's cost, of the envelope's", seen,
                          f"at least {DEFAULT_BOUND[op]}", seen >= DEFAULT_BOUND[op]))
    return found


def table(figures, column_names, unit="instructions"):
    """Lines of text: cost per I/O, below it context switches per I/O where they were counted."""
    width = max(len("context switches per I/O"), *(len(load) for load in figures))
    head = "".join(f"{name:>15}" for name in (*column_names, "floor"))
    lines = [f"{unit} per I/O".ljust(width) + head]
    for load, row in figures.items():
        values = [row[name]["cost"] for name in column_names] + [floor(figures, load)]
        lines.append(load.ljust(width) + "".join(f"{value:15.0f}" for value in values))
    if "switches" not in next(iter(figures.values()))["linear"]:
        return lines
    lines.append("context switches per I/O")
    for load, row in figures.items():
        lines.append(load.ljust(width) + "".join(f"{row[name]['switches']:15.2f}" for name in column_names))
    return lines
