# SPDX-License-Identifier: MIT
#
# The header of a volume: backup, damage and restore. The clients keep the files; the agent compares a
# backup with its catalog before it writes.

import contextlib
import json
import os
import sqlite3
import subprocess

from agent_daemon import luks
from agent_suite import LOST, agent, finish, lose, one, stopped_cluster, test, three, two
from wait import PATIENCE, wait_for

HEADER = 1 << 20
HEADER_COPY = 16 << 10  # of the metadata; there are two
SECTOR = b"a sector of the database"


def header(verb, name, file, *more):
    """`file`: None for the catalog's copy"""
    return subprocess.run([f"{agent.programs}/envelope", "header", verb, "--db-cluster-identifier", name,
                           *(["--file", file] if file else []), *more],
                          capture_output=True, text=True, env=agent.environment, timeout=PATIENCE, check=False)


def good(verb, name, file, *more):
    done = header(verb, name, file, *more)
    assert done.returncode == 0, f"header {verb} {name}: {done.stderr}\n{agent.log()[-3000:]}"
    return done.stdout


def bad(fault, status, verb, name, file):
    done = header(verb, name, file)
    assert f"({fault})" in done.stderr, f"header {verb} {name}: expected {fault}, seen {done.stderr}"
    assert done.returncode == status, f"exit status {done.returncode}, expected {status}"
    return done.stderr


def fresh(name):
    path = f"{agent.dir}/{name}"
    if os.path.exists(path):
        os.unlink(path)
    return path


def write(disk, at, data):
    with open(disk.device, "r+b", buffering=0) as device:
        device.seek(at)
        device.write(data)


def damage(disk):
    write(disk, 0, bytes(HEADER))


def damage_first_copy(disk):
    write(disk, 0, bytes(HEADER_COPY))


def forge_claim(disk, seconds):
    """Shortens the claim of the owner in the header, so that no test waits for two leases."""
    dump = json.loads(luks("luksDump", "--dump-json-metadata", disk.device))
    number, token = next((k, v) for k, v in dump["tokens"].items() if v["type"] == "envelope-owner")
    assert token["host"] == "0" * 32 and token["claim"] == 7200, token
    luks("token", "import", "--token-replace", "--token-id", number, disk.device, stdin=json.dumps(dict(token, claim=seconds)))


def start_restored():
    """A start with the header that was restored over a damaged one, as if the claim had passed."""
    forge_claim(one, 0)
    agent.good("start", "db1", "--take-over")


@test("a wiped header: the start names the command, the restore puts it back, and the volume starts with its data after a claim")
def _():
    agent.create("db1", one)
    file = fresh("db1.header")
    shown = json.loads(good("backup", "db1", file, "--output", "json"))["HeaderBackup"]  # in use
    assert shown == {"DBClusterIdentifier": "db1", "File": file, "Size": HEADER}, shown
    assert os.stat(file).st_mode & 0o777 == 0o600 and os.stat(file).st_size == HEADER
    assert agent.records("BackupVolumeHeader")[-1]["requestParameters"] == {"dbClusterIdentifier": "db1"}
    bad("InvalidParameterValue", 2, "backup", "db1", file)  # would overwrite a backup
    agent.good("stop", "db1")
    write(one, HEADER, SECTOR)
    damage(one)
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "envelope header restore --db-cluster-identifier db1, or from a backup with --file FILE" in said and "damaged" in said, said
    bad("InvalidVolumeHeader", 6, "backup", "db1", fresh("damaged.header"))
    assert not os.path.exists(f"{agent.dir}/damaged.header")
    restored = json.loads(good("restore", "db1", file, "--output", "json"))["DBCluster"]
    assert restored["DBClusterIdentifier"] == "db1" and restored["Status"] == "stopped", restored
    assert "The first start needs --take-over, which is possible 7200 seconds after the restore" in restored["StatusReason"], restored
    good("restore", "db1", file)  # again: the stamp stays
    assert "--take-over" in agent.bad("VolumeInUse", "start", "db1")
    forge_claim(one, 3)
    assert "possible in" in agent.bad("VolumeInUse", "start", "db1", "--take-over")
    wait_for(lambda: agent.cli("start", "db1", "--take-over").returncode == 0)
    assert one.read(HEADER + len(SECTOR)).endswith(SECTOR)
    assert agent.status("db1") == "available" and len(agent.keys()) == 1


# ---------------------------------------------------------------- the copy in the catalog


def catalog(change="SELECT 1"):
    """The sizes of the headers in the catalog, after a change while no agent runs."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as db, db:
        db.execute(change)
        return [size for size, in db.execute("SELECT length(packed) FROM header")]


@test("a wiped header without a backup: the next agent puts the catalog's copy back, and the volume starts with its data")
def _():
    agent.create("db1", one)
    wrapped = json.loads(luks("token", "export", "--token-id", "0", one.device))["wrapped_key"]
    agent.good("stop", "db1")
    write(one, HEADER, SECTOR)
    damage(one)
    agent.restart()
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "envelope header restore --db-cluster-identifier db1, or from a backup" in said, said
    restored = json.loads(good("restore", "db1", None, "--output", "json"))["DBCluster"]
    assert "The first start needs --take-over" in restored["StatusReason"], restored
    assert agent.records("RestoreVolumeHeader")[-1]["requestParameters"] == {"dbClusterIdentifier": "db1"}
    assert json.loads(luks("token", "export", "--token-id", "0", one.device))["wrapped_key"] == wrapped
    damage_first_copy(one)  # the second one is whole, too
    start_restored()
    assert one.read(HEADER + len(SECTOR)).endswith(SECTOR) and len(agent.keys()) == 1


@test("without a copy in the catalog, or without the catalog, a restore without a backup is refused and says why")
def _():
    stopped_cluster()
    agent.stop()
    assert len(catalog()) == 1 and not catalog("DELETE FROM header")
    agent.start()
    damage(one)
    said = bad("InvalidParameterCombination", 2, "restore", "db1", None)
    assert "has no copy of the header of the cluster db1" in said and "--file" in said, said
    assert not any(one.read(HEADER))
    agent.stop()
    agent.lose_catalog()
    agent.start()
    agent.told_disks()
    bad("DBClusterNotFoundFault", 3, "restore", "db1", None)
    assert not any(one.read(HEADER))


@test("the catalog gets its copy of a cluster that has none: at a start, at a restore, and while the cluster is live")
def _():
    short = {"LeaseSeconds": 5, "KmsTimeoutSeconds": 3}
    agent.restart(**short)
    agent.create("db1", one)
    size = catalog()[0]
    assert size < HEADER_COPY, size
    agent.stop()
    catalog("DELETE FROM header")
    agent.start(**short)
    wait_for(lambda: len(catalog()) == 1, why="a live cluster's header is not kept")
    file = fresh("db1.header")
    good("backup", "db1", file)
    agent.good("stop", "db1")
    for get in (lambda: agent.good("start", "db1"), lambda: good("restore", "db1", file)):
        agent.stop()
        assert not catalog("DELETE FROM header")
        agent.start()
        get()
        assert len(catalog()) == 1
        agent.cli("stop", "db1")
    damage(one)
    good("restore", "db1", None)
    agent.good("delete", "db1", "--skip-final-snapshot")
    assert not catalog(), "the header of a deleted cluster is still in the catalog"


def stamp_time():
    dump = json.loads(luks("luksDump", "--dump-json-metadata", one.device))
    return next(token["time"] for token in dump["tokens"].values() if token["type"] == "envelope-owner")


@test("a header that somebody changed under a live cluster is not copied to the catalog")
def _():
    short = {"LeaseSeconds": 5, "KmsTimeoutSeconds": 3}
    agent.restart(**short)
    agent.create("db1", one)
    file = fresh("db1.header")
    good("backup", "db1", file)
    agent.stop()
    assert not catalog("DELETE FROM header")
    token = json.loads(luks("token", "export", "--token-id", "0", one.device))
    token["wrapped_key"] = "AAAA"
    luks("token", "import", "--token-replace", "--token-id", "0", one.device, stdin=json.dumps(token))
    agent.start(**short)
    for _ in range(2):  # the second stamp is written after the end of the first one's job
        before = stamp_time()
        wait_for(lambda: stamp_time() != before, why="no stamp is renewed")
    assert not catalog(), "the changed header was copied"
    agent.good("stop", "db1")
    bad("InvalidParameterCombination", 2, "restore", "db1", None)
    good("restore", "db1", file)
    agent.restart()
    agent.good("start", "db1")


@test("the catalog's copy resurrects no cluster that has lost its key: the restored header records the loss")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    lose("db1", key)
    agent.told_disks()
    agent.good("stop", "db1")
    damage(one)
    good("restore", "db1", None)
    agent.told_disks()
    assert f'"state":"{LOST}"'.encode() in one.read()
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    # No host without the catalog takes it in as one that has its key.
    agent.stop()
    agent.lose_catalog()
    agent.host("c" * 32)
    forge_claim(one, 0)
    agent.start()
    agent.told_disks()
    adopt = [f"{agent.programs}/envelope", "cluster", "adopt", "--device", one.path, "--take-over"]
    subprocess.run(adopt, env=agent.environment, timeout=PATIENCE, check=True)
    assert agent.status("db1") == LOST
    agent.host("a" * 32)
    agent.restart()


@test("the catalog's copy is put back neither over other data, nor to another disk, nor under a live device")
def _():
    agent.create("db1", one)
    said = bad("InvalidDBClusterStateFault", 6, "restore", "db1", None)
    assert "Stop the cluster first" in said, said
    agent.good("stop", "db1")
    damage(one)
    one.make_swap()
    before = one.read()
    said = bad("InvalidParameterCombination", 2, "restore", "db1", None)
    assert "holds other data (swap)" in said and one.read() == before, said
    damage(one)
    one.name(two)
    agent.scannable(two, three)
    bad("InvalidVolume.NotFound", 6, "restore", "db1", None)
    assert not any(two.read()) and not any(one.read(HEADER))
    agent.scannable(*agent.disks)
    one.name(one)
    good("restore", "db1", None)
    start_restored()


@test("a foreign LUKS disk that has the path of a disk without an identity: no start offers to write over it, and no restore does")
def _():
    with agent.present("nameless"):
        stopped_cluster()
        damage(one)
        wait = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert "by its path, which proves nothing" in wait and "header restore" in wait, wait
        luks("luksFormat", "--batch-mode", "--type", "luks1", "--pbkdf-force-iterations", "1000", one.device, "-", stdin="a passphrase")
        before = one.read()
        said = agent.bad("InvalidVolume.NotFound", "start", "db1")
        assert "header restore" not in said, said
        said = bad("InvalidParameterCombination", 2, "restore", "db1", None)
        assert "LUKS, but no volume" in said and one.read() == before, said
        luks("open", "--test-passphrase", one.device, stdin="a passphrase")
        damage(one)


# ---------------------------------------------------------------- backups


@test("the file of a backup is one for cryptsetup too")
def _():
    agent.create("db1", one)
    file = fresh("db1.header")
    good("backup", "db1", file)
    agent.good("stop", "db1")
    damage(one)
    luks("luksHeaderRestore", "--batch-mode", one.device, "--header-backup-file", file)
    agent.good("start", "db1")


@test("a live cluster's header is not written to")
def _():
    agent.create("db1", one)
    file = fresh("db1.header")
    good("backup", "db1", file)
    damage(one)
    said = bad("InvalidDBClusterStateFault", 6, "restore", "db1", file)
    assert "Stop the cluster first" in said, said
    assert not any(one.read(HEADER))
    agent.good("stop", "db1")
    good("restore", "db1", file)
    start_restored()
    bad("DBClusterNotFoundFault", 3, "restore", "db9", file)


@test("an old header does not resurrect a cluster that has lost its key")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    old, new = fresh("old.header"), fresh("new.header")
    good("backup", "db1", old)
    agent.kms.good("DisableKey", {"KeyId": key})
    wait_for(lambda: agent.status("db1") == LOST)
    agent.told_disks()
    good("backup", "db1", new)
    agent.good("stop", "db1")
    damage(one)
    said = bad("InvalidParameterValue", 2, "restore", "db1", old)
    assert "older than the loss of the key" in said, said
    assert not any(one.read(HEADER)), "the old header was written"
    good("restore", "db1", new)
    agent.told_disks()
    assert f'"state":"{LOST}"'.encode() in one.read()
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


@test("a backup of another volume, or one that was changed, is refused")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    file, other = fresh("db1.header"), fresh("db2.header")
    good("backup", "db1", file)
    good("backup", "db2", other)
    agent.good("stop", "db1")
    whole = one.read()
    said = bad("InvalidParameterValue", 2, "restore", "db1", other)
    assert "of the cluster db2" in said, said
    token = json.loads(luks("token", "export", "--token-id", "0", file))
    token["wrapped_key"] = "AAAA"
    luks("token", "import", "--token-replace", "--token-id", "0", file, stdin=json.dumps(token))
    said = bad("InvalidParameterValue", 2, "restore", "db1", file)
    assert "its content or its wrapped key differs" in said, said
    with open(file, "r+b", buffering=0) as f:
        f.write(bytes(HEADER))
    bad("InvalidVolumeHeader", 6, "restore", "db1", file)
    with open(file, "r+b", buffering=0) as f:
        f.truncate(100)
    bad("InvalidParameterValue", 2, "restore", "db1", file)
    bad("InvalidParameterValue", 2, "restore", "db1", fresh("nothing"))
    assert one.read() == whole
    agent.good("start", "db1")


@test("a header that somebody changed is put back, and is no backup")
def _():
    agent.create("db1", one)
    file = fresh("db1.header")
    good("backup", "db1", file)
    agent.good("stop", "db1")
    token = json.loads(luks("token", "export", "--token-id", "0", one.device))
    token["wrapped_key"] = "AAAA"
    luks("token", "import", "--token-replace", "--token-id", "0", one.device, stdin=json.dumps(token))
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "envelope header restore --db-cluster-identifier db1, or from a backup with --file FILE" in said, said
    bad("InvalidVolumeHeader", 6, "backup", "db1", fresh("changed.header"))
    good("restore", "db1", file)
    agent.good("start", "db1")


@test("a restore writes to the cluster's own disk, under whatever name, and to no other")
def _():
    agent.create("db1", one)
    file = fresh("db1.header")
    good("backup", "db1", file)
    agent.good("stop", "db1")
    whole = one.read()
    damage(one)
    one.name(two)
    agent.scannable(two, three)
    said = bad("InvalidVolume.NotFound", 6, "restore", "db1", file)
    assert "Attach that disk first" in said, said
    assert not any(two.read()) and not any(one.read(HEADER))
    agent.scannable(*agent.disks)
    write(two, 0, whole)
    said = bad("InvalidVolumeHeader", 6, "restore", "db1", file)
    assert two.device in said and "copy" in said, said
    two.blank()
    good("restore", "db1", file)
    assert b'"volume_id"' in one.read() and not any(two.read())
    one.name(one)
    write(one, 0, bytes(HEADER))
    write(one, 1024, b"\1\0\0\0\377\0\0\0")
    write(one, 4096 - 10, b"SWAPSPACE2")
    said = bad("InvalidParameterCombination", 2, "restore", "db1", file)
    assert "holds other data (swap)" in said, said
    subprocess.run(["blockdev", "--setro", one.device], check=True)
    damaged = bad("InvalidParameterValue", 2, "restore", "db1", file)
    subprocess.run(["blockdev", "--setrw", one.device], check=True)
    assert "write-protected" in damaged, damaged
    damage(one)
    good("restore", "db1", file)
    start_restored()


@test("after delete --erase no file of the catalog has a part of the header or of the wrapped key")
def _():
    agent.create("db1", one)
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog:
        packed, = catalog.execute("SELECT packed FROM header").fetchone()
        wrapped, = catalog.execute("SELECT wrapped_key FROM cluster").fetchone()
    begin = packed.index(b'{"keyslots"') if b'{"keyslots"' in packed else packed.index(b"{")
    parts = {"header": packed[begin:begin + 64], "wrapped key": bytes(wrapped)[:48]}

    def found():
        seen = set()
        for name in os.listdir(f"{agent.dir}/agent"):
            with open(f"{agent.dir}/agent/{name}", "rb") as file:
                content = file.read()
            seen |= {(name, part) for part, text in parts.items() if text in content}
        return seen

    assert {part for _, part in found()} == set(parts), found()
    agent.good("delete", "db1", "--skip-final-snapshot", "--erase")
    assert not found(), found()


finish()
