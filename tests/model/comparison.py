# SPDX-License-Identifier: MIT
"""Compares a program with a model, over generated subjects (a policy, a list of grants) with some requests each.

The environment has PAIRS, the number of pairs of a subject and a request, and SEED.
"""

import json
import os
import subprocess

REQUESTS = 10  # for each subject
BATCH = 1000  # subjects
PAIRS = int(os.environ.get("PAIRS", "100000"))
TOTAL = PAIRS // REQUESTS * REQUESTS


def seed(fallback):
    return int(os.environ.get("SEED", str(fallback)))


def batches(make):
    """Lists of (subject, requests): `make(REQUESTS)` gives one."""
    left = PAIRS // REQUESTS
    while left > 0:
        count = min(BATCH, left)
        yield [make(REQUESTS) for _ in range(count)]
        left -= count


def answers(program, name, batch):
    """The answers of the program, a line for each subject, which is member `name` of its input."""
    lines = "".join(json.dumps({name: subject, "requests": requests}) + "\n" for subject, requests in batch)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} failed: {done.stderr[-2000:]}"
    seen = done.stdout.splitlines()
    assert len(seen) == len(batch), (len(seen), len(batch))
    return seen


def check(expected, line, subject, requests):
    """The program has answered as the model; `subject`: a text for the failure"""
    if line == expected:
        return
    first = next((i for i, (a, b) in enumerate(zip(line, expected)) if a != b), 0)
    raise AssertionError(f"{subject}\nrequest {json.dumps(requests[first])}\nexpected {expected}, seen {line}")
