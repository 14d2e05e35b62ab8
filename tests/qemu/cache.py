# SPDX-License-Identifier: MIT
"""The cache of what tests build ($DM_ENVELOPE_CACHE, default /var/cache/dm-envelope).

An entry is keyed by everything that went into it. Nothing is ever written to the checkout.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("DM_ENVELOPE_CACHE", "/var/cache/dm-envelope"))


class PrepareError(Exception):
    """A guest cannot be prepared or measured; the text says why and what to do."""


def say(text):
    """A line about progress."""
    print(f"vm: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(name):
    """Two runs that prepare the same thing wait for each other."""
    (CACHE / "lock").mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock" / name, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(command, log=None, **kwargs):
    """Run a build step; on failure show the end of its output and stop."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **kwargs)
    if log:
        Path(log).write_text(done.stdout, encoding="utf-8")
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise PrepareError(f"{' '.join(map(str, command))} failed:\n{tail}")
    return done.stdout


def digest(paths, *words):
    """A short name for the content of some files."""
    total = hashlib.sha256(" ".join(words).encode())
    for path in sorted(paths):
        total.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]
