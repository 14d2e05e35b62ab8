# SPDX-License-Identifier: MIT
#
# What a start finds on a volume: file systems that were made on another device and copied onto the volume.
# The file systems are real; the volume's device is a file (tests/unit/kernel_stand_in.c).

import contextlib
import os
import subprocess

from agent_suite import agent, finish, one, test

EXT4, XFS = "mkfs.ext4 -q -b", "mkfs.xfs -q --unsupported -s"
MAPPED = f"{agent.kernel}/mapped/envelope-db1"

os.mkdir(os.path.dirname(MAPPED))


@contextlib.contextmanager
def volume_with(sector, *mkfs):
    """A stopped cluster with sectors of this size, and what the command makes on the volume."""
    agent.create("db1", one, "--sector-size", sector)
    agent.good("stop", "db1")
    with open(MAPPED, "wb") as volume:
        volume.truncate(64 << 20)
    if mkfs:
        subprocess.run([*" ".join(mkfs).split(), MAPPED], check=True, capture_output=True)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(MAPPED)
        agent.remove_all()


def started():
    """What is said of the volume: by the start, by the status, in the journal."""
    before = len(agent.log())
    return agent.good("start", "db1").stdout, agent.said("status"), agent.log()[before:]


@test("a start warns of a file system whose blocks are smaller than the sectors of the volume")
def _():
    for kind, size, mkfs in ("ext4", 1024, (EXT4, "1024")), ("xfs", 512, (XFS, "size=512")):
        with volume_with("4096", *mkfs):
            for said in started():
                assert f"a file system ({kind}) with blocks of {size} bytes" in said, said
                assert "a volume with sectors of 4096 bytes" in said and "--sector-size 512" in said, said
            agent.restart()
            said = agent.said("status")
            assert f"a file system ({kind}) with blocks of {size} bytes" in said, f"the next agent has forgotten it: {said}"
            agent.good("stop", "db1")
            os.unlink(MAPPED)
            for said in started():
                assert "file system" not in said, f"of the start before: {said}"
            agent.restart()
            assert "file system" not in agent.said("status")


@test("no start warns of a file system that fits the volume")
def _():
    for sector, *mkfs in ("4096", EXT4, "4096"), ("4096", XFS, "size=4096"), ("512", EXT4, "1024"), ("512", XFS, "size=512"):
        with volume_with(sector, *mkfs):
            for said in started():
                assert "file system" not in said, f"{sector}, {mkfs}: {said}"


@test("a volume that is empty or cannot be read starts without a warning")
def _():
    with volume_with("4096"):
        for said in started():
            assert "file system" not in said, said
        agent.good("stop", "db1")
        os.unlink(MAPPED)
        os.mkdir(MAPPED)
        try:
            for said in started():
                assert "file system" not in said and "mapped" not in said, said
        finally:
            os.rmdir(MAPPED)


finish()
