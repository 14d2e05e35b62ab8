# SPDX-License-Identifier: MIT
#
# The evaluator of key policies against the model of AWS's rules in tests/model, over generated pairs of a policy
# and a request: always the same answer. The pairs are interesting: each answer has a tenth of them at least.
#
#	PAIRS=100000 SEED=20261129 kms_policy_model.py PROGRAM

import os
import random
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "../lib"), os.path.join(here, "../model")]

import comparison  # noqa: E402  pylint: disable=wrong-import-position
import policy_model as model  # noqa: E402  pylint: disable=wrong-import-position
from policy_pairs import Pairs  # noqa: E402  pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

LETTERS = {model.ALLOW: "a", model.DENY: "d", model.NONE: "n"}

program = sys.argv[1]
seed = comparison.seed(20261129)
pairs = Pairs(random.Random(seed))
tap = Tap(*sys.argv[2:])


def make(requests):
    return pairs.policy(), [pairs.request() for _ in range(requests)]


@tap.test(f"{comparison.PAIRS} pairs of a policy and a request: the evaluator and the model give the same answer")
def _():
    count = dict.fromkeys(LETTERS.values(), 0)
    for batch in comparison.batches(make):
        for (text, requests), line in zip(batch, comparison.answers(program, "policy", batch)):
            policy = model.read(text)
            expected = "".join(LETTERS[model.evaluate(policy, r)] for r in requests)
            for letter in expected:
                count[letter] += 1
            comparison.check(expected, line, f"seed {seed}\npolicy {text}", requests)
    total = sum(count.values())
    tap.comment(f"{total} pairs: " + ", ".join(f"{n} {k} ({100 * n / total:.1f} %)" for k, n in count.items()))
    assert total == comparison.TOTAL and min(count.values()) >= total / 10, count


sys.exit(tap.finish())
