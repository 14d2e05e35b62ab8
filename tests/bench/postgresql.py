# SPDX-License-Identifier: MIT
"""What a database sees: pgbench and a sequential scan on ext4 and xfs, over each target.

The guest (tests/qemu) has one CPU under -icount and its devices in RAM. The unit is instructions
of PostgreSQL, file system and target together. The guest's clock runs ahead while the guest waits
for a file of the host, so the round with the least instructions counts.
"""

import json
import subprocess
from pathlib import Path

from kernel import CACHE, CHECKOUT, PrepareError, digest, locked, run, say

TARGETS = ("raw", "linear", "envelope", "crypt", "crypt-inline", "crypt-same-cpu")
# A limit to end a hang; the guest's clock, which counts too, may have run far ahead by then.
SECONDS = 9000
UNITS = {"transaction": "pgbench transaction", "page": "page of 8 KiB in a sequential scan"}


def cluster():
    """The archive of a database cluster, made once."""
    maker = CHECKOUT / "tests/bench/host/postgresql-cluster"
    server = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))[-1:]
    if not server:
        raise PrepareError("no PostgreSQL here: run tests/deps/install first")
    archive = CACHE / f"postgresql-{digest([maker], run([*server, '--version']))}.tar"
    with locked("postgresql"):
        if not archive.exists():
            say("making a database cluster")
            run([maker, archive])
    return archive


def add(found, result):
    """One round."""
    units = found.setdefault(result["filesystem"], {})
    for unit, text in UNITS.items():
        units.setdefault(text, {}).setdefault(result["target"], []).append(result[unit])


def measure(series):
    """Figures of one kernel: file system -> unit -> target -> instructions, the least of the rounds and the rounds."""
    command = [CHECKOUT / "tests/qemu/vm", "--kernel", series, "--memory", "2G", "--count", "--timeout", str(SECONDS),
               "--environment", f"BENCH_CLUSTER={cluster()}", "--interactive-script",
               CHECKOUT / "tests/bench/guest/postgresql"]
    found = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("{"):
                add(found, json.loads(line))
            else:
                say(f"  {series}: {line.rstrip()}")
    if process.returncode:
        raise PrepareError(f"PostgreSQL did not come to the end on {series} (see above)")
    return {filesystem: {unit: {target: {"cost": min(values), "rounds": values} for target, values in row.items()}
                         for unit, row in rows.items()} for filesystem, rows in found.items()}


def table(found):
    """Lines of text."""
    lines = ["PostgreSQL: instructions".ljust(48) + "".join(f"{name:>15}" for name in TARGETS)]
    for filesystem, rows in found.items():
        for unit, row in rows.items():
            lines.append(f"{filesystem}, {unit}".ljust(48) + "".join(f"{row[name]['cost']:15d}" for name in TARGETS))
    apart = max(max(figure["rounds"]) / min(figure["rounds"]) - 1 for rows in found.values() for row in rows.values()
                for figure in row.values())
    lines.append(f"two rounds of the same differ by at most {100 * apart:.1f} %")
    return lines
