# SPDX-License-Identifier: MIT
#
# The agent's operations when something changes in the middle: the names of disks, the
# configuration, a client or an agent that ends. Also the reading of the audit trail.

import json
import os
import signal
import sqlite3

from agent_daemon import asleep_in, luks
from agent_suite import agent, finish, forgotten, one, test, three, two
from wait import PATIENCE, wait_for


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
    assert agent.clusters()["db1"]["Device"] == one.path, "the user's path has been overwritten"
    assert "its volume has moved from" in agent.log()


@test("the name of a disk is another volume's, and its own is nowhere: refused, nothing is opened")
def _():
    two_stopped_clusters()
    agent.scannable(two, three)
    one.name(two)
    said = agent.bad("InvalidVolume.NotFound", "start", "db1")
    assert "is not on" in said and "of the cluster db2" in said, said
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    one.name(three)
    said = agent.bad("InvalidVolume.NotFound", "start", "db1")
    assert "holds no LUKS2 header" in said, said
    os.unlink(one.path)
    said = agent.bad("InvalidVolume.NotFound", "start", "db1")
    assert "No such file" in said, said
    assert agent.status("db1") == "stopped" and not agent.keys()
    one.name(one)
    agent.scannable(*agent.disks)
    agent.good("start", "db1")
    assert volume_on("db1") == one.device


def jobs(statement="SELECT * FROM job"):
    catalog = sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite", isolation_level=None)
    rows = catalog.execute(statement).fetchall()
    catalog.close()
    return rows


@test("create is refused when the path has become another disk's while the KMS was asked")
def _():
    with agent.silent_kms():
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted", "--allow-overwrite")
        agent.wait_status("db1", "creating")
        wait_for(jobs)  # the agent's list has the cluster before its disk was looked up
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


# ---------------------------------------------------------------- devices that hang


@test("a device that hangs holds up its own cluster alone: others are shown, made, started and stopped meanwhile")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    with agent.hung_device("db1"):
        stop = agent.begin("stop", "db1")
        agent.asked(stop)
        assert agent.volume("db2")["Status"] == "available" and agent.status("db1") == "available"
        agent.good("stop", "db2")
        agent.good("start", "db2")
        agent.create("db3", three)
        agent.good("stop", "db3")
        agent.good("delete", "db3", "--skip-final-snapshot")
        said = agent.bad("InvalidDBClusterStateFault", "stop", "db1")
        assert "under way" in said and stop.poll() is None, said
    assert stop.wait(PATIENCE) == 0
    # The same with a disk: libcryptsetup waits for it.
    with agent.hung_disk(one):
        start = agent.begin("start", "db1")
        agent.asked(start)
        agent.good("stop", "db2")
        agent.good("start", "db2")
    assert start.wait(PATIENCE) == 0 and volume_on("db1") == one.device


def held_up(name):
    """What is said of a cluster that a device holds up."""
    reason = agent.clusters()[name]["StatusReason"]
    assert reason.startswith("device-timeout: "), reason
    agent.bad("InvalidDBClusterStateFault", "stop", name)
    return reason


@test("a command whose device does not answer in time ends with a fault, and the cluster waits for the device")
def _():
    agent.create("db1", one)
    agent.restart(DeviceTimeoutSeconds=3)
    for command in ["stop"], ["delete", "--skip-final-snapshot"]:
        with agent.hung_device("db1"):
            said = agent.bad("DeviceTimeout", command[0], "db1", *command[1:])
            assert "more than 3 seconds" in said and one.path in said, said
            assert agent.status("db1") == "available"
            assert agent.records(f"{command[0].title()}DBCluster", "DeviceTimeout")
            assert agent.volume("db1")["StatusReason"] == held_up("db1")
        # The device is gone: so the cluster is stopped, though not deleted.
        agent.wait_status("db1", "stopped")
        assert agent.clusters()["db1"]["StatusReason"] == "" and not agent.keys() and not agent.devices()
        agent.restart()
        agent.good("start", "db1")
        agent.restart(DeviceTimeoutSeconds=3)
    agent.restart()


@test("an adoption that meets a disk that does not answer ends with a fault, and takes nothing in later")
def _():
    forgotten(two, three, DeviceTimeoutSeconds=3)
    agent.scannable(*agent.disks)
    with agent.hung_disk(one):
        for _ in range(2):  # the second one waits for its turn
            said = agent.bad("DeviceTimeout", "adopt", None, "--device", one.path)
            assert one.path in said and "more than 3 seconds" in said and "Nothing was taken in" in said, said
        assert len(agent.records("AdoptDBCluster", "DeviceTimeout")) == 2
    agent.told_disks()
    assert not agent.clusters()
    agent.scannable(two, three)
    agent.restart()
    agent.told_disks()
    agent.scannable(*agent.disks)
    agent.good("adopt", None, "--device", one.path)
    agent.good("start", "db1")


@test("a start that did not end in time opens nothing later, and a creation leaves nothing")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    agent.restart(DeviceTimeoutSeconds=3)
    with agent.hung_key():
        agent.bad("DeviceTimeout", "start", "db1")
        held_up("db1")
        agent.bad("DeviceTimeout", "create", "db2", "--device", two.path, "--storage-encrypted")
    agent.told_disks()
    assert agent.status("db1") == "stopped" and not agent.keys()
    assert all(fields[1] == "failed" for fields in agent.devices().values()), agent.devices()
    assert not any(two.read()) and "db2" not in agent.clusters()
    assert "envelope-db2" not in agent.devices(), "a device without a cluster holds the disk"
    agent.restart()
    agent.good("start", "db1")


@test("Status answers from memory while a look at the devices hangs")
def _():
    agent.create("db1", one)
    with agent.unseen_devices():
        for _ in range(3):
            assert agent.volume("db1")["DeviceState"] == "live"
        assert agent.looking()


@test("a cluster that was deleted while its disk was being scanned is not found again")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db1")
    agent.told_disks()
    assert agent.stop() == 0
    with agent.hung_disk(two):  # the scan has seen the header of db1 and waits here
        agent.start()
        wait_for(lambda: any("lock" in function for function in agent.device_threads()))
        agent.good("delete", "db1", "--skip-final-snapshot", "--erase")
    agent.told_disks()
    assert list(agent.clusters()) == ["db2"], agent.log()[-2000:]


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
            wait_for(jobs)
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
    agent.good("stop", "db2")
    with agent.slow_disk() as written:  # it takes the first half of the header, and the agent waits
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted")
        written()
        agent.kms.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: b'"volume_id"' in one.read())
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
    agent.bad("CatalogUnavailable", "delete", "db1", "--skip-final-snapshot")
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


@test("the job table decides how an interrupted deletion goes on, and in a catalog without it the status does")
def _():
    for lost in "UPDATE cluster SET reason = ''", "DROP TABLE job":
        agent.create("db1", one)
        agent.good("stop", "db1")
        assert jobs() == []
        with agent.hung_log():
            delete = agent.begin("delete", "db1", "--skip-final-snapshot", "--erase")
            wait_for(lambda: "pipe" in asleep_in(agent.process))
            agent.kill()
        assert delete.wait(PATIENCE) == 5
        assert [row[1:3] for row in jobs()] == [("delete", "erase-header")]
        jobs(lost)
        agent.start()
        wait_for(lambda: not agent.clusters())
        assert not any(one.read()), "the header was not erased"
        assert jobs() == []


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


@test("each event that a person is shown names its cluster or key, and a change of state names the state")
def _():
    agent.create("db1", one)
    shown = [line.split() for line in agent.said("events").splitlines()]
    states = [words[3:] for words in shown if words[1] == "DBClusterStatusChange" and words[3] == "db1"]
    assert states[-2:] == [["db1", "creating"], ["db1", "available"]], shown[-10:]
    keys = [words[3] for words in shown if words[1] == "ReEncrypt"]
    assert keys and all(key.startswith("arn:aws:kms:") for key in keys), keys


finish()
