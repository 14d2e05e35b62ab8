# SPDX-License-Identifier: MIT
#
# The evaluator of key policies against the model of AWS's rules in tests/model, over generated pairs of a policy
# and a request: always the same answer. The pairs are interesting: each answer has a tenth of them at least.
#
#	PAIRS=100000 SEED=20261129 kms_policy_model.py PROGRAM

import json
import os
import random
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "../lib"), os.path.join(here, "../model")]

import policy_model as model  # noqa: E402  pylint: disable=wrong-import-position
from policy_pairs import Pairs  # noqa: E402  pylint: disable=wrong-import-position
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

REQUESTS = 10  # for each policy
BATCH = 1000  # policies
LETTERS = {model.ALLOW: "a", model.DENY: "d", model.NONE: "n"}

program = sys.argv[1]
wanted = int(os.environ.get("PAIRS", "100000"))
seed = int(os.environ.get("SEED", "20261129"))
tap = Tap(*sys.argv[2:])


def batches():
    """(policy as text, requests), BATCH at a time."""
    pairs, left = Pairs(random.Random(seed)), wanted // REQUESTS
    while left > 0:
        count = min(BATCH, left)
        yield [(pairs.policy(), [pairs.request() for _ in range(REQUESTS)]) for _ in range(count)]
        left -= count


def verdicts(batch):
    """The answers of the program, a line for each policy."""
    lines = "".join(json.dumps({"policy": text, "requests": requests}) + "\n" for text, requests in batch)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} failed: {done.stderr[-2000:]}"
    return done.stdout.splitlines()


@tap.test(f"{wanted} pairs of a policy and a request: the evaluator and the model give the same answer")
def _():
    count = dict.fromkeys(LETTERS.values(), 0)
    for batch in batches():
        seen = verdicts(batch)
        assert len(seen) == len(batch), (len(seen), len(batch))
        for (text, requests), line in zip(batch, seen):
            policy = model.read(text)
            expected = "".join(LETTERS[model.evaluate(policy, r)] for r in requests)
            for letter in expected:
                count[letter] += 1
            if line == expected:
                continue
            first = next((i for i, (a, b) in enumerate(zip(line, expected)) if a != b), 0)
            raise AssertionError(f"seed {seed}\npolicy {text}\nrequest {json.dumps(requests[first])}\n"
                                 f"expected {expected}, seen {line}")
    total = sum(count.values())
    tap.comment(f"{total} pairs: " + ", ".join(f"{n} {k} ({100 * n / total:.1f} %)" for k, n in count.items()))
    assert total == wanted // REQUESTS * REQUESTS and min(count.values()) >= total / 10, count


sys.exit(tap.finish())
