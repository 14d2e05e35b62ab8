# SPDX-License-Identifier: MIT
#
# The agent has the disk for itself from its check of the disk on, and leaves a disk alone that another
# program or another cluster has.

import contextlib
import os

from agent_suite import LOST, agent, finish, lose, one, stopped_cluster, test, three, two
from wait import wait_for

MARK = b'"state":"deleted"'
LOSS = f'"state":"{LOST}"'.encode()


@contextlib.contextmanager
def had(disk):
    """Another program has the disk for itself, or device mapper has it for a device on top."""
    other = os.open(disk.device, os.O_RDWR | os.O_EXCL)
    try:
        yield
    finally:
        os.close(other)


def is_free(disk):
    """Whether another program gets the disk for itself."""
    try:
        os.close(os.open(disk.device, os.O_RDWR | os.O_EXCL))
        return True
    except OSError:
        return False


@test("no cluster is made on a disk whose header names a cluster of this host, not even with --allow-overwrite")
def _():
    stopped_cluster()
    with open(two.device, "r+b", buffering=0) as copy:  # the leg of a mirror that is not there at the moment
        copy.write(one.read())
    agent.scannable(two, three)
    os.unlink(one.path)
    before, asked = two.read(), len(agent.records("DescribeKey"))
    create = "create", "db2", "--device", two.path, "--storage-encrypted", "--allow-overwrite"
    said = agent.bad("VolumeInUse", *create)
    assert "of the cluster db1" in said and "db2" not in agent.clusters(), said
    assert two.read() == before and len(agent.records("DescribeKey")) == asked
    agent.create("db3", three)
    agent.good("stop", "db3")
    said = agent.bad("InvalidVolumeHeader", "relocate", "db3", "--device", two.path)
    assert "of the cluster db1" in said and agent.clusters()["db3"]["Device"] == three.path, said
    agent.good("delete", "db1", "--skip-final-snapshot")
    agent.good(*create)
    agent.scannable(*agent.disks)
    one.name(one)


@test("a disk that another program has for itself is in use: a start opens nothing and asks no KMS")
def _():
    stopped_cluster()
    asked = len(agent.records("Decrypt"))
    other = os.open(one.device, os.O_RDWR | os.O_EXCL)
    said = agent.bad("VolumeInUse", "start", "db1")
    assert "is in use" in said and len(agent.records("Decrypt")) == asked, said
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    os.close(other)
    agent.good("start", "db1")


@test("while a start asks the KMS no other program gets the disk for itself")
def _():
    stopped_cluster()
    with agent.silent_kms():
        start = agent.begin("start", "db1")
        agent.asked(start)
        agent.told_disks()
        free = is_free(one)
    assert start.wait() == 0 and not free, "the disk was free"


@test("a failed start leaves the disk to others")
def _():
    stopped_cluster()
    with agent.no_kms():
        agent.bad("KMSUnreachable", "start", "db1")
    assert is_free(one), "the disk is not free"


CREATE = "create", "db1", "--device", one.path, "--storage-encrypted"


@test("a creation has the disk for itself from its first question to the KMS to the device")
def _():
    with agent.silent_kms():
        create = agent.begin(*CREATE)
        agent.wait_status("db1", "creating")
        agent.asked(create)
        agent.told_disks()
        free = is_free(one)
    assert create.wait() == 0 and not free, "the disk was free"


@test("a creation has the disk for itself while it writes the header, and another program that came first keeps it")
def _():
    with agent.slow_disk() as written:
        create = agent.begin(*CREATE)
        written()
        free = is_free(one)
        held = b"LUKS" in one.read()
    assert create.wait() == 0 and held and not free, "the disk was free"
    agent.good("stop", "db1")
    agent.good("delete", "db1", "--skip-final-snapshot")
    other, before, asked = os.open(one.device, os.O_RDWR | os.O_EXCL), one.read(), len(agent.records("DescribeKey"))
    said = agent.bad("VolumeInUse", *CREATE, "--allow-overwrite")
    assert "is in use" in said and one.read() == before and len(agent.records("DescribeKey")) == asked, said
    os.close(other)


@test("a creation has the disk for itself while it wipes the old content")
def _():
    one.make_swap()
    with agent.slow_disk() as written:
        create = agent.begin(*CREATE, "--allow-overwrite")
        written()
        free = is_free(one)
    assert create.wait() == 0 and not free, "the disk was free"


@test("an erasure has the disk for itself, and a failed creation leaves it to others")
def _():
    stopped_cluster()
    with agent.slow_disk() as written:
        erase = agent.begin("delete", "db1", "--skip-final-snapshot", "--erase")
        written()
        free = is_free(one)
    assert erase.wait() == 0 and not any(one.read()) and not free, "the disk was free"
    with agent.no_kms():
        agent.bad("KMSUnreachable", *CREATE)
    assert is_free(one), "the disk is not free"


# ---------------------------------------------------------------- small writes to a header


@test("a deletion without --erase has the disk for itself while it marks the header")
def _():
    stopped_cluster()
    with agent.slow_disk() as written:
        delete = agent.begin("delete", "db1", "--skip-final-snapshot")
        written()
        free = is_free(one)
    assert delete.wait() == 0 and MARK in one.read() and not free, "the disk was free"
    assert is_free(one), "the disk is not free"


@test("a deletion without --erase marks no header on a disk that another program has for itself")
def _():
    stopped_cluster()
    before = one.read()
    with had(one):
        done = agent.good("delete", "db1", "--skip-final-snapshot")
        said = done.stdout + done.stderr
    assert "is in use" in said and one.read() == before, f"the disk of another program was written to: {said}"


@test("a loss is written beside the volume's own device, and beside no other")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    with had(one):
        with agent.present("holders", f"{one.device} {three.device}\n"):
            lose("db1", key)
            wait_for(lambda: "cannot record its state" in agent.log())
            held = one.read()
        wait_for(lambda: LOSS in one.read())
    assert LOSS not in held, "a disk below another device was written to"


@test("a loss is written to the disk below the volume's device, and not to a copy under its name")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    with open(f"{agent.kernel}/disks", "w", encoding="utf-8") as f:
        f.write(f"{one.path}\n")  # a name that another device may get, as in /dev/mapper
    agent.good("start", "db1")
    agent.told_disks()
    with open(two.device, "r+b", buffering=0) as copy:
        copy.write(one.read())
    one.name(two)
    lose("db1", key)
    wait_for(lambda: LOSS in two.read() or f"{one.path} has become another device" in agent.log())
    assert LOSS not in two.read(), "the loss was written to another disk"
    one.name(one)
    wait_for(lambda: LOSS in one.read())
    agent.scannable(*agent.disks)


finish()
