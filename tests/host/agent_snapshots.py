# SPDX-License-Identifier: MIT
#
# Snapshots, with stand-ins for LVM and device mapper. tests/integration/agent-snapshots has the kernel and LVM.

import os
import signal

from agent_lvm import (GIB, bad, changed, commands, create, delete, good, pools, put, rows, volume_of, volumes)
from agent_snapshot_calls import (a_cluster, begin, cli, fails, held_during_lvm, hung_lvm, moments,
                                  nothing_left, of, read, restore, short_hold, snapshots, suspended, suspender,
                                  suspends, take, volumes_of_snapshots, works)
from agent_suite import agent, disable, finish, test
from wait import PATIENCE, wait_for


@test("a snapshot of a running cluster is made while its device is suspended, is tagged, and is not activated")
def _():
    with a_cluster():
        before = len(suspends())
        take()
        lv = volumes_of_snapshots()[0]
        tags = set(lv["lv_tags"].split(","))
        seen = snapshots()["s1"]
        assert {"dm-envelope", f"envelope.snapshot={seen['SnapshotId']}", "envelope.snapshot-name=s1",
                f"envelope.snapshot-of={agent.clusters()['db1']['VolumeId']}", "envelope.pool=fast"} == tags, tags
        assert lv["lv_name"] == f"envelope-{seen['SnapshotId']}" and not os.path.exists(lv["lv_path"])
        assert held_during_lvm()[-1] == "envelope-db1", held_during_lvm()
        assert [line.split()[1] for line in suspends()[before:]] == ["suspended", "resumed"] and not suspended()
        cluster = agent.clusters()["db1"]
        assert (seen["Status"], seen["SnapshotType"], seen["PercentProgress"], seen["AllocatedStorage"], seen["KmsKeyId"]) == (
            "available", "manual", 100, 1, cluster["KmsKeyId"]), seen
        assert seen["DBClusterSnapshotArn"].endswith(":cluster-snapshot:s1") and seen["StorageEncrypted"] is True
        assert seen["DbClusterResourceId"] == cluster["DbClusterResourceId"] and agent.status("db1") == "available"
        assert pools()["fast"]["PromisedBytes"] == 2 * GIB, "a snapshot may need as much as its volume"
        assert agent.records("CreateDBClusterSnapshot") and agent.status("db1") == "available"
        agent.restart()
        assert snapshots()["s1"] == seen
        works("delete", "S1")
        assert not snapshots() and not volumes_of_snapshots() and agent.records("DeleteDBClusterSnapshot")


@test("a snapshot of a stopped cluster suspends nothing")
def _():
    with a_cluster():
        agent.good("stop", "db1")
        before = len(suspends())
        take()
        assert len(suspends()) == before and held_during_lvm()[-1] == "" and snapshots()["s1"]["WritesHeldMilliseconds"] == 0


@test("a manual snapshot outlives its cluster, and its pool is not deleted before it")
def _():
    with a_cluster():
        take()
        delete()
        assert set(snapshots()) == {"s1"} and len(volumes_of_snapshots()) == 1
        assert "snapshots" in bad("InvalidPoolStateFault", "delete", "--name", "fast")
        assert set(snapshots(*of())) == {"s1"} and not snapshots(*of("db2"))


@test("what RDS refuses is refused with its fault, and nothing is made")
def _():
    with a_cluster():
        take()
        lvs = volumes()
        fails("DBClusterSnapshotAlreadyExistsFault", "create", "S1", *of())
        fails("DBClusterNotFoundFault", "create", "s2", *of("db9"))
        fails("DBClusterSnapshotNotFoundFault", "delete", "s2")
        fails("DBClusterSnapshotNotFoundFault", "describe", "s2")
        fails("DBClusterSnapshotNotFoundFault", "restore", "s2", *of("db2"))
        fails("InvalidParameterValue", "create", "s--2", *of())
        fails("InvalidParameterValue", "describe", None, "--snapshot-type", "cluster")
        assert set(snapshots("--snapshot-type", "manual")) == {"s1"} and not snapshots("--snapshot-type", "automated")
        agent.create("db2", agent.disks[0])
        assert "pool" in fails("InvalidDBClusterStateFault", "create", "s2", *of("db2"))
        agent.restart(SnapshotQuota=1)
        assert "SnapshotQuota=" in fails("SnapshotQuotaExceededFault", "create", "s2", *of())
        agent.restart(SnapshotHoldSeconds=60)
        agent.good("modify", "db1", "--allocated-storage", "4")
        assert "not promised" in fails("StorageQuotaExceededFault", "create", "s2", *of())
        assert set(lvs) == set(volumes()) and set(snapshots()) == {"s1"} and len(rows("snapshot")) == 1 and not suspended()


@test("a cluster that has lost its key gives no snapshot, and an older one is usable again when the key is")
def _():
    key = agent.kms.good("CreateKey", {})["KeyMetadata"]["KeyId"]
    with a_cluster("--kms-key-id", key):
        take()
        disable(key)
        wait_for(lambda: agent.status("db1").startswith("inaccessible"), why=agent.log)
        fails("InvalidDBClusterStateFault", "create", "s2", *of())
        said = fails("KMSKeyNotAccessibleFault", "restore", "s1", *of("db2"))
        assert "kms:ReEncryptFrom" in said, said
        assert set(agent.clusters()) == {"db1"} and not volume_of("db2") and len(rows("pool_volume")) == 1
        agent.kms.good("EnableKey", {"KeyId": key})
        restore()
        assert agent.status("db2") == "available"


@test("an lvm that hangs does not hold the writes: they go on at the end of the time, and the snapshot is not kept")
def _():
    with a_cluster(), short_hold():
        with hung_lvm():
            before = len(suspends())
            client = begin("create", "s1", *of())
            wait_for(lambda: len(suspends()) == before + 2, why=agent.log)
            assert not suspended() and client.poll() is None
            begun, ended = (int(line.split()[2]) for line in suspends()[before:])
            assert ended - begun > 500, "the writes were not held"
        assert client.wait(PATIENCE)
        said = client.stderr.read()
        assert "(DeviceTimeout)" in said and "Nothing of the snapshot is kept" in said, said
        nothing_left()
        assert agent.status("db1") == "available"


@test("an agent that is stopped while the writes are held lets them go, and the snapshot is not kept when it goes on")
def _():
    with a_cluster(), short_hold():
        with hung_lvm():
            before = len(suspends())
            client = begin("create", "s1", *of())
            wait_for(lambda: len(suspends()) > before, why=agent.log)
            agent.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: len(suspends()) == before + 2)
            assert not suspended()
        agent.process.send_signal(signal.SIGCONT)
        assert client.wait(PATIENCE) and "(DeviceTimeout)" in client.stderr.read()
        nothing_left()


@test("an agent that is killed while the writes are held lets them go at once, and the next one keeps nothing of the snapshot")
def _():
    with a_cluster():
        with hung_lvm():
            before = len(suspends())
            client = begin("create", "s1", *of())
            wait_for(lambda: commands()[-1].startswith("lvcreate") and suspended(), why=agent.log)
            agent.kill()
            wait_for(lambda: not suspended())  # the time is a minute
            assert client.wait(PATIENCE)
        agent.start(SnapshotHoldSeconds=60)
        assert len(suspends()) == before + 2
        nothing_left()


@test("writes that a killed envelope-suspend holds are let go by the agent, or by the next agent, and the snapshot is not kept")
def _():
    with a_cluster():
        with hung_lvm():
            client = begin("create", "s1", *of())
            wait_for(lambda: commands()[-1].startswith("lvcreate") and suspended(), why=agent.log)
            os.kill(suspender(), signal.SIGKILL)
        assert client.wait(PATIENCE) and "was it killed" in client.stderr.read()
        nothing_left()
        with hung_lvm():
            client = begin("create", "s1", *of())
            wait_for(lambda: commands()[-1].startswith("lvcreate") and suspended(), why=agent.log)
            os.kill(agent.process.pid, signal.SIGSTOP)
            os.kill(suspender(), signal.SIGKILL)
            agent.kill()
            assert client.wait(PATIENCE) and suspended() == ["envelope-db1"]
        agent.start(SnapshotHoldSeconds=60)
        nothing_left()


@test("a device that somebody resumes while lvm is at work gives no snapshot, nor does one that somebody has suspended")
def _():
    with a_cluster():
        with hung_lvm():
            client = begin("create", "s1", *of())
            wait_for(lambda: commands()[-1].startswith("lvcreate") and suspended(), why=agent.log)
            os.unlink(f"{agent.kernel}/suspended/envelope-db1")
        assert client.wait(PATIENCE) and "(DeviceTimeout)" in client.stderr.read()
        nothing_left()
        with agent.present("suspended/envelope-db1"):
            assert "suspended already" in fails("DeviceTimeout", "create", "s1", *of())
        nothing_left()


@test("requests under way that take longer than the time end the suspend, and nothing is made")
def _():
    with a_cluster(), short_hold():
        with agent.present("busy"):
            assert "could not be held" in fails("DeviceTimeout", "create", "s1", *of())
        nothing_left()
        take()


@test("a service that is stopped does not end envelope-suspend before the device is resumed")
def _():
    with a_cluster():
        with hung_lvm():
            client = begin("create", "s1", *of())
            wait_for(lambda: commands()[-1].startswith("lvcreate") and suspended(), why=agent.log)
            for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
                os.kill(suspender(), number)
        assert client.wait(PATIENCE) == 0, client.stderr.read()
        assert not suspended() and set(snapshots()) == {"s1"}


@test("a snapshot without its tags, or with another uuid, is not removed")
def _():
    with a_cluster():
        take()
        name = volumes_of_snapshots()[0]["lv_name"]
        with changed() as now:
            mine = [lv for lv in now["groups"]["vg0"]["volumes"] if lv["lv_name"] == name][0]
            tags = mine["lv_tags"]
            mine["lv_tags"] = "dm-envelope"
        assert "has not the tags" in fails("InvalidDBClusterStateFault", "delete", "s1")
        assert name in volumes() and snapshots()["s1"]["Status"] == "available"
        with changed() as now:
            [lv for lv in now["groups"]["vg0"]["volumes"] if lv["lv_name"] == name][0]["lv_tags"] = tags


@test("an agent that is killed before or after LVM makes or removes a snapshot leaves it whole, or nothing of it")
def _():
    with a_cluster():
        for moment in "before", "after":
            put("kill", f"1 {moment}")
            assert cli("create", "s1", *of()).returncode
            agent.kill()
            agent.start(SnapshotHoldSeconds=60)
            nothing_left()
            take()
            put("kill", f"1 {moment}")
            assert cli("delete", "s1").returncode
            agent.kill()
            agent.start(SnapshotHoldSeconds=60)
            nothing_left()


@test("a snapshot whose creation or deletion is killed at any other moment is whole, or nothing of it is left")
def _():
    def made(ended):
        assert len(volumes_of_snapshots()) == len(snapshots()) == len(rows("snapshot")) and not suspended()
        assert snapshots() or not ended
        if snapshots():
            works("delete", "s1")

    def removed(ended):
        assert len(volumes_of_snapshots()) == len(snapshots()) == len(rows("snapshot"))
        if not snapshots() and not ended:
            take()

    with a_cluster():
        assert moments(("create", "s1", *of()), made) > 3
        take()
        assert moments(("delete", "s1"), removed) > 2


finish()
