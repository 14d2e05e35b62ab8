# SPDX-License-Identifier: MIT
#
# Clusters from snapshots, with stand-ins for LVM and device mapper. tests/integration/agent-snapshots has the kernel.

import contextlib
import json
import sqlite3
import subprocess

from agent_lvm import changed, create, delete, good, put, rows, start_again, volume_of, volumes
from agent_snapshot_calls import (a_cluster, cli, fails, moments, of, read, restore, take,
                                  volumes_of_snapshots, works, write)
from agent_suite import agent, finish, test
from wait import wait_for


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
