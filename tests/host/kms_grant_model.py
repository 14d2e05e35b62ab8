# SPDX-License-Identifier: MIT
#
# The rules of grants against the model of AWS's rules in tests/model, over generated pairs of some grants and a
# request: always the same answer, from all grants and from those that their groups find.
#
#	PAIRS=100000 SEED=20261130 kms_grant_model.py PROGRAM

import json
import os
import random
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "../lib"), os.path.join(here, "../model")]

import grant_model as model  # noqa: E402  pylint: disable=wrong-import-position
from grant_pairs import GrantPairs  # noqa: E402  pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

REQUESTS = 10  # for each list of grants
BATCH = 1000  # lists
LETTERS = {False: "n", True: "a"}

program = sys.argv[1]
wanted = int(os.environ.get("PAIRS", "100000"))
seed = int(os.environ.get("SEED", "20261130"))
tap = Tap(*sys.argv[2:])


def batches():
    """(grants, requests), BATCH at a time."""
    pairs, left = GrantPairs(random.Random(seed)), wanted // REQUESTS
    while left > 0:
        count = min(BATCH, left)
        lists = [pairs.grants() for _ in range(count)]
        yield [(grants, [pairs.request(grants) for _ in range(REQUESTS)]) for grants in lists]
        left -= count


def answers(batch):
    """The answers of the program, a line for each list of grants."""
    lines = "".join(json.dumps({"grants": grants, "requests": requests}) + "\n" for grants, requests in batch)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} failed: {done.stderr[-2000:]}"
    return done.stdout.splitlines()


@tap.test(f"{wanted} pairs of some grants and a request: the rules, the groups and the model give the same answer")
def _():
    count = {}
    for batch in batches():
        seen = answers(batch)
        assert len(seen) == len(batch), (len(seen), len(batch))
        for (grants, requests), line in zip(batch, seen):
            expected = "".join(LETTERS[model.allows(grants, r)] for r in requests)
            for letter, request in zip(expected, requests):
                count[request["operation"], letter] = count.get((request["operation"], letter), 0) + 1
            if line == expected:
                continue
            first = next((i for i, (a, b) in enumerate(zip(line, expected)) if a != b), 0)
            raise AssertionError(f"seed {seed}\ngrants {json.dumps(grants)}\nrequest {json.dumps(requests[first])}\n"
                                 f"expected {expected}, seen {line} (g: the groups disagree with the rules)")
    total = sum(count.values())
    tap.comment(f"{total} pairs: " + ", ".join(f"{n} {o} {k}" for (o, k), n in sorted(count.items())))
    assert total == wanted // REQUESTS * REQUESTS and len(count) == 18 and min(count.values()) >= total / 200, count


sys.exit(tap.finish())
