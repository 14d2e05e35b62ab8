# SPDX-License-Identifier: MIT
#
# What must not end the agent, nor a lease: a new configuration with a fault, files that it names; a disk
# without room or write-protected, a damaged catalog, a missing folder.

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess

from agent_daemon import asleep_in
from agent_suite import LOST, agent, finish, one, second_agent, test, two
from wait import PATIENCE, wait_for


def renewed(times):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)


@test("a running agent refuses a configuration with a fault, names the line, and goes on with the old one")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for fault, changed in {
        "agent.conf:9: LeaseSeconds=6O is not valid": {"LeaseSeconds": "6O"},
        "agent.conf:11: The key Rigion is unknown": {"Rigion": "us-east-1"},
        "KmsEndpoint=https://kms:0 is not valid": {"KmsEndpoint": "https://kms:0"},
        "/nowhere cannot be read": {"CredentialsFile": "/nowhere"},
        "the profile [other] needs": {"Profile": "other"},
        "CaFile=/nowhere cannot be opened": {"CaFile": "/nowhere"},
        "The program for KMS calls, /nowhere, cannot be run": {"Worker": "/nowhere"},
        "The program for KMS calls, /tmp, is not a file": {"Worker": "/tmp"},
    }.items():
        record = agent.reload(**changed)
        assert record["errorCode"] == "InvalidConfiguration", record
        assert fault.lower() in record["errorMessage"].lower(), f"expected {fault}, seen {record['errorMessage']}"
        assert record["errorMessage"] in agent.log()
    renewed(2)
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("a pipe in place of a file that the configuration names, or of the configuration, holds up neither the agent nor a check")
def _():
    pipe, conf = f"{agent.dir}/pipe", f"{agent.dir}/agent.conf"
    os.mkfifo(pipe, 0o600)
    agent.create("db1", one)
    for key in "CaFile", "CredentialsFile", "ProxyCredentialsFile":
        record = agent.reload(**{key: pipe}, Proxy="http://127.0.0.1:1")
        assert "it is a pipe" in record.get("errorMessage", ""), (key, record)
        status, said = agent.check_config(**{key: pipe}, Proxy="http://127.0.0.1:1")
        assert status == 2 and "it is a pipe" in said, (key, said)
    agent.configure()
    os.rename(conf, f"{conf}.kept")
    os.mkfifo(conf)
    told = agent.log().count(f"{conf} cannot be opened: it is a pipe")
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.log().count(f"{conf} cannot be opened: it is a pipe") > told, why=agent.log)
    os.rename(f"{conf}.kept", conf)
    renewed(2)
    assert agent.status("db1") == "available"


@test("a good configuration takes over at SIGHUP, without a lease that ends; what cannot change is named")
def _():
    agent.restart(RenewSeconds=3500)
    agent.create("db1", one)
    keys = agent.keys()
    record = agent.reload(RenewSeconds=1, StateDirectory=f"{agent.dir}/elsewhere")
    assert "errorCode" not in record, record
    assert record["serviceEventDetails"]["keptUntilRestart"] == ["StateDirectory"], record
    assert f"StateDirectory={agent.dir}/elsewhere takes effect at the next restart" in agent.log()
    renewed(2)
    assert agent.status("db1") == "available" and agent.keys() == keys
    assert not os.path.exists(f"{agent.dir}/elsewhere")
    agent.restart()


@test("an agent whose credentials are missing starts, says so, and renews when they are there")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    os.rename(agent.kms.credentials, f"{agent.kms.credentials}.away")
    try:
        agent.restart()
        assert "credentials" in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
    finally:
        os.rename(f"{agent.kms.credentials}.away", agent.kms.credentials)
    renewed(1)
    assert agent.status("db1") == "available" and agent.keys() == keys


def problem():
    """What `envelope status` says below the table."""
    done = subprocess.run([f"{agent.programs}/envelope", "status"], capture_output=True, text=True, env=agent.environment,
                          check=True)
    return done.stderr


@test("a restart with a fault in the configuration goes on with the last good one, names the line, and ends no lease")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    copy = f"{agent.dir}/agent/agent.conf.good"
    assert os.stat(copy).st_mode & 0o7777 == 0o600, "the copy is not root's alone"
    for fault, changed in {
        "agent.conf:9: LeaseSeconds=6O is not valid": {"LeaseSeconds": "6O"},
        "The folder /proc/nowhere cannot be made": {"AgentSocket": "/proc/nowhere/agent.sock"},
    }.items():
        agent.restart(**changed)
        assert f"the last good one, {copy}, is used in its place" in agent.log()
        assert fault in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
        assert fault in problem(), problem()
        renewed(2)
        assert agent.status("db1") == "available" and agent.keys() == keys
        assert agent.check_config(**changed)[0] == (2 if "LeaseSeconds" in changed else 0)
        assert agent.reload(LeaseSeconds="6O")["errorCode"] == "InvalidConfiguration"
        agent.reload()
        assert not problem()
    agent.reload(RenewSeconds=2)
    agent.restart(LeaseSeconds="6O")
    with open(copy, encoding="utf-8") as f:
        assert "RenewSeconds=2\n" in f.read(), "the copy is not that of the last reload"
    agent.restart()


@test("while the host goes down the agent renews until no device is in use; a stop of the agent alone waits for nothing")
def _():
    agent.create("db1", one)
    with agent.open_devices():
        agent.process.send_signal(signal.SIGUSR1)  # as the unit does
        agent.process.terminate()
        wait_for(lambda: "The host goes down" in agent.log() or agent.process.poll() is not None)
        before = len(agent.records("Decrypt"))
        wait_for(lambda: len(agent.records("Decrypt")) >= before + 3 or agent.process.poll() is not None)
        assert agent.process.poll() is None, "the agent ended under a device in use"
        assert agent.status("db1") == "available"
    assert agent.process.wait(PATIENCE) == 0
    agent.start()
    with agent.open_devices():
        agent.told_disks()
        assert agent.stop() == 0
        agent.start()


@test("a loss that the disk does not take is written as soon as it does, by the same agent")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    lost = f'"state":"{LOST}"'.encode()
    subprocess.run(["blockdev", "--setro", one.device], check=True)
    try:
        agent.kms.good("DisableKey", {"KeyId": key})
        agent.wait_status("db1", LOST)
        wait_for(lambda: "cannot record its state in the header on" in agent.log())
        assert lost not in one.read()
    finally:
        subprocess.run(["blockdev", "--setrw", one.device], check=True)
    wait_for(lambda: lost in one.read(), why="the loss is not on the disk")


class SmallDisk:
    """The folder of the catalog on a disk of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = f"{folder}/filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(1024))

    def free(self):
        os.unlink(self.filler)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.folder], check=True)


@contextlib.contextmanager
def small_disk():
    """With an agent that has its catalog there."""
    folder = f"{agent.dir}/agent"
    assert agent.stop() == 0
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", folder], check=True)
    try:
        agent.start()
        yield SmallDisk(folder)
        agent.remove_all()
        assert agent.stop() == 0
    finally:
        agent.kill()
        subprocess.run(["umount", "-l", folder], check=True)
        agent.start()
        agent.remove_all()


def lives_without_a_catalog(why):
    """The agent has been started on a disk that takes nothing: it says why, and renews."""
    assert agent.status("db1") == "available" and len(agent.keys()) == 1, agent.log()[-2000:]
    said = agent.records("CatalogCheck", "CatalogUnavailable")[-1]["errorMessage"]
    assert why in said, said
    assert why in problem(), problem()
    renewed(2)
    assert why in agent.bad("CatalogUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
    agent.good("stop", "db1")
    agent.bad("CatalogUnavailable", "delete", "db1", "--skip-final-snapshot")


def has_a_catalog_again():
    wait_for(lambda: not problem())
    assert agent.in_catalog("db1") == "stopped", "the stop is not in the catalog"
    agent.create("db2", two)
    assert agent.records("CatalogReturn")


@test("on a full disk an agent starts and renews, says so, refuses what must be stored, and goes on when there is room")
def _():
    with small_disk() as disk:
        agent.create("db1", one)
        assert not problem()
        # As after a power cut: the rows are in the log alone, and its index is gone. No scan finds the volume.
        agent.kill()
        os.unlink(f"{disk.folder}/catalog.sqlite-shm")
        agent.scannable()
        disk.fill()
        agent.start()
        agent.scannable(*agent.disks)
        lives_without_a_catalog("No space left on device")
        disk.free()
        has_a_catalog_again()


@test("a disk that becomes full under the agent ends nothing, and the catalog is written when there is room")
def _():
    with small_disk() as disk:
        agent.create("db1", one)
        disk.fill()
        agent.good("stop", "db1")
        assert "No space left on device" in problem()
        disk.free()
        has_a_catalog_again()


@test("an agent starts with a catalog on a write-protected disk, and writes it when it may")
def _():
    with small_disk() as disk:
        agent.create("db1", one)
        agent.told_disks()
        assert agent.stop() == 0
        disk.remount("ro")
        agent.start()
        lives_without_a_catalog("Read-only file system")
        disk.remount("rw")
        has_a_catalog_again()


@test("what was chosen for a cluster counts again when its catalog is back")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    agent.create("db1", one, "--allow-discards")
    agent.told_disks()
    assert agent.stop() == 0
    os.rename(path, f"{path}.away")
    os.mkdir(path)  # no file can be opened there
    agent.start()
    agent.wait_status("db1", "available")
    assert problem()
    os.rmdir(path)
    os.rename(f"{path}.away", path)
    wait_for(lambda: not problem())
    assert agent.clusters()["db1"]["AllowDiscards"], "the choice is forgotten"


def refuses_to_delete():
    assert agent.clusters()["db1"]["DeletionProtection"]
    said = agent.bad("InvalidParameterCombination", "delete", "db1", "--skip-final-snapshot", "--erase")
    assert "disable deletion protection" in said, f"the protection is forgotten: {said}"


@test("a cluster whose settings are lost with a damaged catalog is protected against deletion until somebody lifts it")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    agent.create("db1", one, "--deletion-protection", "--allow-discards")
    agent.good("stop", "db1")
    agent.told_disks()
    assert agent.stop() == 0
    with open(path, "wb") as f:
        f.write(b"no catalog" * 1000)
    agent.start()
    agent.wait_status("db1", "stopped")
    assert agent.records("CatalogCheck", "CatalogDamaged")
    refuses_to_delete()
    assert "Its settings are not known" in agent.clusters()["db1"]["StatusReason"]
    assert "db1: found its volume" in agent.log() and "it is protected against deletion" in agent.log()
    assert not agent.clusters()["db1"]["AllowDiscards"], "discards were allowed by nobody"
    agent.restart()
    refuses_to_delete()
    agent.good("modify", "db1", "--no-deletion-protection")
    agent.restart()
    assert not agent.clusters()["db1"]["DeletionProtection"]


@test("such a cluster stays protected when it was found while no catalog could be written")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    agent.create("db1", one)
    agent.told_disks()
    assert agent.stop() == 0
    os.unlink(path)
    os.mkdir(path)  # no file can be opened there
    agent.start()
    agent.wait_status("db1", "available")
    os.rmdir(path)
    wait_for(lambda: not problem())
    agent.restart()
    refuses_to_delete()


@test("a damaged index of the catalog is noticed and rebuilt, and the damaged file is kept")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    arn = agent.clusters()["db1"]["DbClusterResourceId"].encode()
    agent.told_disks()
    assert agent.stop() == 0
    with open(f"{agent.dir}/agent/catalog.sqlite", "r+b") as f:
        text = f.read()
        f.seek(text.index(arn, text.index(arn) + 1))
        f.write(b"x")
    agent.start()
    said = agent.records("CatalogCheck", "CatalogDamaged")[-1]["errorMessage"]
    assert "index" in said and os.path.exists(said.split("is kept as ")[1].split(". ")[0]), said
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("a catalog that a later agent wrote ends the start with a fault of its own: it names the version, and nothing is changed")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    agent.create("db1", one)
    agent.told_disks()
    assert agent.stop() == 0
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as catalog:
        catalog.execute("UPDATE writer SET version = '7.1'")
        catalog.execute("PRAGMA user_version = 99")
    before = len(agent.log())
    agent.spawn()
    wait_for(lambda: agent.process.poll() is not None)
    said = agent.log()[before:]
    assert agent.process.returncode == 7 and "CatalogTooNew: " in said, (agent.process.returncode, said)
    assert "has the schema 99, which enveloped 7.1 wrote" in said and "last good one" not in said, said
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as catalog:
        assert catalog.execute("SELECT version FROM writer").fetchone() == ("7.1",)
        catalog.execute("PRAGMA user_version = 2")
    agent.start()
    assert agent.status("db1") == "available"


@test("without its folder the audit trail waits: the agent starts and renews, and gives no new access until the folder is back")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    folder = f"{agent.dir}/log"
    with open(folder, "wb"):
        pass  # a file where the folder should be
    agent.restart(AuditFile=f"{folder}/audit.jsonl")
    assert agent.status("db1") == "available" and agent.keys() == keys
    assert f"{folder}/audit.jsonl cannot be opened" in agent.log()
    agent.bad("AuditTrailUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
    os.unlink(folder)
    os.mkdir(folder)
    wait_for(lambda: os.path.exists(f"{folder}/audit.jsonl"))
    agent.create("db2", two)
    with open(f"{folder}/audit.jsonl", encoding="utf-8") as f:
        assert "AuditTrailGap" in f.readline()
    agent.restart()
    shutil.rmtree(folder)


@contextlib.contextmanager
def full_pipe():
    """The ends of a pipe that takes nothing before it is read."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@test("an agent whose messages nobody reads answers and renews; the messages come when they are read")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    with full_pipe() as (reading, writing):
        agent.told_disks()
        assert agent.stop() == 0
        agent.stderr = writing
        try:
            agent.spawn()
            wait_for(lambda: "pipe" in asleep_in(agent.process) or agent.cli("describe").returncode == 0)
        finally:
            agent.stderr = None
        assert "pipe" not in asleep_in(agent.process), "the event loop waits for a reader"
        record = agent.reload(Rigion="us-east-1")
        renewed(2)
        assert agent.status("db1") == "available" and agent.keys() == keys
        assert os.read(reading, 4096) == b"x" * 4096
        seen = b""
        while record["errorMessage"].encode() not in seen:
            seen += os.read(reading, 4096)
        agent.restart()


@test("a second agent with the same state folder is refused before it looks at anything, and the next agent is not")
def _():
    agent.create("db1", one)
    before = agent.log()
    status, said = second_agent()
    assert status == 6 and f"AgentRunning: Another enveloped (process {agent.process.pid}) runs" in said, said
    assert "taking over" not in said and "last good" not in said, said
    assert agent.status("db1") == "available" and agent.log().startswith(before)
    # A restart with a fault in the configuration takes the lock twice.
    agent.stop()
    agent.start(Rigion="us-east-1")
    assert "last good one" in agent.log() and second_agent()[0] == 6
    # The kernel has not ended each thread of a killed agent.
    agent.kill()
    dead = subprocess.Popen(["true"])
    wait_for(lambda: "Z" in open(f"/proc/{dead.pid}/stat", encoding="utf-8").read())
    folder = os.open(f"{agent.dir}/agent", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        assert second_agent()[0] == 6
        with open(f"{agent.dir}/agent/enveloped.pid", "w", encoding="utf-8") as f:
            f.write(f"{dead.pid}\n")
        agent.start()
        assert f"(process {dead.pid})" in agent.log()
        assert agent.status("db1") == "available" and second_agent()[0] == 6
    finally:
        os.close(folder)
        dead.wait()
    agent.restart()


@test("--check-config says what is wrong and where, and touches nothing")
def _():
    assert agent.check_config() == (0, "The configuration is valid.\n")
    assert agent.check_config(CaFile=f"{agent.kms.state}/ca.pem")[0] == 0
    for changed, fault in [
        ({"LeaseSeconds": 1}, "agent.conf:9: LeaseSeconds=1 is not valid"),
        ({"CaFile": f"{agent.dir}/agent.conf"}, "has no certificate in PEM form"),
    ]:
        status, said = agent.check_config(**changed)
        assert status == 2 and fault in said, (status, said)
    agent.configure()


finish()
