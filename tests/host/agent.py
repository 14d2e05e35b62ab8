# SPDX-License-Identifier: MIT
#
# The life of the agent with a KMS: denial and silence, and the takeover of live devices. Cases that
# need the kernel module are in tests/integration.

import json
import os
import signal
import sqlite3
import time

from agent_daemon import asleep_in, luks
from agent_suite import LOST, RECORDED, agent, changes, decrypted, disable, finish, lose, one, test, two
from wait import PATIENCE, wait_for


# ---------------------------------------------------------------- denial and silence


@test("a cluster is created, stopped, started and deleted")
def _():
    agent.create("db1", one)
    assert agent.status("db1") == "available" and len(agent.keys()) == 1
    assert agent.devices()["envelope-db1"][1] == "live"
    assert b"dm-envelope" in one.read()
    agent.good("stop", "db1")
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    agent.good("start", "db1")
    assert agent.status("db1") == "available" and len(agent.keys()) == 1


@test("a protected cluster is not deleted, also after a restart of the agent, until the protection is disabled")
def _():
    agent.create("db1", one, "--deletion-protection")
    agent.create("db2", two)
    assert [agent.clusters()[name]["DeletionProtection"] for name in ("db1", "db2")] == [True, False]
    agent.restart()
    agent.good("stop", "db1")
    said = agent.bad("InvalidParameterCombination", "delete", "db1", "--skip-final-snapshot", "--erase")
    assert "Cannot delete protected Cluster, please disable deletion protection and try again." in said, said
    assert b"LUKS" in one.read() and agent.status("db1") == "stopped"
    said = agent.bad("InvalidParameterCombination", "modify", "db1", "--no-deletion-protection", "--region", "eu-west-1")
    assert agent.clusters()["db1"]["DeletionProtection"], "a refused change has disabled the protection"
    agent.good("modify", "db2", "--deletion-protection")
    agent.good("modify", "db1", "--no-deletion-protection")
    assert agent.records("ModifyDBCluster")[-1]["requestParameters"]["deletionProtection"] is False
    agent.restart()
    agent.bad("InvalidParameterCombination", "delete", "db2", "--skip-final-snapshot")
    agent.good("delete", "db1", "--skip-final-snapshot")
    agent.good("modify", "db2", "--no-deletion-protection")


@test("a denial takes the key at once, and for good, also when the key is enabled again")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    assert agent.status("db1") in (f"{LOST}-recoverable", LOST)
    agent.wait_status("db1", LOST)
    change = changes()[-1]["serviceEventDetails"]
    assert change["status"] == LOST and "DisabledException" in change["statusReason"], change
    agent.told_disks()
    assert f'"state":"{LOST}"'.encode() in one.read()
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


@test("a lost key stays lost without the catalog: the disk knows")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    lose("db1", key)
    agent.told_disks()
    agent.kms.good("EnableKey", {"KeyId": key})
    assert agent.stop() == 0
    agent.lose_catalog()
    with agent.hung_log():
        agent.spawn()
        wait_for(lambda: "pipe" in asleep_in(agent.process))
        agent.kill()
    assert agent.in_catalog("db1") == LOST, "the loss is not the first that a new catalog hears"
    agent.lose_catalog()
    agent.start()
    wait_for(lambda: agent.status("db1"))
    assert agent.status("db1") == LOST
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert not agent.keys()


def tell_of_a_loss():
    """Writes into the header of disk one that the key is lost, as anybody who can write to it may."""
    forged = {"type": "envelope-state", "keyslots": [], "state": LOST, "reason": "forged", "time": "2026-01-31T12:00:00Z"}
    luks("token", "import", "--token-id", "9", one.device, stdin=json.dumps(forged))


FORGED = b'"reason":"forged"'


@test("a loss that only the disk tells of is for the KMS to say: a write to the disk loses no cluster")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    tell_of_a_loss()
    agent.restart()
    agent.told_disks()
    assert agent.volume("db1")["Status"] == "stopped"
    with agent.no_kms():
        agent.bad("KMSUnreachable", "start", "db1")
    assert agent.status("db1") == "stopped" and FORGED in one.read()  # nobody has refuted it yet
    agent.good("start", "db1")
    change = agent.records("DBClusterStatusChange")[-1]["serviceEventDetails"]
    assert change["status"] == "available" and "header-refuted" in change["statusReason"], change
    agent.told_disks()
    assert FORGED not in one.read(), "the disk still says that the key is lost"


@test("nor does it lose one that is available, when the agent starts again")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    tell_of_a_loss()
    agent.kill()
    agent.start()
    wait_for(lambda: FORGED not in one.read() or agent.status("db1") != "available")  # with a renewal
    assert agent.status("db1") == "available" and agent.keys() == keys
    assert "header-refuted" in agent.clusters()["db1"]["StatusReason"]


@test("a loss that only the disk tells of is one when the KMS refuses the key")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    tell_of_a_loss()
    agent.kms.good("DisableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    agent.wait_status("db1", LOST)
    assert "DisabledException" in agent.clusters()["db1"]["StatusReason"]
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


@test("a loss that the catalog does not take is written again until it does, and is for good")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    catalog = sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite", isolation_level=None)
    catalog.execute("BEGIN IMMEDIATE")  # it can be read only
    disable(key)
    assert not agent.keys()
    agent.wait_status("db1", LOST)
    assert agent.in_catalog("db1") == "available"
    catalog.close()
    wait_for(lambda: agent.in_catalog("db1") == LOST)
    agent.kill()
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.start()
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


def recovered():
    """db1 on disk one, refused and given again within the window. Returns the disk as it was between."""
    agent.restart(RecoveryWindowSeconds=3600)
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    assert agent.status("db1") == f"{LOST}-recoverable" and not agent.keys()
    agent.told_disks()
    refused = one.read()
    assert RECORDED in refused
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.good("start", "db1")
    assert agent.status("db1") == "available"
    return refused


@test("a cluster that was recovered stays so when the agent starts again: its disk has forgotten the denial")
def _():
    recovered()
    agent.told_disks()
    assert RECORDED not in one.read(), "the disk still says that the key is lost"
    keys = agent.keys()
    agent.restart(RecoveryWindowSeconds=0)
    agent.told_disks()
    assert agent.status("db1") == "available" and agent.keys() == keys
    agent.restart()


@test("what a disk says of a denial is no longer believed once the cluster was recovered, and is erased")
def _():
    refused = recovered()
    keys = agent.keys()
    agent.kill()
    with open(one.device, "r+b", buffering=0) as disk:
        disk.write(refused)  # as if the agent had been killed before it wrote the disk
    agent.start(RecoveryWindowSeconds=0)
    agent.told_disks()
    assert agent.status("db1") == "available" and agent.keys() == keys, agent.log()[-1000:]
    assert RECORDED not in one.read()
    agent.restart()


@test("silence is no denial: the lease ends in the kernel, the cluster is stopped and starts again")
def _():
    agent.create("db1", one)
    with agent.no_kms():
        before = len(agent.records("Decrypt", "KMSUnreachable"))
        for times in 1, 2:  # and it goes on asking
            wait_for(lambda: len(agent.records("Decrypt", "KMSUnreachable")) >= before + times)
            assert agent.status("db1") == "available" and len(agent.keys()) == 1
        agent.fail_device("envelope-db1", "lease-expired")
        assert agent.volume("db1")["Status"] == "stopped"
        why = agent.clusters()["db1"]["StatusReason"]
        assert why.startswith("lease-expired: the KMS could not be reached in time (KMSUnreachable: "), why
        assert "KmsEndpoint=" in why and why.endswith("envelope cluster start --db-cluster-identifier db1"), why
        agent.bad("KMSUnreachable", "start", "db1")
        assert agent.status("db1") == "stopped" and not agent.keys()
    agent.good("start", "db1")
    assert agent.status("db1") == "available"


@test("a lease that ends while the agent waits for an answer is not the fault of an agent that was away")
def _():
    agent.restart(RenewSeconds=3500)
    agent.create("db1", one)
    agent.fail_device("envelope-db1", "lease-expired")
    wait_for(lambda: agent.volume("db1")["Status"] == "stopped")
    why = agent.clusters()["db1"]["StatusReason"]
    assert why.startswith("lease-expired: the lease ended before the KMS had answered"), why
    agent.remove_all()
    agent.restart()


# ---------------------------------------------------------------- an agent that was not there


@test("an agent that was killed takes its live devices over, and asks the KMS at once")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    agent.kill()
    asked = len(agent.records("Decrypt"))
    agent.start(RenewSeconds=3500)
    assert agent.status("db1") == "available" and "LeaseSecondsLeft" in agent.clusters()["db1"]
    assert agent.keys() == keys and agent.devices()["envelope-db1"][1] == "live"
    # Either it has not been renewed yet, or the KMS has been asked for that.
    assert "LastRenewal" not in agent.volume("db1") or len(agent.records("Decrypt")) > asked
    wait_for(lambda: len(agent.records("Decrypt")) > asked)
    assert agent.records("Decrypt")[-1]["requestParameters"]["dryRun"] is True
    agent.restart()


@test("an agent without its catalog takes a live device over before anybody can start or delete the cluster")
def _():
    for verb, *more in ["start"], ["delete", "--skip-final-snapshot", "--erase"]:
        agent.create("db1", one)
        keys, volume = agent.keys(), luks("token", "export", "--token-id", "0", one.device)
        agent.kill()
        agent.lose_catalog()
        with agent.unseen_devices():
            agent.start()
            wait_for(lambda: agent.looking() or agent.clusters())
            early = agent.begin(verb, "db1", *more)
            wait_for(lambda: early.poll() is not None or "poll" in asleep_in(early))
            agent.clusters()  # the agent has come to the call before this one
        assert early.wait(PATIENCE) != 0, f"{verb} was done"
        agent.wait_status("db1", "available")
        assert agent.keys() == keys and agent.devices()["envelope-db1"][1] == "live"
        assert luks("token", "export", "--token-id", "0", one.device) == volume
        agent.remove_all()


def denied_without_agent():
    """db1 on disk one, whose key is refused while no agent runs."""
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.kill()
    agent.kms.good("DisableKey", {"KeyId": key})


@test("what was denied while no agent was there ends when one is")
def _():
    denied_without_agent()
    agent.start(RenewSeconds=3500)
    agent.wait_status("db1", LOST)
    assert not agent.keys()
    agent.restart()


@test("a denial ends access before it is recorded, so not even a log that hangs delays it")
def _():
    denied_without_agent()
    with agent.hung_log() as written:
        agent.spawn(RenewSeconds=3500)
        wait_for(lambda: "pipe" in asleep_in(agent.process))
        assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed", "the denial waits for the log"
    agent.wait_status("db1", LOST)
    record = next(r for r in map(json.loads, written) if r["eventName"] == "Decrypt")
    assert record["errorCode"] == "DisabledException"  # and recorded it is
    agent.restart()


@test("a denial that comes while the key is asked for again is the last word")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.good("start", "db1")
    by_hand = f"dm-envelope:{agent.clusters()['db1']['VolumeId']}"
    assert "1000" not in agent.keys()
    with open(f"{agent.kernel}/keys/1000", "w", encoding="utf-8") as f:
        f.write(f"{by_hand} live\n")  # found before the agent's own, which is therefore asked for again
    given = len(decrypted())
    with agent.connect() as client:
        agent.kms.process.send_signal(signal.SIGSTOP)
        client.sendall(json.dumps({"method": "io.dmenvelope.Cluster.ActivateKey",
                                   "parameters": {"description": by_hand}}).encode() + b"\0")
        with agent.hung_key():
            agent.kms.process.send_signal(signal.SIGCONT)
            wait_for(lambda: len(decrypted()) > given)
            disable(key)
            assert agent.status("db1") == f"{LOST}-recoverable"
        answer = client.recv(65536)
    assert b"KMSKeyNotAccessibleFault" in answer and b"DisabledException" in answer, answer
    assert agent.status("db1") in (f"{LOST}-recoverable", LOST), "the loss is undone"
    agent.wait_status("db1", LOST)
    assert set(agent.keys()) <= {"1000"} and agent.devices()["envelope-db1"][1] == "failed"
    os.unlink(f"{agent.kernel}/keys/1000")


@test("a SIGTERM in the moment in which leases are due for renewal ends the agent cleanly")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    for _i in range(6):
        os.kill(agent.process.pid, signal.SIGSTOP)
        time.sleep(2)  # renewals are due each second
        agent.process.terminate()
        os.kill(agent.process.pid, signal.SIGCONT)
        status = agent.stop()
        assert status == 0, f"exit status {status}: {agent.log()[-3000:]}"
        agent.start()


@test("a cluster that lost its key does not live in a device that somebody made by hand")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    lose("db1", key)
    volume, number = agent.devices()["envelope-db1"][0], agent.devices()["envelope-db1"][4]
    with open(f"{agent.kernel}/keys/1999", "w", encoding="utf-8") as f:
        f.write(f"dm-envelope:{volume} live\n")
    with open(f"{agent.kernel}/fresh-by-hand", "w", encoding="utf-8") as f:
        f.write(f"{volume} live - 60 {number}\n")
    before = len(agent.log())
    os.rename(f"{agent.kernel}/fresh-by-hand", f"{agent.kernel}/devices/envelope-db1")
    agent.told_disks()
    assert agent.status("db1") == LOST and not agent.keys()
    assert agent.devices()["envelope-db1"][1] == "failed"
    # Nor for the moment that passes until the KMS refuses to renew the lease.
    assert "taking over" not in agent.log()[before:]


finish()
