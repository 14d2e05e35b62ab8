# SPDX-License-Identifier: MIT
#
# What each operation says of a disk that is not there, of one that cannot be read, and of one that is pulled
# or gets shorter below a live device: it names the disk and what happened, and no fault of the disk is an
# InternalFailure.

import os
import subprocess

from agent_daemon import DISK_BYTES
from agent_suite import agent, finish, forgotten, one, stopped_cluster, test, three, two
from wait import PATIENCE

READ = "cannot be read: Input/output error"


def unreadable():
    return agent.present("unreadable", one.device)


def pulled():
    return agent.present("pulled", one.device)


def header(verb, *more):
    return subprocess.run([f"{agent.programs}/envelope", "header", verb, "--db-cluster-identifier", "db1", *more],
                          capture_output=True, text=True, env=agent.environment, timeout=PATIENCE, check=False)


def said_by(done, code, status):
    assert f"({code})" in done.stderr and done.returncode == status, f"expected {code}, status {status}, seen {done}"
    assert "InternalFailure" not in done.stderr
    return done.stderr


def backup(file="db1.refused"):
    return header("backup", "--file", f"{agent.dir}/{file}")


def names(said, *words):
    for word in words:
        assert word in said, f"{word!r} is not said: {said}"


@test("a disk that cannot be read is a fault of the disk to each operation, and exit status 7")
def _():
    stopped_cluster()
    with unreadable():
        for command in (("start", "db1"), ("delete", "db1", "--skip-final-snapshot", "--erase"),
                        ("relocate", "db1", "--device", one.path)):
            done = agent.cli(*command)
            names(said_by(done, "DeviceError", 7), READ, one.path if command[0] != "delete" else one.device)
        names(said_by(backup(), "DeviceError", 7), READ, one.path)
    assert agent.status("db1") == "stopped"
    agent.good("start", "db1")
    with unreadable():
        names(said_by(agent.cli("modify", "db1", "--allow-discards"), "DeviceError", 7), READ, one.device)
        names(said_by(backup(), "DeviceError", 7), READ, one.device)
    assert agent.devices()["envelope-db1"][1] == "live" and not agent.clusters()["db1"]["AllowDiscards"]
    agent.good("stop", "db1")
    agent.good("delete", "db1", "--skip-final-snapshot")
    one.blank()
    with unreadable():
        done = agent.cli("create", "db1", "--device", one.path, "--storage-encrypted")
        names(said_by(done, "DeviceError", 7), READ, one.device)
    assert not agent.clusters()


@test("an adoption of a disk that cannot be read says so, and does not call it a disk without a volume")
def _():
    forgotten(three)
    agent.scannable(*agent.disks)
    with unreadable():
        said = said_by(agent.cli("adopt", None, "--device", one.path), "DeviceError", 7)
        names(said, READ, one.path)
        assert "holds no volume" not in said, said
    assert not agent.clusters()
    # Another disk with a fault is not the client's.
    with agent.present("unreadable", two.device):
        agent.good("adopt", None, "--device", one.path)


@test("a disk that is not there is named by each operation, with the code of its kind")
def _():
    stopped_cluster()
    assert backup("db1.header").returncode == 0
    agent.stop()
    agent.scannable(two, three)
    os.unlink(one.path)
    agent.start()
    names(said_by(agent.cli("start", "db1"), "InvalidVolume.NotFound", 6), one.path, "No such file or directory")
    names(said_by(backup(), "InvalidVolume.NotFound", 6), one.path)
    names(said_by(header("restore", "--file", f"{agent.dir}/db1.header"), "InvalidVolume.NotFound", 6), one.path, "Nothing was written")
    names(said_by(agent.cli("delete", "db1", "--skip-final-snapshot", "--erase"), "InvalidParameterValue", 2), one.path)
    names(said_by(agent.cli("relocate", "db1", "--device", one.path), "InvalidParameterValue", 2), one.path)
    names(said_by(agent.cli("adopt", None, "--device", one.path), "InvalidParameterValue", 2), one.path)
    names(said_by(agent.cli("create", "db2", "--device", one.path, "--storage-encrypted"), "InvalidParameterValue", 2), one.path)
    agent.scannable(*agent.disks)
    one.name(one)
    agent.good("start", "db1")


@test("a disk that is pulled below a live device is named, and the way back is said")
def _():
    agent.create("db1", one)
    with pulled():
        for done in agent.cli("modify", "db1", "--allow-discards"), agent.cli("modify", "db1", "--grow"), backup():
            said = said_by(done, "InvalidVolume.NotFound", 6)
            names(said, f"The disk {one.device} of the cluster db1 has gone", "Stop the cluster, attach the disk")
        assert not agent.clusters()["db1"]["AllowDiscards"]
        agent.good("stop", "db1")  # needs no disk
    agent.good("start", "db1")
    agent.good("modify", "db1", "--allow-discards")


@test("a disk that has become shorter below a live device gets no new table, and is named with both lengths")
def _():
    agent.create("db1", one)
    before = agent.devices()["envelope-db1"]
    os.truncate(one.image, DISK_BYTES // 2)
    subprocess.run(["losetup", "-c", one.device], check=True)
    try:
        said = said_by(agent.cli("modify", "db1", "--allow-discards"), "InvalidDBClusterStateFault", 6)
        names(said, f"The disk {one.device} has become shorter", str(DISK_BYTES - (1 << 20)), str(DISK_BYTES // 2 - (1 << 20)))
        assert agent.devices()["envelope-db1"] == before and not agent.clusters()["db1"]["AllowDiscards"]
        agent.good("stop", "db1")
        names(said_by(agent.cli("start", "db1"), "InvalidDBClusterStateFault", 6), one.device, "has become shorter")
    finally:
        os.truncate(one.image, DISK_BYTES)
        subprocess.run(["losetup", "-c", one.device], check=True)
    agent.good("start", "db1")
    agent.good("modify", "db1", "--allow-discards")


finish()
