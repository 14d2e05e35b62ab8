# SPDX-License-Identifier: MIT
#
# The judge of tests/bench/regress is given the committed figures, changed by hand.

import contextlib
import copy
import importlib.util
import io
import json
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

sys.dont_write_bytecode = True
BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH.parent / "lib"))

from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

TAP = Tap()
loader = SourceFileLoader("regress", str(BENCH / "regress"))
regress = importlib.util.module_from_spec(importlib.util.spec_from_loader("regress", loader))
loader.exec_module(regress)

COMMITTED = json.loads((BENCH / "figures.json").read_text(encoding="ascii"))


def judged(seen):
    """How many failed, and what was said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        failed = regress.compare(seen, COMMITTED)
    return failed, said.getvalue()


def changed(factor, column="envelope"):
    """The committed figures with one of them multiplied."""
    seen = copy.deepcopy(COMMITTED)
    seen["7.3"]["task"]["read-random-4k-1"][column] *= factor
    return seen


failures, text = judged(COMMITTED)
TAP.result(failures == 0 and text.splitlines()[-1] == "1..84", "the committed figures pass, all 84 of them")
TAP.result(judged(changed(1.02, "linear"))[0] == 0, "2 % more passes")
failures, text = judged(changed(1.04, "linear"))
TAP.result(failures == 1 and "+4.0 %" in text, "4 % more fails, and by how much is said")
failures, text = judged(changed(1.01))
TAP.result(failures == 1 and "not ok" in text and "above the floor" in text.split("not ok")[1].splitlines()[0],
      "1 % more of the envelope fails: it is a third of what it adds to a small bio")
TAP.result(judged(changed(1.002))[0] == 0, "0.2 % more of it passes")
failures, text = judged(changed(0.5))
TAP.result(failures == 0 and "-50.0 %" in text, "half as much passes and is mentioned")
more = copy.deepcopy(COMMITTED)
more["7.3"]["task"]["read-random-4k-64"] = {"envelope": 1.0}
TAP.result(judged(more)[0] == 2, "a figure that nobody has committed fails")
sys.exit(TAP.finish())
