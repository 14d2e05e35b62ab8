# SPDX-License-Identifier: MIT
#
# The agent's life with a KMS, disks and clients that do as they like: denial and silence,
# takeover, disks that change their names, a configuration for another region, clients and
# agents that go in the middle. What needs the kernel module is in tests/integration.

import json
import os
import signal
import sqlite3
import sys

from agent_daemon import Agent, asleep_in, luks
from tap import Tap
from wait import PATIENCE, wait_for

LOST = "inaccessible-encryption-credentials"

tap = Tap()
only = sys.argv[2] if len(sys.argv) > 2 else ""
if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
    tap.skip("the agent", "needs root and loop devices")
    sys.exit(tap.finish())
agent = Agent(sys.argv[1])
one, two, three = agent.disks
agent.start()


def test(name):
    def decorate(function):
        def clean():
            function()
            agent.remove_all()

        if only in name:
            tap.check(name, clean)
        return function

    return decorate


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


# An answer of the KMS is recorded, and what follows from it done, before the agent serves its
# next client: so no test waits for the effect once the record is there.


def disable(key):
    before = len(agent.records("Decrypt", "DisabledException"))
    agent.kms.good("DisableKey", {"KeyId": key})
    wait_for(lambda: len(agent.records("Decrypt", "DisabledException")) > before)


@test("a denial takes the key at once, and for good, also when the key is enabled again")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    assert agent.status("db1") == LOST
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    change = agent.records("DBClusterStatusChange")[-1]["serviceEventDetails"]
    assert change["status"] == LOST and "DisabledException" in change["statusReason"], change
    agent.told_disks()
    assert f'"state":"{LOST}"'.encode() in one.read()
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


@test("a lost key stays lost without the catalog: the disk knows")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
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
    luks("token", "import", "--token-id", "1", one.device, stdin=json.dumps(forged))


FORGED = b'"reason":"forged"'


@test("a loss that only the disk tells of is for the KMS to say: a write to the disk loses no cluster")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    tell_of_a_loss()
    agent.restart()
    assert agent.volume("db1")["Status"] == "stopped"  # the disks have been looked at by then
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
    assert agent.status("db1") == LOST and "DisabledException" in agent.clusters()["db1"]["StatusReason"]
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")


@test("a loss that the catalog does not take is written again until it does, and is for good")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    catalog = sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite", isolation_level=None)
    catalog.execute("BEGIN IMMEDIATE")  # it can be read only
    disable(key)
    assert agent.status("db1") == LOST and not agent.keys()
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


RECORDED = f'"state":"{LOST}-recoverable"'.encode()


@test("a cluster that was recovered stays so when the agent starts again: its disk has forgotten the denial")
def _():
    recovered()
    agent.told_disks()
    assert RECORDED not in one.read(), "the disk still says that the key is lost"
    keys = agent.keys()
    agent.restart(RecoveryWindowSeconds=0)
    agent.volume("db1")  # the disks have been looked at by then
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
    agent.volume("db1")
    assert agent.status("db1") == "available" and agent.keys() == keys, agent.log()[-1000:]
    agent.told_disks()
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
        assert "lease-expired: the KMS could not be reached" in agent.clusters()["db1"]["StatusReason"]
        agent.bad("KMSUnreachable", "start", "db1")
        assert agent.status("db1") == "stopped" and not agent.keys()
    agent.good("start", "db1")
    assert agent.status("db1") == "available"


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
        keys, whole = agent.keys(), one.read()
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
        assert agent.keys() == keys and one.read() == whole and agent.devices()["envelope-db1"][1] == "live"
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


def decrypted():
    """Records of keys that the KMS has given."""
    return [r for r in agent.records("Decrypt") if "errorCode" not in r and "dryRun" not in r["requestParameters"]]


@test("a denial that comes while the key is asked for again is the last word")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.create("db2", two)
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
        with agent.hung_device():
            stop = agent.begin("stop", "db2")  # holds the device thread, which is to give the key to the kernel
            agent.asked(stop)
            agent.kms.process.send_signal(signal.SIGCONT)
            wait_for(lambda: len(decrypted()) > given)
            disable(key)
            assert agent.status("db1") == LOST
        answer = client.recv(65536)
    assert b"KMSKeyNotAccessibleFault" in answer and b"DisabledException" in answer, answer
    assert agent.status("db1") == LOST, "the loss is undone"
    assert set(agent.keys()) <= {"1000"} and agent.devices()["envelope-db1"][1] == "failed"
    agent.wait_status("db2", "stopped")
    os.unlink(f"{agent.kernel}/keys/1000")


@test("a cluster that lost its key does not live in a device that somebody made by hand")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    assert agent.status("db1") == LOST
    volume, number = agent.devices()["envelope-db1"][0], agent.devices()["envelope-db1"][4]
    with open(f"{agent.kernel}/keys/1999", "w", encoding="utf-8") as f:
        f.write(f"dm-envelope:{volume} live\n")
    with open(f"{agent.kernel}/fresh-by-hand", "w", encoding="utf-8") as f:
        f.write(f"{volume} live - 60 {number}\n")
    before = len(agent.log())
    os.rename(f"{agent.kernel}/fresh-by-hand", f"{agent.kernel}/devices/envelope-db1")
    agent.volume("db1")
    assert agent.status("db1") == LOST and not agent.keys()
    assert agent.devices()["envelope-db1"][1] == "failed"
    # Nor for the moment that passes until the KMS refuses to renew the lease.
    assert "taking over" not in agent.log()[before:]


# ---------------------------------------------------------------- disks that change their names


def two_stopped_clusters():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db1")
    agent.good("stop", "db2")


def volume_on(name):
    number = agent.devices()[f"envelope-{name}"][4]
    return next(d.device for d in agent.disks if number == "{}:{}".format(*d.number()))


@test("names of disks are swapped: each start finds its own volume")
def _():
    two_stopped_clusters()
    one.name(two)
    two.name(one)
    agent.good("start", "db1")
    agent.good("start", "db2")
    assert volume_on("db1") == one.device and volume_on("db2") == two.device
    assert agent.clusters()["db1"]["Device"] == one.device
    assert "its volume has moved from" in agent.log()


@test("the name of a disk is another volume's, and its own is nowhere: refused, nothing is opened")
def _():
    two_stopped_clusters()
    agent.scannable(two, three)
    one.name(two)
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "is not on" in said and "of the cluster db2" in said, said
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    one.name(three)
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert "holds no LUKS2 header" in said, said
    os.unlink(one.path)
    said = agent.bad("InvalidParameterValue", "start", "db1")
    assert "No such file" in said, said
    assert agent.status("db1") == "stopped" and not agent.keys()
    one.name(one)
    agent.good("start", "db1")
    assert volume_on("db1") == one.device
    agent.scannable(*agent.disks)


@test("two disks hold the volume and neither is where it was: none is taken")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with open(two.device, "r+b", buffering=0) as copy:
        copy.write(one.read())
    one.name(three)
    said = agent.bad("InvalidVolumeHeader", "start", "db1")
    assert one.device in said and two.device in said and "copy" in said, said
    assert agent.status("db1") == "stopped" and not agent.keys()
    one.name(one)  # where it was: then the copy does no harm
    agent.good("start", "db1")


@test("create is refused when the path has become another disk's while the KMS was asked")
def _():
    with agent.silent_kms():
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted", "--allow-overwrite")
        agent.wait_status("db1", "creating")
        one.name(two)
    assert create.wait(PATIENCE) == 2
    assert "has become another device" in create.stderr.read()
    assert not agent.clusters() and not any(two.read()) and not any(one.read())


def rewrap(blob):
    """Puts another wrapped key into the header of disk one, as anybody who can write to it may."""
    def change():
        token = json.loads(luks("token", "export", "--token-id", "0", one.device))
        token["wrapped_key"] = blob.decode()
        luks("token", "import", "--token-replace", "--token-id", "0", one.device, stdin=json.dumps(token))

    return change


def other_wrapped_key():
    """A blob that the KMS knows, of another data key."""
    key = agent.kms.new_key()["KeyId"]
    return agent.kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": key, "NumberOfBytes": 64})["CiphertextBlob"].encode()


@test("a wrapped key that was changed on the disk is refused, and does not lose the cluster")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    whole = one.read()
    for change in rewrap(b"AAAA"), rewrap(other_wrapped_key()):
        asked = len(agent.records("Decrypt"))
        change()
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert "somebody changed it" in said, said
        assert agent.status("db1") == "stopped" and len(agent.records("Decrypt")) == asked
    with open(one.device, "r+b", buffering=0) as disk:
        disk.write(whole)
    agent.good("start", "db1")


# ---------------------------------------------------------------- a configuration for elsewhere


@test("an agent of another region says so, and takes no cluster's key for lost")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db1")
    agent.restart(Region="eu-west-1")
    said = agent.bad("InvalidParameterValue", "start", "db1")
    assert "in the region us-east-1, but this host asks the KMS of eu-west-1" in said, said
    # The live one is not renewed, which is said, and not ended either.
    wait_for(lambda: "LastError" in agent.volume("db2"))
    assert "Region=us-east-1" in agent.volume("db2")["LastError"]
    assert agent.status("db1") == "stopped" and agent.status("db2") == "available"
    # The KMS of us-east-1 does not take a signature for eu-west-1: no verdict about a key.
    agent.bad("InvalidSignatureException", "create", "db3", "--device", three.path, "--storage-encrypted")
    agent.restart()
    agent.good("start", "db1")


# ---------------------------------------------------------------- clients and agents that go in the middle


def interrupt(process, name):
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == -signal.SIGINT  # which a shell shows as 130
    assert process.stderr.read() == ("envelope: Interrupted. The agent finishes what it has begun. See: "
                                     f"envelope cluster describe --db-cluster-identifier {name}\n")


@test("Ctrl-C in create, start, stop and delete: the client says that the agent goes on, and it does")
def _():
    with agent.silent_kms():
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted")
        agent.wait_status("db1", "creating")
        interrupt(create, "db1")
        assert agent.status("db1") == "creating"
        agent.bad("InvalidDBClusterStateFault", "delete", "db1", "--skip-final-snapshot")
    agent.wait_status("db1", "available")
    with agent.hung_device():
        stop = agent.begin("stop", "db1")
        agent.asked(stop)
        interrupt(stop, "db1")
    agent.wait_status("db1", "stopped")
    with agent.silent_kms():
        start = agent.begin("start", "db1")
        agent.asked(start)
        interrupt(start, "db1")
    agent.wait_status("db1", "available")
    with agent.hung_device():
        delete = agent.begin("delete", "db1", "--skip-final-snapshot", "--erase")
        agent.asked(delete)
        interrupt(delete, "db1")
    wait_for(lambda: not agent.clusters())
    assert not any(one.read()) and not agent.keys() and not agent.devices()
    agent.create("db1", one)


def became_of_it(status):
    """What the trail says last of a cluster that was left in a status."""
    change = agent.records("DBClusterStatusChange")[-1]["serviceEventDetails"]
    assert (change.get("previousStatus", "deleting"), change["status"]) == (status, "deleting"), change
    return change["statusReason"]


@test("an agent that is killed in the middle of create leaves nothing that cannot be repeated")
def _():
    for end in (agent.kill, agent.stop):
        with agent.silent_kms():
            create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted")
            agent.wait_status("db1", "creating")
            end()
            assert create.wait(PATIENCE) == 5
        assert "AgentUnreachable" in create.stderr.read()
        agent.start()
        wait_for(lambda: not agent.clusters())
        assert not agent.keys() and not agent.devices()
        assert became_of_it("creating").startswith("create-interrupted")
        agent.create("db1", one)
        agent.remove_all()


def killed_before_the_seal():
    """An agent killed between the format of db1 on disk one and its wrapped key, beside db2 on disk two."""
    agent.create("db2", two)
    with agent.hung_device():
        stop = agent.begin("stop", "db2")  # holds the device thread, which is to format
        agent.asked(stop)
        unwrapped = len(decrypted())
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted")
        wait_for(lambda: len(decrypted()) > unwrapped)
        agent.kms.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: b'"volume_id"' in one.read())
    agent.wait_status("db2", "stopped")
    agent.kill()
    assert create.wait(PATIENCE) == 5
    assert b"wrapped_key" not in one.read() and b"wrapped_key" in two.read()
    agent.kms.process.send_signal(signal.SIGCONT)


@test("an agent that is killed between the format and the wrapped key leaves the device as it was")
def _():
    for swapped in False, True:  # as after a restart of the host
        killed_before_the_seal()
        whole = two.read()
        if swapped:
            one.name(two)
            two.name(one)
        agent.start()
        wait_for(lambda: "db1" not in agent.clusters())
        assert not any(one.read()), "a half-made header is left"
        assert "is erased" in became_of_it("creating")
        assert two.read() == whole  # and nothing else was touched
        one.name(one)
        two.name(two)
        agent.create("db1", one)
        agent.remove_all()


@test("a deletion that the catalog does not know of is refused: no cluster starts from a disk that says deleted")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    catalog = sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite", isolation_level=None)
    catalog.execute("BEGIN IMMEDIATE")  # it can be read only
    agent.bad("InternalFailure", "delete", "db1", "--skip-final-snapshot")
    catalog.close()
    assert b'"state":"deleted"' not in one.read(), "the disk says deleted"
    assert agent.status("db1") == "stopped"
    agent.good("start", "db1")


@test("an agent that is killed in the middle of a deletion has the next one finish it")
def _():
    for more in [], ["--erase"]:
        agent.create("db1", one)
        agent.good("stop", "db1")
        with agent.hung_log():
            delete = agent.begin("delete", "db1", "--skip-final-snapshot", *more)
            wait_for(lambda: "pipe" in asleep_in(agent.process))  # the catalog knows, the trail is next
            agent.kill()
        assert delete.wait(PATIENCE) == 5
        assert b"LUKS" in one.read() and b'"state":"deleted"' not in one.read()
        agent.start()
        wait_for(lambda: not agent.clusters())
        assert became_of_it("deleting") == "delete-interrupted: enveloped ended in the middle of it; finished now"
        assert not any(one.read()) if more else b'"state":"deleted"' in one.read()
        agent.restart()
        one.blank()


# ---------------------------------------------------------------- reading the audit trail


@test("requests as large as they may be are cut off in the trail, which can still be read")
def _():
    request = {"dbClusterIdentifier": "db1", "device": one.path, "storageEncrypted": True, "kmsKeyId": "k" * 900000}
    with agent.connect() as client:
        for _ in range(3):
            said = agent.varlink(client, "CreateCluster", request)
            assert said["error"] == "io.dmenvelope.Cluster.Fault", said
        request["kmsKeyId"] = "\1" * 1000  # six bytes each in JSON
        for _ in range(300):
            agent.varlink(client, "CreateCluster", request)
        keys = [r["requestParameters"]["kmsKeyId"] for r in agent.records("CreateDBCluster")[-303:]]
        assert keys[0] == "k" * 1024 + "... (900000 bytes)" and keys[-1] == "\1" * 1000
        # Those that an agent before this one wrote whole.
        whole = agent.records("CreateDBCluster")[-303]
        whole["requestParameters"]["kmsKeyId"] = "k" * 900000
        with open(agent.audit_file, "a", encoding="utf-8") as trail:
            trail.writelines(json.dumps(whole, separators=(",", ":")) + "\n" for _ in range(3))
        shown = agent.events()
        assert shown[-1]["requestParameters"]["kmsKeyId"] == keys[0] and len(shown) > 250
        # Who takes one answer gets the newest that fit.
        one_answer = agent.varlink(client, "Events", {})["parameters"]["events"]
        assert one_answer == shown[-len(one_answer):] and len(one_answer) > 20


@test("SIGTERM ends the agent with status 0, and no sanitizer has a word to say")
def _():
    assert agent.stop() == 0
    assert "Sanitizer" not in agent.log() and "runtime error" not in agent.log(), agent.log()
    agent.start()


agent.stop()
sys.exit(tap.finish())
