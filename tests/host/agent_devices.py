# SPDX-License-Identifier: MIT
#
# Which device is a cluster's volume: copies of it, disks that are not there, devices on top of other
# devices, and devices that another program uses or that are write-protected.

import contextlib
import json
import os
import sqlite3
import subprocess

from agent_daemon import DISK_BYTES, luks
from agent_sizes import of_size
from agent_suite import agent, finish, forgotten, one, stopped_cluster, test, three, two
from wait import wait_for


def copy_to(disk):
    with open(disk.device, "r+b", buffering=0) as copy:
        copy.write(one.read())


def volume_on():
    return agent.devices()["envelope-db1"][4]


def number(disk):
    return "{}:{}".format(*disk.number())


def nothing_is_open():
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()


@contextlib.contextmanager
def held(disk, holder):
    """A device lies on top of the disk."""
    with open(f"{agent.kernel}/holders", "w", encoding="utf-8") as f:
        f.write(f"{disk.device} {holder}\n")
    try:
        yield
    finally:
        os.unlink(f"{agent.kernel}/holders")


# ---------------------------------------------------------------- copies


@test("two disks hold the volume: a start is refused and names both, whatever the path is")
def _():
    stopped_cluster()
    copy_to(two)
    for disk in three, two, one:
        one.name(disk)
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert one.device in said and two.device in said and "copy" in said, said
        nothing_is_open()
    two.blank()
    agent.good("start", "db1")
    assert volume_on() == number(one)


@test("a disk and its copy exchange names while no agent runs: the start is refused and names both")
def _():
    stopped_cluster()
    copy_to(two)
    agent.stop()
    one.name(two)
    two.name(one)
    agent.start()
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert one.device in said and two.device in said, said
    nothing_is_open()
    assert agent.clusters()["db1"]["Device"] == one.path


@test("a copy that took the disk's name is refused, though the disk itself is not there")
def _():
    stopped_cluster()
    copy_to(two)
    agent.restart()
    agent.scannable(two, three)
    one.name(two)
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "another disk" in said and "cluster relocate" in said, said
    agent.restart()
    agent.bad("InvalidVolumeHeader", "start", "db1")
    nothing_is_open()
    agent.scannable(*agent.disks)


@test("two disks hold a volume that the catalog does not know: none is taken in")
def _():
    stopped_cluster()
    copy_to(two)
    agent.stop()
    agent.lose_catalog()
    agent.start()
    agent.told_disks()
    assert not agent.clusters(), "one of the two disks was taken in"
    assert f"is on {one.device} and on {two.device}" in agent.log()
    two.blank()
    agent.restart()
    agent.wait_status("db1", "stopped")
    agent.good("start", "db1")


@test("an adoption beside a copy is refused and names both")
def _():
    forgotten(three)
    copy_to(two)
    agent.scannable(*agent.disks)
    for disk in one, two:
        said = agent.bad("InvalidVolumeHeader", "adopt", None, "--device", disk.device)
        assert f"is on {disk.device} and on" in said and one.device in said and two.device in said, said
    assert not agent.clusters(), "one of the two disks was taken in"
    two.blank()
    agent.good("adopt", None, "--device", one.device)
    agent.good("start", "db1")


@test("an adoption says what is wrong with a header")
def _():
    forgotten(three)
    agent.scannable(*agent.disks)
    luks("token", "remove", "--token-id", "0", one.device)
    said = agent.bad("InvalidVolumeHeader", "adopt", None, "--device", one.path)
    assert f"The volume header of {one.device} is refused: " in said, said
    one.blank()
    said = agent.bad("InvalidVolumeHeader", "adopt", None, "--device", one.path)
    assert "holds no volume" in said, said


@test("a deletion erases no header of which there is a copy, and none of a copy")
def _():
    stopped_cluster()
    copy_to(two)
    said = agent.bad("InvalidVolumeHeader", "delete", "db1", "--skip-final-snapshot", "--erase")
    assert one.device in said and two.device in said, said
    agent.scannable(two, three)
    one.name(two)
    said = agent.bad("InvalidVolumeHeader", "delete", "db1", "--skip-final-snapshot", "--erase")
    assert "another disk" in said, said
    assert agent.status("db1") == "stopped" and any(one.read()) and any(two.read())
    agent.scannable(*agent.disks)
    one.name(one)
    two.blank()
    agent.good("delete", "db1", "--skip-final-snapshot", "--erase")
    assert not any(one.read())


# ---------------------------------------------------------------- a disk that is not there


@test("the disk is not there and another has its header: a start is refused, and the catalog is as it was")
def _():
    stopped_cluster()
    copy_to(two)  # as below a cache that is not there: the data may be old
    agent.stop()
    agent.scannable(two, three)
    os.unlink(one.path)
    agent.start()
    said = agent.bad("InvalidVolume.NotFound", "start", "db1")
    assert f"is not on {one.path}" in said and f"relocate --db-cluster-identifier db1 --device {two.device}" in said, said
    nothing_is_open()
    assert agent.clusters()["db1"]["Device"] == one.path
    agent.scannable(*agent.disks)
    two.blank()
    one.name(one)
    agent.good("start", "db1")
    assert volume_on() == number(one)


@test("relocate sets the device, and only to one that holds the volume")
def _():
    stopped_cluster()
    copy_to(two)
    agent.scannable(two, three)
    os.unlink(one.path)
    said = agent.bad("InvalidVolumeHeader", "relocate", "db1", "--device", three.path)
    assert f"is not on {three.path}, but on {two.device}" in said, said
    agent.bad("InvalidParameterValue", "relocate", "db1", "--device", "vdb")
    agent.bad("InvalidParameterValue", "relocate", "db1", "--device", f"{agent.dir}/nothing")
    assert agent.clusters()["db1"]["Device"] == one.path
    agent.good("relocate", "db1", "--device", two.path)
    assert agent.records("RelocateDBCluster")[-1]["requestParameters"]["device"] == two.path
    agent.restart()
    agent.good("start", "db1")
    assert volume_on() == number(two)
    assert agent.clusters()["db1"]["Device"] == two.path
    said = agent.bad("InvalidDBClusterStateFault", "relocate", "db1", "--device", two.path)
    assert "Stop the cluster first" in said, said
    agent.scannable(*agent.disks)
    one.name(one)


@test("a path of 4,000 bytes is a path")
def _():
    folder = agent.dir
    while len(folder) < 3800:
        folder += "/" + "d" * 199
        os.mkdir(folder)
    path = f"{folder}/disk"
    os.symlink(one.device, path)
    agent.good("create", "db1", "--device", path, "--storage-encrypted")
    agent.restart()
    assert agent.clusters()["db1"]["Device"] == path
    agent.good("stop", "db1")
    agent.good("start", "db1")


@test("a catalog of an agent that stored no disks learns the disk from the path, and only there")
def _():
    stopped_cluster()
    agent.stop()
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog:
        catalog.execute("DROP TABLE place")
    agent.scannable(two, three)
    agent.start()
    copy_to(two)
    one.name(three)
    agent.bad("InvalidVolume.NotFound", "start", "db1")
    two.blank()
    one.name(one)
    agent.scannable(*agent.disks)
    agent.good("start", "db1")
    agent.good("stop", "db1")
    one.name(two)
    agent.good("start", "db1")
    assert volume_on() == number(one)


# ---------------------------------------------------------------- sizes


@contextlib.contextmanager
def of_blocks(disk, size):
    subprocess.run(["losetup", "--sector-size", size, disk.device], check=True)
    try:
        yield
    finally:
        agent.cli("stop", "db1")
        subprocess.run(["losetup", "--sector-size", "512", disk.device], check=True)


def create(*more):
    return "create", "db1", "--device", one.path, "--storage-encrypted", *more


@test("a disk whose size is no multiple of 4096 bytes is refused by its size, and takes sectors of 512 bytes")
def _():
    with of_size(one, DISK_BYTES + 512):
        said = agent.bad("InvalidParameterValue", *create())
        assert f"{DISK_BYTES + 512} bytes, is no multiple of 4096" in said and "--sector-size 512" in said, said
        assert not any(one.read())
        agent.good(*create("--sector-size", "512"))
        assert "sector: 512" in luks("luksDump", one.device)
        agent.good("stop", "db1")
        agent.good("start", "db1")


@test("a sector size is 4096 or 512, and a disk with blocks of 4096 bytes takes no 512")
def _():
    agent.bad("InvalidParameterValue", *create("--sector-size", "1024"))
    with of_blocks(one, "4096"):
        said = agent.bad("InvalidParameterValue", *create("--sector-size", "512"))
        assert "has blocks of 4096 bytes" in said, said
        agent.good(*create("--sector-size", "4096"))
        assert "sector: 4096" in luks("luksDump", one.device)


@test("a disk that has grown is noticed, and a running cluster takes all of it, with the same key")
def _():
    agent.create("db1", one)
    before, keys = agent.devices()["envelope-db1"], agent.keys()
    said = agent.bad("InvalidParameterCombination", "modify", "db1", "--grow")
    assert "has no more bytes than the volume" in said, said
    assert "GrowableBytes" not in agent.volume("db1")
    with of_size(one, 2 * DISK_BYTES):
        # Beside a look that takes long the status is what the agent knew before.
        wait_for(lambda: agent.volume("db1").get("GrowableBytes") == DISK_BYTES)
        assert f"db1: The disk has {DISK_BYTES} bytes more than the volume" in agent.said("status")
        agent.good("modify", "db1", "--allow-discards")
        assert agent.devices()["envelope-db1"][7] == before[7], "it grew unasked"
        agent.good("modify", "db1", "--grow")
        after = agent.devices()["envelope-db1"]
        assert int(after[7]) == (2 * DISK_BYTES - (1 << 20)) // 512 and after[:6] == before[:6], after
        assert agent.keys() == keys and "GrowableBytes" not in agent.volume("db1")
        assert agent.records("ModifyDBCluster")[-1]["requestParameters"]["grow"]
        agent.good("stop", "db1")
        said = agent.bad("InvalidDBClusterStateFault", "modify", "db1", "--grow")
        assert "at the next start" in said, said
        agent.good("start", "db1")
        assert agent.devices()["envelope-db1"][7] == after[7]


# ---------------------------------------------------------------- discards


def discards():
    return agent.devices()["envelope-db1"][6], agent.clusters()["db1"]["AllowDiscards"]


@test("no discard reaches the disk unless the user asks for it, and the catalog keeps the answer")
def _():
    agent.create("db1", one)
    assert discards() == ("none", False)
    agent.good("stop", "db1")
    agent.good("modify", "db1", "--allow-discards")
    agent.restart()
    agent.good("start", "db1")
    assert discards() == ("discards", True)
    agent.good("stop", "db1")
    agent.good("delete", "db1", "--skip-final-snapshot")
    one.blank()
    agent.good(*create("--allow-discards"))
    assert discards() == ("discards", True)
    agent.good("stop", "db1")
    agent.restart()
    agent.good("start", "db1")
    assert discards() == ("discards", True)


@test("a running cluster gets and loses its discards while it is in use, with the same key")
def _():
    agent.create("db1", one)
    before, keys = agent.devices()["envelope-db1"], agent.keys()
    agent.good("modify", "db1", "--allow-discards")
    assert discards() == ("discards", True)
    assert agent.records("ModifyDBCluster")[-1]["requestParameters"]["allowDiscards"]
    agent.good("modify", "db1", "--no-allow-discards")
    assert discards() == ("none", False)
    assert agent.devices()["envelope-db1"] == before and agent.keys() == keys


@test("a device that gets no new table keeps its setting, in the catalog as well")
def _():
    agent.create("db1", one)
    with agent.present("unloaded"):
        agent.bad("InternalFailure", "modify", "db1", "--allow-discards")
    assert discards() == ("none", False)
    agent.restart()
    assert discards() == ("none", False)


@test("a header that somebody changed gets into no table of a running device")
def _():
    agent.create("db1", one)
    before = agent.devices()
    agent.told_disks()
    token = json.loads(luks("token", "export", "--token-id", "0", one.device))
    token["generation"] += 1
    luks("token", "remove", "--token-id", "0", one.device)
    luks("token", "import", "--token-id", "0", one.device, stdin=json.dumps(token))
    said = agent.bad("InvalidVolumeHeader", "modify", "db1", "--allow-discards")
    assert "somebody changed it" in said, said
    assert agent.devices() == before and discards() == ("none", False)


# ---------------------------------------------------------------- devices on top of the disk, and other users


@test("a disk below another device is not the volume: in use, and no device is taken in from below")
def _():
    stopped_cluster()
    with held(one, "/dev/md0"):
        said = agent.bad("VolumeInUse", "start", "db1")
        assert "/dev/md0 lies on top of it" in said, said
        nothing_is_open()
        said = agent.bad("VolumeInUse", "relocate", "db1", "--device", one.device)
        agent.stop()
        agent.lose_catalog()
        agent.start()
        agent.told_disks()
        assert not agent.clusters()
    agent.restart()
    agent.wait_status("db1", "stopped")


@test("the layer above is the volume, and its disk below is no copy")
def _():
    stopped_cluster()
    copy_to(two)
    with held(two, one.device):
        agent.good("start", "db1")
        assert volume_on() == number(one)


@test("no cluster is made on a disk below or above a stopped cluster's, not even with --allow-overwrite")
def _():
    stopped_cluster()
    before = one.read()
    for below, above in (one, two), (two, one):
        with held(below, above.device):
            said = agent.bad("VolumeInUse", "create", "db2", "--device", two.path, "--storage-encrypted", "--allow-overwrite")
            assert "holds the volume of the cluster db1" in said, said
            assert "Use another device." in said and said.index("Use another") < said.index("delete db1"), said
    assert one.read() == before and not any(two.read())
    agent.create("db2", two)


@test("no stopped cluster is relocated to a disk below or above another cluster's")
def _():
    stopped_cluster()
    agent.create("db2", two)
    agent.good("stop", "db2")
    with open(three.device, "r+b", buffering=0) as copy:
        copy.write(two.read())
    agent.scannable(one, three)
    for below, above in (one, three), (three, one):
        with held(below, above.device):
            said = agent.bad("VolumeInUse", "relocate", "db2", "--device", three.path)
            assert "holds the volume of the cluster db1" in said, said
    assert agent.clusters()["db2"]["Device"] == two.path
    agent.good("relocate", "db2", "--device", three.path)
    agent.scannable(*agent.disks)


@test("a link is read once: the agent formats the device's own node, which only root can exchange")
def _():
    one.make_swap()
    said = agent.bad("InvalidParameterCombination", "create", "db1", "--device", one.path, "--storage-encrypted")
    assert f"{one.device} already holds data" in said, f"the link was read again: {said}"


@test("a write-protected disk gets a read-only device, and is not changed")
def _():
    stopped_cluster()
    before = one.read()
    subprocess.run(["blockdev", "--setro", one.device], check=True)
    agent.good("start", "db1")
    how = agent.devices()["envelope-db1"][5]
    agent.good("stop", "db1")
    subprocess.run(["blockdev", "--setrw", one.device], check=True)
    assert how == "ro" and one.read() == before
    agent.good("start", "db1")
    assert agent.devices()["envelope-db1"][5] == "rw"


def mode():
    return agent.devices()["envelope-db1"][5], agent.volume("db1")["ReadOnly"]


@test("a start with --read-only gives a device that cannot be written to, until the next start without it")
def _():
    stopped_cluster()
    agent.good("start", "db1", "--read-only")
    assert mode() == ("ro", True)
    assert "db1: The device is read-only." in agent.said("status")
    agent.good("modify", "db1", "--allow-discards")
    agent.restart()
    assert mode() == ("ro", True)
    agent.good("stop", "db1")
    agent.good("start", "db1")
    assert mode() == ("rw", False) and "read-only" not in agent.said("status")


@test("the longest path that the kernel takes, to a link to a link, is kept whole; a longer one is refused")
def _():
    folder = f"{agent.dir}/deep"
    while len(folder) < 3800:
        folder += "/" + "d" * 200
    path = folder + "/" + "l" * (4095 - len(folder) - 1)
    while len(os.path.basename(path)) > 255:
        folder += "/" + "d" * 100
        path = folder + "/" + "l" * (4095 - len(folder) - 1)
    os.makedirs(folder)
    os.symlink("by-id", path)
    os.symlink(one.path, f"{folder}/by-id")
    agent.good("create", "db1", "--device", path, "--storage-encrypted")
    agent.good("stop", "db1")
    agent.restart()
    agent.good("start", "db1")
    assert volume_on() == number(one) and agent.clusters()["db1"]["Device"] == path
    agent.good("stop", "db1")
    agent.bad("InvalidParameterValue", "relocate", "db1", "--device", path + "l")
    agent.bad("InvalidParameterValue", "create", "db2", "--device", path + "l", "--storage-encrypted")
    agent.good("relocate", "db1", "--device", one.path)
    assert agent.clusters()["db1"]["Device"] == one.path


finish()
