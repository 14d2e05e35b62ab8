# SPDX-License-Identifier: MIT
#
# Pools, with a stand-in for LVM: lvm_stand_in.py. tests/integration/agent-pools has the real one.

import json
import os
import subprocess

from agent_lvm import (GIB, PLACE, a_pool, bad, changed, commands, create, delete, folder, good, make, pool, pools, put,
                       rows, start_again, volume_of, volumes)
from agent_suite import agent, finish, test
from wait import PATIENCE, wait_for


@test("a pool is a tagged thin pool of the group: it is described as LVM reports it, outlives the agent, and is removed")
def _():
    make("--size", "8")
    seen = pools()["fast"]
    assert (seen["Status"], seen["Bytes"], seen["UnpromisedBytes"], seen["VolumeGroup"]) == ("available", 8 * GIB, 8 * GIB, "vg0"), seen
    lv = volumes()["fast"]
    assert lv["segtype"] == "thin-pool" and {"dm-envelope", "envelope.pool=fast"} < set(lv["lv_tags"].split(",")), lv
    agent.restart()
    assert pools()["fast"]["Status"] == "available"
    good("delete", "--name", "fast")
    assert not volumes() and not pools() and not rows("pool")
    assert len(agent.records("CreatePool")) == 1 and len(agent.records("DeletePool")) == 1


@test("a group on disks that LVM's devices file does not list is refused with the command that adds them, and nothing is added")
def _():
    with changed() as now:
        now["unlisted"] = {"vg1": {"free": 8 * GIB, "volumes": []}}
    said = bad("VolumeGroupError", "create", "--name", "fast", "--volume-group", "vg1", "--size", "1")
    assert "/dev/sdz" in said and "lvmdevices --adddev DEVICE" in said, said
    assert "not found" in bad("VolumeGroupError", "create", "--name", "fast", "--volume-group", "vg2", "--size", "1")
    assert not any("adddev" in c or c.startswith("lvmdevices") for c in commands()) and not rows("pool")
    with changed() as now:
        del now["unlisted"]


@test("without a size a pool takes nine tenths of what is free")
def _():
    make()
    assert pools()["fast"]["Bytes"] == 18 * GIB
    good("delete", "--name", "fast")


@test("a name that is taken, in the catalog or in the group, is refused, and what has it is left alone")
def _():
    make("--size", "8")
    bad("DBPoolAlreadyExistsFault", "create", "--name", "fast", "--volume-group", "vg0")
    with changed() as now:
        now["groups"]["vg0"]["volumes"].append({"lv_uuid": "u1", "lv_name": "other", "lv_size": GIB, "segtype": "linear", "lv_path": "/dev/vg0/other"})
    before = volumes()
    assert "already" in bad("InvalidParameterValue", "create", "--name", "other", "--volume-group", "vg0", "--size", "1")
    assert volumes() == before
    for name in "Fast", "-fast", "fa--st", "fast-", "fa/st", "x" * 64:
        bad("InvalidParameterValue", "create", f"--name={name}", "--volume-group", "vg0")
    for group in "vg1", "-vg0", "vg0/fast", "vg0 vg1":
        done = pool("create", "--name", "next", f"--volume-group={group}", "--size", "1")
        assert done.returncode and ("InvalidParameterValue" in done.stderr or "VolumeGroupError" in done.stderr), done.stderr
    assert volumes() == before and list(pools()) == ["fast"]
    bad("DBPoolNotFoundFault", "describe", "--name", "next")
    bad("DBPoolNotFoundFault", "delete", "--name", "next")
    with changed() as now:
        now["groups"]["vg0"]["volumes"].pop()
    good("delete", "--name", "fast")


@test("a pool that is longer than the group has room for is refused with LVM's words, and leaves nothing")
def _():
    assert "insufficient free space" in bad("VolumeGroupError", "create", "--name", "fast", "--volume-group", "vg0", "--size", "21")
    assert not volumes() and not pools() and not rows("pool")


@test("a pool with another uuid or without its tags is not removed, nor is a pool with the volumes of somebody else")
def _():
    make("--size", "8")
    for key, value in ("lv_tags", "dm-envelope,envelope.pool=fast"), ("lv_uuid", "another"), ("lv_tags", ""):
        with changed() as now:
            before = dict(now["groups"]["vg0"]["volumes"][0])
            now["groups"]["vg0"]["volumes"][0][key] = value
        if key == "lv_uuid":
            assert "no logical volume" in pools()["fast"]["StatusReason"]
        else:
            assert "has not the tags" in bad("InvalidDBClusterStateFault", "delete", "--name", "fast")
        assert "fast" in volumes() and "fast" in pools()
        with changed() as now:
            now["groups"]["vg0"]["volumes"][0] = before
    with changed() as now:
        now["groups"]["vg0"]["volumes"].append({"lv_uuid": "u1", "lv_name": "theirs", "lv_size": GIB, "segtype": "thin", "lv_path": "", "lv_tags": "",
                                                "pool_lv_uuid": before["lv_uuid"]})
    assert pools()["fast"]["PromisedBytes"] == GIB
    assert "are no clusters of this host" in bad("InvalidPoolStateFault", "delete", "--name", "fast")
    assert set(volumes()) == {"fast", "theirs"}
    with changed() as now:
        now["groups"]["vg0"]["volumes"].pop()
    good("delete", "--name", "fast")


@test("an agent that is killed before or after LVM makes or removes a pool leaves the pool whole or nothing of it")
def _():
    for moment in "before", "after":
        put("kill", f"1 {moment}")
        assert pool("create", "--name", "fast", "--volume-group", "vg0", "--size", "8").returncode
        start_again()
        wait_for(lambda: not pools(), why=agent.log)
        assert not volumes() and not rows("pool"), (moment, volumes())
        make("--size", "8")
        put("kill", f"1 {moment}")
        assert pool("delete", "--name", "fast").returncode
        start_again()
        wait_for(lambda: not pools(), why=agent.log)
        assert not volumes() and not rows("pool"), (moment, volumes())


@test("the next agent waits for the lvm of a killed one, and then removes what it has made")
def _():
    put("hang", "")
    client = agent.run_in_background([f"{agent.programs}/envelope", "pool", "create", "--name", "fast", "--volume-group", "vg0", "--size", "8"])
    wait_for(lambda: commands()[-1].startswith("lvcreate"))
    agent.kill()
    assert client.wait(PATIENCE)
    agent.start()
    wait_for(lambda: any("nanosleep" in f for f in agent.device_threads()) or not rows("pool"), why=agent.device_threads)
    before = commands().count("ended lvcreate")
    os.unlink(f"{folder}/hang")
    wait_for(lambda: commands().count("ended lvcreate") > before, why=commands)
    wait_for(lambda: not rows("pool"), why=agent.log)
    assert not volumes(), volumes()


@test("a pool that fills up gives one event for each level, and one that is overcommitted or unhealthy as well")
def _():
    make("--size", "8")

    def warned(**fields):
        before = len(agent.records("PoolWarning"))
        with changed() as now:
            now["groups"]["vg0"]["volumes"][0].update(fields)
        pools()
        pools()
        return [r["errorMessage"] for r in agent.records("PoolWarning")[before:]]

    assert not warned(data_percent="79.99")
    assert len(warned(data_percent="80.00")) == 1
    assert not warned(data_percent="85.00")
    assert len(warned(metadata_percent="91.00")) == 1
    assert not warned(data_percent="10.00", metadata_percent="10.00")
    assert len(warned(data_percent="96.00")) == 1
    assert "LVM says: failed" in warned(lv_health_status="failed")[0]
    warned(data_percent="0.00", lv_health_status="")
    good("delete", "--name", "fast")


# ---- clusters in a pool ----


@test("a cluster in a pool lives on a tagged thin volume of its size: start, stop, the next agent, growth while it runs, deletion")
def _():
    with a_pool():
        create()
        lv, seen = volume_of()[0], agent.clusters()["db1"]
        assert lv["lv_name"] == f"envelope-{seen['VolumeId']}" and f"envelope.volume={seen['VolumeId']}" in lv["lv_tags"].split(","), lv
        assert (seen["Pool"], seen["AllocatedStorage"], seen["Device"], seen["Status"]) == ("fast", 2, lv["lv_path"], "available"), seen
        assert pools()["fast"]["UnpromisedBytes"] == 6 * GIB and pools()["fast"]["Clusters"] == 1
        agent.restart()
        assert agent.clusters()["db1"]["Pool"] == "fast" and agent.status("db1") == "available"
        agent.good("modify", "db1", "--allocated-storage", "3")
        sectors = int(agent.devices()["envelope-db1"][7])
        assert 3 * GIB - (16 << 20) < sectors * 512 < 3 * GIB, sectors
        assert volume_of()[0]["lv_size"] == 3 * GIB and agent.clusters()["db1"]["AllocatedStorage"] == 3
        agent.good("stop", "db1")
        agent.good("modify", "db1", "--allocated-storage", "4")
        agent.good("start", "db1")
        assert int(agent.devices()["envelope-db1"][7]) * 512 > 3 * GIB
        bad("InvalidPoolStateFault", "delete", "--name", "fast")
        delete()
        assert not volume_of() and not rows("pool_volume") and not rows("cluster"), volumes()
        create()
        delete("db1", "--erase")
        assert not volume_of() and not rows("pool_volume"), volumes()


@test("a pool promises no byte that it does not have: too much is refused early, and nothing of the request is left")
def _():
    with a_pool():
        create("db1", "5")
        before = volumes()
        said = agent.bad("StorageQuotaExceededFault", "create", "db2", *PLACE, "4", "--storage-encrypted")
        assert "3.0 GiB of them are not promised" in said, said
        agent.bad("StorageQuotaExceededFault", "modify", "db1", "--allocated-storage", "9")
        assert volumes() == before and set(agent.clusters()) == {"db1"} and len(rows("pool_volume")) == 1
        assert agent.clusters()["db1"]["AllocatedStorage"] == 5 and agent.status("db1") == "available"
        assert pool("describe", "--name", "fast").returncode == 0
        # Each of two could have the rest: one of them gets it.
        both = [agent.begin("create", name, *PLACE, "3", "--storage-encrypted") for name in ("db2", "db3")]
        assert sorted(b.wait(PATIENCE) == 0 for b in both) == [False, True]
        assert sum(lv["lv_size"] for lv in volumes().values() if lv["segtype"] == "thin") == 8 * GIB
        with changed() as now:
            now["groups"]["vg0"]["volumes"][0]["metadata_percent"] = "80.00"
        agent.good("delete", "db1", "--skip-final-snapshot") if agent.good("stop", "db1") else None
        assert "metadata" in agent.bad("StorageQuotaExceededFault", "create", "db4", *PLACE, "1", "--storage-encrypted")


@test("a pool that lvm.conf lets grow grows before it promises more, as far as its group has room")
def _():
    with a_pool():
        with changed() as now:
            now["threshold"] = 70
        create("db1", "10")
        assert volumes()["fast"]["lv_size"] == 10 * GIB, volumes()
        agent.good("modify", "db1", "--allocated-storage", "20")
        assert volumes()["fast"]["lv_size"] == 20 * GIB
        assert "vgextend" in agent.bad("StorageQuotaExceededFault", "create", "db2", *PLACE, "1", "--storage-encrypted")
        with changed() as now:
            del now["threshold"]


@test("a cluster's volume in a pool cannot shrink, a device has no allocated storage, and a place is either of them")
def _():
    with a_pool():
        create()
        assert "not shrink" in agent.bad("InvalidParameterCombination", "modify", "db1", "--allocated-storage", "1")
        disk = agent.disks[0]
        agent.create("db2", disk)
        assert "--grow" in agent.bad("InvalidParameterCombination", "modify", "db2", "--allocated-storage", "2")
        for more in (*PLACE, "1", "--device", disk.path), ("--pool", "fast"), (), ("--device", disk.path, "--allocated-storage", "1"):
            agent.bad("InvalidParameterCombination", "create", "db3", *more, "--storage-encrypted")
        agent.bad("DBPoolNotFoundFault", "create", "db3", "--pool", "slow", "--allocated-storage", "1", "--storage-encrypted")
        agent.bad("InvalidParameterValue", "create", "db3", *PLACE, str((1 << 20) + 1), "--storage-encrypted")
        assert len([lv for lv in volumes().values() if lv["segtype"] == "thin"]) == 1


@test("a volume with another uuid or without its tags is not removed with its cluster, and the fault says so")
def _():
    for key, value in ("lv_uuid", "another"), ("lv_tags", "dm-envelope,envelope.cluster=db1"), ("lv_tags", "envelope.cluster=db1"):
        with a_pool():
            create()
            name = volume_of()[0]["lv_name"]
            agent.good("stop", "db1")
            with changed() as now:
                mine = [lv for lv in now["groups"]["vg0"]["volumes"] if lv["lv_name"] == name][0]
                before = mine[key]
                mine[key] = value
            done = agent.good("delete", "db1", "--skip-final-snapshot", "--output", "json")
            assert name in volumes(), "the volume of somebody else was removed"
            if key == "lv_tags":
                assert "has not the tags" in json.loads(done.stdout)["DBCluster"]["Warning"], done.stdout
                assert len(rows("pool_volume")) == 1
            with changed() as now:
                mine = [lv for lv in now["groups"]["vg0"]["volumes"] if lv["lv_name"] == name][0]
                mine[key] = before
            if key == "lv_tags":
                pools()  # looks, and removes it now
                wait_for(lambda: name not in volumes(), why=agent.log)
            else:
                subprocess.run([f"{folder}/lvm", "lvremove", "--yes", "--select", f'lv_uuid="{before}" && lv_tags={{"dm-envelope" && "dm-envelope"}}', "vg0"], check=True)


@test("an agent that is killed before or after LVM makes, grows or removes a cluster's volume leaves it whole, or nothing of it")
def _():
    for moment in "before", "after":
        with a_pool():
            put("kill", f"1 {moment}")
            assert agent.cli("create", "db1", *PLACE, "2", "--storage-encrypted").returncode
            start_again()
            wait_for(lambda: not agent.clusters() and not rows("pool_volume") and not rows("job"), why=agent.log)
            assert not volume_of(), volumes()
            create()
            put("kill", f"1 {moment}")
            assert agent.cli("modify", "db1", "--allocated-storage", "3").returncode
            start_again()
            size = 2 if moment == "before" else 3
            assert volume_of()[0]["lv_size"] == size * GIB
            pools()
            wait_for(lambda: agent.clusters()["db1"]["AllocatedStorage"] == size, why=agent.log)
            agent.good("modify", "db1", "--allocated-storage", "3")
            assert int(agent.devices()["envelope-db1"][7]) * 512 > 2 * GIB, "the device has not grown"
            agent.good("stop", "db1")
            put("kill", f"1 {moment}")
            assert agent.cli("delete", "db1", "--skip-final-snapshot").returncode
            start_again()
            wait_for(lambda: not agent.clusters() and not rows("pool_volume") and not rows("job"), why=agent.log)
            assert not volume_of(), volumes()
            create()
            agent.good("stop", "db1")
            put("kill", f"1 {moment}")
            assert agent.cli("delete", "db1", "--skip-final-snapshot", "--erase").returncode
            start_again()
            wait_for(lambda: not agent.clusters() and not rows("pool_volume") and not rows("job"), why=agent.log)
            assert not volume_of(), volumes()


def moments(command, check):
    """Kills the agent at each of its own moments during a command. Returns how many there are."""
    moment, ended = 0, False
    while not ended:
        moment += 1
        with agent.present("kill-at", str(moment)):
            client = agent.begin(*command)
            ended = client.wait(PATIENCE) == 0
            if not ended:
                wait_for(lambda: agent.process.poll() is not None, why=client.stderr.read)
        start_again()
        wait_for(lambda: agent.status("db1") not in ("creating", "deleting") and not rows("job"), why=agent.log)
        check(ended)
    return moment


@test("a creation and a deletion in a pool that are killed at any other moment leave no volume without a cluster, and no cluster without a volume")
def _():
    def made(ended):
        wait_for(lambda: len(volume_of()) == len(agent.clusters()) == len(rows("pool_volume")), why=agent.log)
        assert agent.clusters() or not ended
        if agent.clusters():
            agent.told_disks()
            delete()
        assert not volume_of() and not rows("pool_volume")

    with a_pool():
        assert moments(("create", "db1", *PLACE, "2", "--storage-encrypted"), made) > 10

    def removed(ended):
        wait_for(lambda: len(volume_of()) == len(agent.clusters()) == len(rows("pool_volume")), why=agent.log)
        if agent.clusters():
            agent.good("start", "db1")
            agent.good("stop", "db1")
        else:
            create()
            agent.good("stop", "db1")

    with a_pool():
        create()
        agent.good("stop", "db1")
        assert moments(("delete", "db1", "--skip-final-snapshot"), removed) > 5


finish()
