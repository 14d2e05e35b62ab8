# SPDX-License-Identifier: MIT
#
# The agent has the disk for itself from its check of the disk on, and leaves a disk alone that another
# program or another cluster has.

import os

from agent_suite import agent, finish, one, test, three, two


def stopped_cluster():
    agent.create("db1", one)
    agent.good("stop", "db1")


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
        try:
            os.close(os.open(one.device, os.O_RDWR | os.O_EXCL))
            taken = True
        except OSError:
            taken = False
    assert start.wait() == 0 and not taken, "the disk was free"


@test("a failed start leaves the disk to others")
def _():
    stopped_cluster()
    with agent.no_kms():
        agent.bad("KMSUnreachable", "start", "db1")
    os.close(os.open(one.device, os.O_RDWR | os.O_EXCL))


finish()
