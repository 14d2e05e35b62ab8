# SPDX-License-Identifier: MIT
#
# The bounds of tests/bench are given the figures in tests/bench/data, changed by hand.

import copy
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tests/bench"), str(TOP / "tests/lib")]

# pylint: disable=wrong-import-position
import fio                                                                   # noqa: E402
import figures                                                               # noqa: E402
import large                                                                 # noqa: E402
import shared                                                                # noqa: E402
import uml                                                                   # noqa: E402
from tap import Tap                                                          # noqa: E402

TAP = Tap()

FIO = json.loads((TOP / "tests/bench/data/fio-task.json").read_text(encoding="ascii"))["7.3"]["figures"]
BIO = json.loads((TOP / "tests/bench/data/bio-task.json").read_text(encoding="ascii"))["7.3"]["figures"]


def read_bounds(engine, **changed):
    """Which bounds of a read at depth 1 hold: description -> holds; with figures of targets changed."""
    seen = copy.deepcopy(FIO)
    seen["read-1"][engine] |= changed
    return {what: holds for what, _, _, holds in fio.bounds(seen) if what.startswith(f"4k random read-1 {engine}:")}


ERROR = {"error": "exit code 1"}
for name in ("io_uring", "io_uring-registered"):
    TAP.result(list(read_bounds(name).values()) == [True, True], f"{name}: both bounds hold as measured")
    TAP.result(list(read_bounds(name, envelope=ERROR).values()) == [False, False], f"{name}: an envelope that fails misses both")
    slow = read_bounds(name, envelope=FIO["read-1"][name]["envelope"] | {"cost": FIO["read-1"][name]["crypt-inline"]["cost"]})
    TAP.result(list(slow.values()) == [False, True], f"{name}: one that is no faster misses one")
    workers = read_bounds(name, envelope=FIO["read-1"][name]["envelope"] | {"workers": 1})
    TAP.result(list(workers.values()) == [True, False], f"{name}: one that needs a worker misses the other")
POLLED = read_bounds("io_uring-iopoll")
TAP.result(len(POLLED) == 2 and all(POLLED.values()), "polled: it works and needs no worker")
TAP.result(not any(read_bounds("io_uring-iopoll", envelope=ERROR).values()), "polled: an envelope that fails misses both")
TAP.result(not read_bounds("io_uring-iopoll", raw=ERROR, linear=ERROR, envelope=ERROR), "polled: nothing is to hold where the bare device cannot")
TAP.result(list(read_bounds("io_uring", linear=ERROR, envelope=ERROR).values()) == [False, False],
      "an envelope that fails misses both, also where dm-linear does")

held = [holds for *_, holds in figures.bounds(BIO)]
dearer = copy.deepcopy(BIO)
dearer["read-random-4k-1"]["envelope"]["cost"] = BIO["read-random-4k-1"]["crypt-inline"]["cost"]
found = [holds for *_, holds in figures.bounds(dearer)]
TAP.result(held[0] and not found[0] and held[1:8] == found[1:8], "a read that costs what inline dm-crypt's does misses its bound")
SHARED = json.loads((TOP / "tests/bench/data/shared.json").read_text(encoding="ascii"))["7.3"]["figures"]
TAP.result(all(holds for *_, holds in shared.bounds(SHARED)), "cache lines: all bounds hold as measured")
for load, figure, text in (("write-random-4k-1", {"taken": 1.5, "hottest": 0.87}, "a count that each write writes"),
                           ("write-sequential-128k-1", {"taken": 670.0, "hottest": 1.77}, "runs that go from CPU to CPU")):
    seen = copy.deepcopy(SHARED)
    seen[load]["envelope"] |= figure
    missed = [what for what, _, _, holds in shared.bounds(seen) if not holds]
    TAP.result(len(missed) == 2 and all(what.startswith(f"{load},") for what in missed), f"{text}: misses both bounds of its load")

seen = copy.deepcopy(SHARED)
seen["write-random-4k-1"]["envelope"]["locks"]["functions"] = {"envelope_pages_take [dm_envelope]": 1.0}
missed = [what for what, _, _, holds in shared.bounds(seen) if not holds]
TAP.result(len(missed) == 1 and missed[0].startswith("write-random-4k-1,"), "a lock that each write takes: misses one bound")
NATIVE = {"read-random-4k-32": {"linear": {"cost": 280}, "cipher": {"cost": 300}, "crypt-inline": {"cost": 710},
                                "crypt": {"cost": 770}, "envelope": {"cost": 610}}}
for held in (figures.bounds(NATIVE), figures.bounds(NATIVE, uml.BOUNDS)):
    TAP.result([holds for *_, holds in held] == [held[0][2] == "at most 0.25"], f"a read with 0.23 of the overhead: {held[0][2]}")

REQUESTS = json.loads((TOP / "tests/bench/data/requests.json").read_text(encoding="ascii"))["7.3"]["figures"]
TAP.result(all(holds for *_, holds in large.bounds(REQUESTS)), "requests of large writes: all bounds hold as measured")
single = {load: {"envelope": row[large.SINGLE]} for load, row in REQUESTS.items()}
TAP.result([holds for *_, holds in large.bounds(single)] == [True, True, False], "1 MiB in single pages: misses its bound")
sys.exit(TAP.finish())
