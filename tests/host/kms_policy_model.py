# SPDX-License-Identifier: MIT
#
# The evaluator of key policies, and the decision with the policies of the caller, against the model of AWS's rules in
# tests/model, over generated pairs of policies and a request: always the same answer. The pairs are interesting:
# each answer has a twentieth of them at least.
#
#	PAIRS=100000 SEED=20261129 kms_policy_model.py PROGRAM

import os
import random
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "../lib"), os.path.join(here, "../model")]

import comparison  # noqa: E402  pylint: disable=wrong-import-position
import policy_model as model  # noqa: E402  pylint: disable=wrong-import-position
from policy_pairs import KEY, OTHER_RESOURCES, Pairs  # noqa: E402  pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

VERDICTS = {model.ALLOW: "a", model.ACCOUNT: "o", model.DENY: "d", model.NONE: "n"}
DECISIONS = {model.ALLOWED: "a", model.DENIED_BY_KEY: "k", model.DENIED_BY_USER: "u", model.BY_GRANT: "g"}
RESOURCES = 20 * (KEY,) + OTHER_RESOURCES

program = sys.argv[1]
seed = comparison.seed(20261129)
pairs = Pairs(random.Random(seed))
tap = Tap(*sys.argv[2:])


def compare(name, letters, make, decide):
    """`decide` gives the model's answer for a subject that `make` has made, and one of its requests."""
    count = dict.fromkeys(letters.values(), 0)
    for batch in comparison.batches(make):
        for (subject, requests), line in zip(batch, comparison.answers(program, name, batch)):
            expected = "".join(letters[answer] for answer in decide(subject, requests))
            for letter in expected:
                count[letter] += 1
            comparison.check(expected, line, f"seed {seed}\n{name} {subject}", requests)
    total = sum(count.values())
    tap.comment(f"{total} pairs: " + ", ".join(f"{n} {k} ({100 * n / total:.1f} %)" for k, n in count.items()))
    assert total == comparison.TOTAL and min(count.values()) >= total / 20, count


@tap.test(f"{comparison.PAIRS} pairs of a policy and a request: the evaluator and the model give the same answer")
def _():
    def decide(text, requests):
        policy = model.read(text)
        return [model.evaluate(policy, r) for r in requests]

    compare("policy", VERDICTS, lambda n: (pairs.policy(), [pairs.request(RESOURCES) for _ in range(n)]), decide)


@tap.test(f"{comparison.PAIRS} pairs with policies of the caller: the decision and the model give the same answer")
def _():
    def decide(subject, requests):
        policy, own = model.read(subject["key"]), [model.read(text) for text in subject["user"]]
        return [model.decide(policy, own, r) for r in requests]

    compare("decision", DECISIONS,
            lambda n: ({"key": pairs.policy(), "user": pairs.user_policies()}, [pairs.request() for _ in range(n)]), decide)


sys.exit(tap.finish())
