# SPDX-License-Identifier: MIT
"""The one way in which Python tests wait (the one for shell is wait.bash)."""

import time

# Seconds for what should come, on a machine that has a lot else to do. A limit ends a hang and measures nothing.
PATIENCE = 120


def wait_for(what, seconds=PATIENCE, step=0.1, why="waited in vain"):
    """Until `what()` is true, which it returns."""
    end = time.monotonic() + seconds
    while True:
        seen = what()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{why() if callable(why) else why}")
        time.sleep(step)
