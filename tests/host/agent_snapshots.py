# SPDX-License-Identifier: MIT
#
# Snapshots and restores, with a stand-in for LVM (lvm_stand_in.py), and envelope-suspend with one for device
# mapper (tests/unit/suspend_stand_in.c). tests/integration/agent-snapshots has the kernel and LVM.

import contextlib
import json
import os
import signal
import sqlite3
import subprocess

from agent_lvm import (GIB, PLACE, bad, changed, commands, create, delete, folder, good, make, pools, put, rows,
                       start_again, volume_of, volumes)
from agent_suite import agent, disable, finish, test
from wait import PATIENCE, wait_for

SNAPSHOTS = "DBClusterSnapshots"
os.makedirs(f"{agent.kernel}/suspended", exist_ok=True)
put("suspend", f"""#!/bin/sh
export ENVELOPE_STAND_IN='{agent.kernel}'
exec '{agent.programs}/unit/envelope-suspend' "$@"
""")
os.chmod(f"{folder}/suspend", 0o755)
os.environ["ENVELOPE_SUSPEND"] = f"{folder}/suspend"
# A machine under load has time for a snapshot; the tests of the limit have a short one.
agent.restart(SnapshotHoldSeconds=60)


def command(verb, snapshot=None, *more):
    named = ["--db-cluster-snapshot-identifier", snapshot] if snapshot else []
    return [f"{agent.programs}/envelope", "snapshot", verb, *named, *more]


def cli(verb, snapshot=None, *more):
    return subprocess.run(command(verb, snapshot, *more), capture_output=True, text=True, env=agent.environment,
                          timeout=PATIENCE, check=False)


def works(verb, snapshot=None, *more):
    done = cli(verb, snapshot, *more)
    assert done.returncode == 0, f"snapshot {verb}: {done.stderr}\n{agent.log()[-3000:]}"
    return done


def fails(fault, verb, snapshot=None, *more):
    done = cli(verb, snapshot, *more)
    assert done.returncode and f"({fault})" in done.stderr, f"snapshot {verb}: expected {fault}, seen {done.stderr}"
    return done.stderr


def begin(verb, snapshot, *more):
    return subprocess.Popen(command(verb, snapshot, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=agent.environment)


def of(name="db1"):
    return "--db-cluster-identifier", name


def take(snapshot="s1", cluster="db1"):
    return works("create", snapshot, *of(cluster))


def restore(name="db2", snapshot="s1", *more):
    return works("restore", snapshot, *of(name), *more)


def snapshots(*more):
    return {s["DBClusterSnapshotIdentifier"]: s
            for s in json.loads(works("describe", None, *more, "--output", "json").stdout)[SNAPSHOTS]}


def volumes_of_snapshots():
    return [lv for lv in volumes().values() if "envelope.snapshot=" in lv["lv_tags"]]


def suspends():
    """What became of devices: "NAME suspended MS", "NAME resumed MS"."""
    with contextlib.suppress(FileNotFoundError):
        return agent.read("suspends").splitlines()
    return []


def suspended():
    return os.listdir(f"{agent.kernel}/suspended")


def held_during_lvm():
    with open(f"{folder}/suspended", encoding="utf-8") as f:
        return [line.strip() for line in f]


def suspender():
    """The process that holds the writes; None for none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            words = f.read().split("\0")
            if words[0] == f"{agent.programs}/unit/envelope-suspend":
                return int(pid)
    return None


def nothing_left():
    wait_for(lambda: not snapshots() and not rows("snapshot"), why=agent.log)
    assert not volumes_of_snapshots() and not suspended(), (volumes_of_snapshots(), suspended())


def write(name, text, offset=3 << 20):
    """On the disk of the cluster, behind its header."""
    with open(volume_of(name)[0]["lv_path"], "r+b") as f:
        f.seek(offset)
        f.write(text.encode())
        f.flush()
        os.fsync(f.fileno())


def read(name, size, offset=3 << 20):
    with open(volume_of(name)[0]["lv_path"], "rb") as f:
        f.seek(offset)
        return f.read(size).decode()


def clean():
    agent.remove_all()
    for name in snapshots():
        works("delete", name)
    wait_for(lambda: not rows("pool_volume"), why=agent.log)
    good("delete", "--name", "fast")
    assert not volumes() and not rows("snapshot"), volumes()


@contextlib.contextmanager
def a_cluster(*more):
    make("--size", "8")
    create("db1", "1", *more)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # the next test has a chance
            clean()
        raise
    clean()


@contextlib.contextmanager
def hung_lvm():
    put("hang", "")
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/hang")


@contextlib.contextmanager
def short_hold():
    agent.restart(SnapshotHoldSeconds=1)
    yield
    agent.restart(SnapshotHoldSeconds=60)


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


def moments(words, check):
    """Kills the agent at each of its own moments during a command. Returns how many there are."""
    moment, ended = 0, False
    while not ended:
        moment += 1
        with agent.present("kill-at", str(moment)):
            client = begin(*words)
            ended = client.wait(PATIENCE) == 0
            if not ended:
                wait_for(lambda: agent.process.poll() is not None, why=client.stderr.read)
        agent.kill()
        agent.start(SnapshotHoldSeconds=60)
        wait_for(lambda: not rows("job") and all(r[3] == "available" for r in rows("snapshot")), why=agent.log)
        wait_for(lambda: not suspended())
        check(ended)
    return moment


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


# ---- restore ----


def token_of(image):
    return json.loads(subprocess.run(["cryptsetup", "token", "export", "--token-id", "0", image], capture_output=True, text=True,
                                     check=True).stdout)


def asked(name):
    return [r for r in agent.records(name) if "errorCode" not in r and "dryRun" not in r["requestParameters"]]


@test("a restored cluster has the data of the moment of the snapshot, the same key, and ids and a header of its own")
def _():
    with a_cluster():
        write("db1", "row 4711")
        take()
        write("db1", "row 4712")
        old, decrypts, wraps = agent.clusters()["db1"], len(asked("Decrypt")), len(asked("ReEncrypt"))
        restore()
        new = agent.clusters()["db2"]
        assert (new["Status"], new["KmsKeyId"], new["Pool"], new["AllocatedStorage"]) == ("available", old["KmsKeyId"], "fast", 1), new
        for field in "VolumeId", "DbClusterResourceId", "Device":
            assert new[field] != old[field], field
        assert read("db2", 8) == "row 4711" and read("db1", 8) == "row 4712"
        assert len(asked("ReEncrypt")) == wraps + 1 and len(asked("Decrypt")) == decrypts + 1
        wrap, opened = asked("ReEncrypt")[-1], asked("Decrypt")[-1]
        assert wrap["requestParameters"]["sourceEncryptionContext"]["dm-envelope:volume-id"] == old["VolumeId"], wrap
        assert wrap["requestParameters"]["destinationEncryptionContext"]["dm-envelope:volume-id"] == new["VolumeId"], wrap
        assert agent.records("ReEncrypt").index(wrap) >= 0 and opened["requestParameters"]["encryptionContext"]["dm-envelope:volume-id"] == new["VolumeId"]
        headers = [subprocess.run(["cryptsetup", "luksDump", volume_of(n)[0]["lv_path"]], capture_output=True, text=True,
                                  check=True).stdout for n in ("db1", "db2")]
        uuids = [[line for line in h.splitlines() if line.startswith("UUID")][0] for h in headers]
        assert uuids[0] != uuids[1] and "db2" in headers[1] and old["VolumeId"] not in headers[1], headers
        for name in "db1", "db2":
            agent.good("stop", name)
            agent.good("start", name)
        agent.restart(SnapshotHoldSeconds=60)
        assert agent.status("db1") == agent.status("db2") == "available"
        delete("db1")
        restore("db3")
        assert read("db3", 8) == "row 4711" and agent.status("db2") == "available"
        works("delete", "s1")
        agent.good("stop", "db3")
        agent.good("start", "db3")


@test("a restore keeps the key, the encryption and the pool: what asks for another one is refused, and says what to do")
def _():
    with a_cluster():
        take()
        key = agent.clusters()["db1"]["KmsKeyId"]
        other = agent.kms.good("CreateKey", {})["KeyMetadata"]["KeyId"]
        assert "keeps the key" in fails("InvalidParameterCombination", "restore", "s1", *of("db2"), "--kms-key-id", other)
        assert "without encryption" in fails("InvalidParameterCombination", "restore", "s1", *of("db2"), "--no-storage-encrypted")
        fails("InvalidParameterCombination", "restore", "s1", *of("db2"), "--pool", "slow")
        fails("DBClusterAlreadyExistsFault", "restore", "s1", *of("db1"))
        fails("InvalidParameterValue", "restore", "s1", *of("2db"))
        assert set(agent.clusters()) == {"db1"} and not volume_of("db2") and len(rows("pool_volume")) == len(rows("cluster")) == 1
        restore("db2", "s1", "--kms-key-id", key.split("/")[-1])
        assert agent.clusters()["db2"]["KmsKeyId"] == key


@test("a snapshot whose header was changed is refused before the KMS is asked, and nothing of the restore is left")
def _():
    with a_cluster():
        take()
        image = f"{volumes_of_snapshots()[0]['lv_path']}.img"
        with open(image, "rb") as f:
            whole = f.read(1 << 20)
        # The label is hashed by nobody; the uuid is covered by the hash, the wrapped key is not.
        token = token_of(image)
        key = token["wrapped_key"]
        token["wrapped_key"] = ("B" if key[0] == "A" else "A") + key[1:]
        changes = (["cryptsetup", "-q", "luksUUID", "--uuid", "11111111-2222-3333-4444-555555555555", image], None), (
            ["cryptsetup", "token", "import", "--token-replace", "--token-id", "0", image], json.dumps(token))
        for words, text in changes:
            subprocess.run(words, input=text, text=True, check=True, capture_output=True)
            before = len(agent.records("ReEncrypt"))
            assert "somebody changed it" in fails("InvalidVolumeHeader", "restore", "s1", *of("db2"))
            assert len(agent.records("ReEncrypt")) == before and set(agent.clusters()) == {"db1"}
            assert not volume_of("db2") and len(rows("pool_volume")) == 1
            with open(image, "r+b") as f:
                f.write(whole)
        restore()


@test("a wrapped key that was bound to another header is refused by the KMS, when catalog and snapshot both have it")
def _():
    with a_cluster():
        create("db3", "1")
        take()
        take("s3", "db3")
        agent.kill()
        with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog:
            images = dict(catalog.execute("SELECT name, id FROM snapshot"))
            key = catalog.execute("SELECT wrapped_key FROM snapshot WHERE name = 's3'").fetchone()[0]
            catalog.execute("UPDATE snapshot SET wrapped_key = ? WHERE name = 's1'", (key,))
            catalog.commit()
        image = f"{volumes()['envelope-' + images['s1']]['lv_path']}.img"
        subprocess.run(["cryptsetup", "token", "import", "--token-replace", "--token-id", "0", image],
                       input=json.dumps(dict(token_of(image), wrapped_key=key)), text=True, check=True, capture_output=True)
        agent.start(SnapshotHoldSeconds=60)
        assert "InvalidCiphertextException" in fails("KMSKeyNotAccessibleFault", "restore", "s1", *of("db2"))
        assert not volume_of("db2") and "db2" not in agent.clusters()


@test("an agent that is killed before or after LVM makes the volume of a restore leaves the cluster whole, or nothing of it")
def _():
    with a_cluster():
        take()
        for moment in "before", "after":
            put("kill", f"1 {moment}")
            assert cli("restore", "s1", *of("db2")).returncode
            start_again()
            wait_for(lambda: set(agent.clusters()) == {"db1"} and not rows("job") and len(rows("pool_volume")) == 1, why=agent.log)
            assert not volume_of("db2") and agent.status("db1") == "available"


@test("a restore that is killed at any other moment leaves no volume without a cluster, and neither taints the old cluster")
def _():
    def made(ended):
        wait_for(lambda: len(volume_of("db2")) == len(agent.clusters()) - 1 == len(rows("pool_volume")) - 1, why=agent.log)
        assert "db2" in agent.clusters() or not ended
        assert agent.status("db1") == "available", agent.clusters()
        agent.good("stop", "db1")
        agent.good("start", "db1")
        if "db2" in agent.clusters():
            agent.told_disks()
            delete("db2") if agent.status("db2") == "available" else agent.good("delete", "db2", "--skip-final-snapshot")
        assert not volume_of("db2")

    with a_cluster():
        take()
        assert moments(("restore", "s1", *of("db2")), made) > 10


@test("a half-restored volume of a cluster that is deleted does not bring the cluster back")
def _():
    with a_cluster():
        take()
        delete()
        for moment in range(4, 8):
            with agent.present("kill-at", str(moment)):
                cli("restore", "s1", *of("db2"))
            start_again()
            wait_for(lambda: not rows("job"), why=agent.log)
            agent.told_disks()
            assert "db1" not in agent.clusters(), agent.clusters()
            if "db2" in agent.clusters():
                agent.remove_all()


finish()
