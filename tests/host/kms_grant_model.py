# SPDX-License-Identifier: MIT
#
# The rules of grants against the model of AWS's rules in tests/model, over generated pairs of some grants and a
# request: always the same answer, from all grants and from those that their groups find.
#
#	PAIRS=100000 SEED=20261130 kms_grant_model.py PROGRAM

import json
import os
import random
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "../lib"), os.path.join(here, "../model")]

import comparison  # noqa: E402  pylint: disable=wrong-import-position
import grant_model as model  # noqa: E402  pylint: disable=wrong-import-position
from grant_pairs import GrantPairs  # noqa: E402  pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

LETTERS = {False: "n", True: "a"}

program = sys.argv[1]
seed = comparison.seed(20261130)
pairs = GrantPairs(random.Random(seed))
tap = Tap(*sys.argv[2:])


def make(requests):
    grants = pairs.grants()
    return grants, [pairs.request(grants) for _ in range(requests)]


@tap.test(f"{comparison.PAIRS} pairs of some grants and a request: the rules, the groups and the model give the same answer")
def _():
    count = {}
    for batch in comparison.batches(make):
        for (grants, requests), line in zip(batch, comparison.answers(program, "grants", batch)):
            expected = "".join(LETTERS[model.allows(grants, r)] for r in requests)
            for letter, request in zip(expected, requests):
                count[request["operation"], letter] = count.get((request["operation"], letter), 0) + 1
            # g: the groups disagree with the rules.
            comparison.check(expected, line, f"seed {seed}\ngrants {json.dumps(grants)}", requests)
    total = sum(count.values())
    tap.comment(f"{total} pairs: " + ", ".join(f"{n} {o} {k}" for (o, k), n in sorted(count.items())))
    assert total == comparison.TOTAL and len(count) == 18 and min(count.values()) >= total / 200, count


sys.exit(tap.finish())
