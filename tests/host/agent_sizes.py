# SPDX-License-Identifier: MIT
#
# A disk that becomes longer or shorter.

import contextlib
import os
import subprocess

from agent_daemon import DISK_BYTES
from agent_suite import agent


def resize(disk, size):
    os.truncate(disk.image, size)
    subprocess.run(["losetup", "-c", disk.device], check=True)


@contextlib.contextmanager
def of_size(disk, size):
    """The disk has another size. Cluster db1 is stopped before the disk has its own size again."""
    resize(disk, size)
    try:
        yield
    finally:
        agent.cli("stop", "db1")
        resize(disk, DISK_BYTES)
