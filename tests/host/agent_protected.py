# SPDX-License-Identifier: MIT
#
# Write-protected disks: what would write to them is refused before the first write, and the user reads
# which disk is write-protected.

import contextlib
import subprocess

from agent_daemon import DISK_BYTES
from agent_suite import LOST, agent, finish, lose, one, test
from wait import wait_for

RECORDED_LOSS = f'"state":"{LOST}"'.encode()  # in a header


def create(*more):
    return "create", "db1", "--device", one.path, "--storage-encrypted", *more


@contextlib.contextmanager
def protected(disk):
    """The disk is write-protected, and has the same bytes afterwards."""
    before = disk.read(DISK_BYTES)
    subprocess.run(["blockdev", "--setro", disk.device], check=True)
    try:
        yield
    finally:
        subprocess.run(["blockdev", "--setrw", disk.device], check=True)
    assert disk.read(DISK_BYTES) == before, "the disk was changed"


def names_protection(said, disk):
    return f"{disk.device} is write-protected. Nothing was written." in said and f"blockdev --setrw {disk.device}" in said


@test("what would write to a protected disk is refused, and names the disk and the protection")
def _():
    with protected(one):
        said = agent.bad("InvalidParameterValue", *create())
        assert names_protection(said, one), said
    one.make_swap()
    with protected(one):
        said = agent.bad("InvalidParameterValue", *create("--allow-overwrite"))
        assert names_protection(said, one), said
    assert not agent.clusters()
    agent.good(*create("--allow-overwrite"))
    agent.good("stop", "db1")
    with protected(one):
        said = agent.bad("InvalidParameterValue", "delete", "db1", "--skip-final-snapshot", "--erase")
        assert names_protection(said, one) and agent.status("db1") == "stopped", said
        said = agent.good("delete", "db1", "--skip-final-snapshot").stdout
        assert "is not marked as deleted" in said and names_protection(said, one), f"the answer does not say it: {said}"
        assert "takes the volume in again" in said, said
        said = agent.log()
        assert names_protection(said[said.index("cannot mark the header"):], one), said[-1000:]


@test("a creation whose disk becomes protected while the KMS is asked names the protection")
def _():
    with agent.silent_kms():
        creation = agent.begin(*create())
        agent.asked(creation)
        subprocess.run(["blockdev", "--setro", one.device], check=True)
    said = creation.communicate()[1]
    subprocess.run(["blockdev", "--setrw", one.device], check=True)
    assert creation.returncode and names_protection(said, one), said
    assert not any(one.read()) and not agent.clusters()


@test("a protected disk is not stamped with an owner, and its stop ends no claim; a loss waits for the disk")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.told_disks()
    log = len(agent.log())
    with protected(one):
        agent.good("start", "db1")
        agent.good("stop", "db1")
        assert "claim" not in agent.log()[log:], agent.log()[log:]
        agent.good("start", "db1")
        lose("db1", key)
        wait_for(lambda: "cannot record its state" in agent.log()[log:])
        said = agent.log()[log:]
        assert names_protection(said[said.index("cannot record its state"):], one), said
    wait_for(lambda: RECORDED_LOSS in one.read())


finish()
