# SPDX-License-Identifier: MIT
#
# When a refusal of the KMS is a verdict that ends a cluster for good, and when it is not; and which
# clusters the agent starts again after silence. The rules: docs/kms-outcomes.md.

import contextlib
import json
import os
import shutil
import sqlite3
import time

from agent_daemon import luks
from agent_suite import LOST, RECORDED, agent, changes, disable, finish, lose, one, test, three, two
from wait import PATIENCE, wait_for


# ---------------------------------------------------------------- the second question


def first_refusal(record):
    """Is this record the change of a status at a refusal that is not confirmed?"""
    change = record["serviceEventDetails"]
    return change["status"] == f"{LOST}-recoverable" and "Not final yet" in change["statusReason"]


@test("a first denial ends access, and is final only when the KMS is asked a second time and denies again")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    before = len(agent.records("Decrypt", "DisabledException"))
    disable(key)
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    agent.wait_status("db1", LOST)
    assert len(agent.records("Decrypt", "DisabledException")) == before + 2, "one denial is taken for final"
    assert first_refusal(changes()[-2]), changes()[-2]


def refuse_once(key):
    """An agent, not the first, that knows of one denial and whose second question is not answered."""
    agent.restart(RecoveryWindowSeconds=3600)  # no second question in this time
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    agent.wait_status("db1", f"{LOST}-recoverable")  # no answer shows a status that is not in the trail
    assert first_refusal(changes()[-1]), changes()[-1]
    agent.kill()


@test("a second question is asked until it is answered, also by the next agent; a key that is given then is not lost")
def _():
    for enable in False, True:
        key = agent.kms.new_key()["KeyId"]
        refuse_once(key)
        with agent.no_kms():
            agent.start()
            silent = len(agent.records("Decrypt", "KMSUnreachable"))
            wait_for(lambda: len(agent.records("Decrypt", "KMSUnreachable")) > silent + 1,
                     why=lambda: f"nobody asks again: {agent.status('db1')}")
            assert agent.status("db1") == f"{LOST}-recoverable"
            if enable:
                agent.kms.good("EnableKey", {"KeyId": key})
        agent.wait_status("db1", "stopped" if enable else LOST)
        if enable:
            assert "refused-once" in changes()[-1]["serviceEventDetails"]["statusReason"], changes()[-1]
            agent.told_disks()
            assert RECORDED not in one.read(), "the disk still says that the key is lost"
            agent.good("start", "db1")
        agent.remove_all()


def next_boot(spent=None):
    """The rows of denials are those of an earlier boot, which has spent so many seconds of their windows."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
        changed = catalog.execute("UPDATE denial SET boot = 'another', counted = 1, spent = coalesce(?, spent)",
                                  (None if spent is None else spent * 10**9,)).rowcount
        assert changed == 1, f"{changed} rows"


@test("after a boot no wall clock decides: years ahead or behind, a window is as long as before, and leases are renewed")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.restart(RecoveryWindowSeconds=3600)
    agent.create("db2", two)
    refuse_once(key)
    try:
        for years in 30, -30:
            next_boot()
            agent.wall_clock(years * 365 * 86400)
            asked = len(agent.records("Decrypt", "DisabledException"))
            agent.start(RecoveryWindowSeconds=3600)
            renewed = len(agent.records("Decrypt"))
            wait_for(lambda renewed=renewed: len([r for r in agent.records("Decrypt")[renewed:] if "errorCode" not in r]) > 2)
            when = int(agent.records("Decrypt")[-1]["eventTime"][:4])
            assert abs(when - time.gmtime().tm_year - years) < 2, f"the agent has no wrong clock: {when}"
            assert agent.status("db1") == f"{LOST}-recoverable", f"the wall clock ended the window: {reason('db1')}"
            assert len(agent.records("Decrypt", "DisabledException")) == asked, "the second question came early"
            agent.kill()
        # What ends the window is the time that was spent, whatever the wall clock says.
        next_boot(spent=3600)
        agent.start(RecoveryWindowSeconds=3600)
        agent.wait_status("db1", LOST)
        assert agent.status("db2") == "available"
    finally:
        agent.wall_clock(0)
    agent.restart()


# ---------------------------------------------------------------- another KMS, another principal


def reason(name):
    return agent.clusters()[name]["StatusReason"]


def kms_id(kms):
    return kms.call("ListKeys").headers["x-envelope-kms-id"]


@test("another KMS at KmsEndpoint= fails the devices, ends no cluster, and is named; with the old one they start")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db2")
    other = agent.kms.another()  # it knows the agent
    other.start()
    agent.restart(KmsEndpoint=f"unix:{other.unix}")
    wait_for(lambda: agent.status("db1") != "available")
    assert agent.status("db1") == "stopped", f"the other KMS ended it: {agent.status('db1')}"
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    assert reason("db1").startswith("other-kms: ") and "NotFoundException" in reason("db1"), reason("db1")
    agent.bad("KMSKeyNotAccessibleFault", "start", "db2")
    assert agent.status("db2") == "stopped"
    for name in "db1", "db2":
        assert kms_id(other) in reason(name) and kms_id(agent.kms) in reason(name), reason(name)
    agent.restart()
    for name in "db1", "db2":
        agent.good("start", name)
    other.close()


@test("another KMS does not confirm a denial of the cluster's own, and the second question waits for that one")
def _():
    key = agent.kms.new_key()["KeyId"]
    other = agent.kms.another()
    other.start()
    refuse_once(key)
    agent.start(KmsEndpoint=f"unix:{other.unix}")
    asked = len(agent.records("Decrypt", "NotFoundException"))
    wait_for(lambda: len(agent.records("Decrypt", "NotFoundException")) > asked + 1)
    assert agent.status("db1") == f"{LOST}-recoverable", f"the other KMS ended it: {agent.status('db1')}"
    agent.restart()
    agent.wait_status("db1", LOST)
    other.close()


@test("a KMS restored from a backup without the key is the same KMS: its denials are a verdict")
def _():
    assert agent.kms.stop() == 0
    shutil.copytree(agent.kms.state, f"{agent.kms.state}.backup")
    agent.kms.start()
    before = kms_id(agent.kms)
    agent.create("db1", one, "--kms-key-id", agent.kms.new_key()["KeyId"])
    assert agent.kms.stop() == 0
    shutil.rmtree(agent.kms.state)
    os.rename(f"{agent.kms.state}.backup", agent.kms.state)
    assert agent.kms.run("--accept-rollback")[0] == 0
    agent.kms.start()
    assert kms_id(agent.kms) == before
    agent.wait_status("db1", LOST)
    assert "NotFoundException" in reason("db1")


@test("a denial of access to another principal ends no cluster, and names both")
def _():
    agent.kms.add_stranger()
    agent.kms.restart()
    agent.create("db1", one)
    agent.restart(Profile="stranger")
    wait_for(lambda: agent.status("db1") != "available")
    assert agent.status("db1") == "stopped", f"a wrong profile ended it: {agent.status('db1')}"
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    for profile in "enveloped", "stranger":
        assert agent.kms.profiles[profile]["aws_access_key_id"] in reason("db1"), reason("db1")
    agent.restart()
    agent.good("start", "db1")


# ---------------------------------------------------------------- many keys at once


def two_denied_without_agent():
    """db1 and db2, whose keys are refused while no agent runs."""
    keys = [agent.kms.new_key()["KeyId"] for _ in range(2)]
    agent.create("db1", one, "--kms-key-id", keys[0])
    agent.create("db2", two, "--kms-key-id", keys[1])
    agent.kill()
    for key in keys:
        agent.kms.good("DisableKey", {"KeyId": key})
    return keys


def statuses():
    return {name: agent.status(name) for name in ("db1", "db2")}


@test("many keys that are refused at once lose no cluster until the KMS gives them again, or somebody confirms")
def _():
    keys = two_denied_without_agent()
    agent.start(MaxDenials=0)
    before = len(agent.records("Decrypt", "DisabledException"))
    wait_for(lambda: len(agent.records("Decrypt", "DisabledException")) > before + 5)
    assert set(statuses().values()) == {f"{LOST}-recoverable"}, f"a slip lost them: {statuses()}"
    assert not agent.keys() and reason("db1").startswith("many-denials: "), reason("db1")
    agent.told_disks()
    assert b"many-denials" in one.read()
    agent.restart()  # with the default of MaxDenials=, under which one alone is lost
    before = len(agent.records("Decrypt", "DisabledException"))
    wait_for(lambda: len(agent.records("Decrypt", "DisabledException")) > before + 5)
    assert set(statuses().values()) == {f"{LOST}-recoverable"}, f"the next agent lost them: {statuses()}"
    agent.kms.good("EnableKey", {"KeyId": keys[0]})
    agent.wait_status("db1", "stopped")
    assert reason("db1").startswith("given-again: "), reason("db1")
    agent.good("start", "db1")
    agent.bad("InvalidDBClusterStateFault", "confirm-loss", "db1")
    agent.good("confirm-loss", "db2")
    assert agent.status("db2") == LOST and "DisabledException" in reason("db2"), reason("db2")
    agent.kms.good("EnableKey", {"KeyId": keys[1]})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db2")
    assert agent.records("ConfirmKeyLoss")[-1]["requestParameters"]["dbClusterIdentifier"] == "db2"


@test("as many keys as MaxDenials= are each lost, and clusters of one key count once")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.restart(MaxDenials=1)
    agent.create("db1", one, "--kms-key-id", key)
    agent.create("db2", two, "--kms-key-id", key)
    disable(key)
    for name in "db1", "db2":
        agent.wait_status(name, LOST)
    agent.restart()


@test("a key that was lost before the KMS refused many is lost no more, also after a restart; a confirmed loss stays one")
def _():
    keys = [agent.kms.new_key()["KeyId"] for _ in range(3)]
    agent.restart(MaxDenials=0)
    for name, disk, key in zip(("db1", "db2", "db3"), (one, two, three), keys):
        agent.create(name, disk, "--kms-key-id", key)
    disable(keys[2])
    agent.wait_status("db3", f"{LOST}-recoverable")
    agent.bad("InvalidParameterValue", "confirm-loss", "db3", "--reason", "x" * 201)
    agent.bad("InvalidParameterValue", "confirm-loss", "db3", "--reason", "two\nlines")
    agent.good("confirm-loss", "db3", "--reason", "disabled on purpose, ticket 17")
    why = "confirmed: An administrator confirmed the loss: disabled on purpose, ticket 17. (many-denials: "
    assert reason("db3").startswith(why), f"the reason is not kept: {reason('db3')}"
    assert agent.records("ConfirmKeyLoss")[-1]["requestParameters"]["reason"] == "disabled on purpose, ticket 17"
    agent.restart(MaxDenials=2)
    lose("db1", keys[0])
    agent.restart(MaxDenials=1)
    assert agent.status("db1") == LOST
    disable(keys[1])
    wait_for(lambda: set(statuses().values()) == {f"{LOST}-recoverable"},
             why=lambda: f"it was lost before the others were counted: {statuses()}")
    assert all(reason(name).startswith("many-denials: ") for name in statuses()), [reason(name) for name in statuses()]
    assert agent.status("db3") == LOST, "what a person has decided is undone"
    assert reason("db3").startswith(why), f"the reason is not kept by the next agent: {reason('db3')}"
    agent.told_disks()
    assert RECORDED in one.read() and b"many-denials" in one.read(), "the disk says that the key is lost"
    assert b"ticket 17" in three.read(), "the disk has no reason"
    agent.kms.good("EnableKey", {"KeyId": keys[0]})
    agent.wait_status("db1", "stopped")
    agent.good("start", "db1")
    agent.restart()


# ---------------------------------------------------------------- damage


def damage_wrapped_key(name, at=-1):
    """Changes a byte of the wrapped key in the catalog, beside an agent that does not run."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
        blob, = catalog.execute("SELECT wrapped_key FROM cluster WHERE id = ?", (name,)).fetchone()
        changed = bytearray(blob)
        changed[at] ^= 1
        catalog.execute("UPDATE cluster SET wrapped_key = ? WHERE id = ?", (bytes(changed), name))


@test("a damaged wrapped key in the catalog loses no cluster: the header of the volume has it whole")
def _():
    agent.create("db1", one)
    agent.kill()
    damage_wrapped_key("db1")
    agent.start()
    agent.wait_status("db1", "stopped")
    assert reason("db1").startswith("damaged-wrapped-key: "), reason("db1")
    assert agent.devices()["envelope-db1"][1] == "failed" and not agent.keys()
    agent.kill()
    agent.lose_catalog()
    agent.start()
    wait_for(lambda: agent.cli("start", "db1").returncode == 0, why=agent.log)
    assert agent.status("db1") == "available"


def change_arn(name):
    """One wrong digit in the catalog: the ARN that the header has, and the one of the catalog."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
        right, = catalog.execute("SELECT key_arn FROM cluster WHERE id = ?", (name,)).fetchone()
        wrong = right[:-1] + ("1" if right[-1] == "0" else "0")
        catalog.execute("UPDATE cluster SET key_arn = ? WHERE id = ?", (wrong, name))
    return right, wrong


@test("a wrong character in the catalog's ARN of a key loses no cluster: the header has the right one, and both are named")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db2")
    agent.told_disks()
    agent.kill()
    arns, stopped = change_arn("db1"), change_arn("db2")
    agent.start()
    said = agent.bad("CatalogDamaged", "start", "db2")
    assert all(arn in said for arn in stopped) and agent.status("db2") == "stopped", said
    wait_for(lambda: agent.status("db1") in ("stopped", LOST), why=agent.log)
    assert reason("db1").startswith("damaged-catalog: ") and all(arn in reason("db1") for arn in arns), reason("db1")
    assert agent.devices()["envelope-db1"][1] == "failed" and not agent.keys()
    agent.told_disks()
    assert RECORDED not in one.read() and LOST.encode() not in one.read(), "the disk has the loss"
    agent.kill()
    agent.lose_catalog()
    agent.start()
    for name in "db1", "db2":
        wait_for(lambda name=name: agent.cli("start", name).returncode == 0, why=agent.log)


@test("a wrapped key in the catalog that names another key loses no cluster: the header has the right one")
def _():
    agent.create("db1", one)
    agent.kill()
    damage_wrapped_key("db1", at=5)  # the id of the key
    agent.start()
    wait_for(lambda: agent.status("db1") in ("stopped", LOST), why=agent.log)
    assert agent.records("Decrypt", "IncorrectKeyException"), "the KMS has refused otherwise"
    assert reason("db1").startswith("damaged-catalog: ") and "different wrapped keys" in reason("db1"), reason("db1")


def forge_arn(disk):
    """Another ARN in the header, as anybody who can write to the disk may."""
    tokens = json.loads(luks("luksDump", "--dump-json-metadata", disk.device))["tokens"]
    (number, token), = [(n, t) for n, t in tokens.items() if t["type"] == "envelope"]
    arn, = [name for name, value in token.items() if str(value).startswith("arn:")]
    token[arn] = token[arn][:-1] + ("1" if token[arn][-1] == "0" else "0")
    luks("token", "import", "--token-replace", "--token-id", number, disk.device, stdin=json.dumps(token))


@test("a header that agrees, that is another one, or that cannot be read keeps no key from being lost")
def _():
    key = agent.kms.new_key()["KeyId"]
    for name, disk in ("db1", one), ("db2", two), ("db3", three):
        agent.create(name, disk, "--kms-key-id", key)
    agent.told_disks()
    forge_arn(two)
    with open(three.device, "r+b", buffering=0) as f:
        f.write(bytes(1 << 20))
    disable(key)
    for name in "db1", "db2", "db3":
        wait_for(lambda name=name: agent.status(name) in ("stopped", LOST))
        assert agent.status(name) == LOST, f"{name}: {reason(name)}"


# ---------------------------------------------------------------- silence


def end_of_leases(*names):
    """The kernel ends the leases of the clusters."""
    for name in names:
        agent.fail_device(f"envelope-{name}", "lease-expired")
    # A try of the agent to start one again may be under way.
    wait_for(lambda: {agent.volume(name)["Status"] for name in names} == {"stopped"}, why=agent.log)


def start_at_boot(name, *options):
    agent.good("stop", name)
    agent.good("start", name, "--at-boot", *options)


@test("a cluster that the boot unit started comes back after a lease without an answer, also from the next agent")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    start_at_boot("db1", "--read-only")
    agent.good("start", "db1", "--at-boot")  # it runs already
    for again in False, True:
        with agent.no_kms():
            end_of_leases(*(["db1"] if again else ["db1", "db2"]))
            if again:
                agent.restart()
            before = len(agent.records("Decrypt", "KMSUnreachable"))
            wait_for(lambda: len(agent.records("Decrypt", "KMSUnreachable")) > before + 1, why=agent.log)
            # A start by hand that fails says nothing about the next one of the agent.
            assert agent.cli("start", "db1").returncode != 0
            assert agent.status("db1") == "stopped"
        wait_for(lambda: agent.status("db1") == "available", why=lambda: f"nobody starts it again: {agent.log()[-2000:]}")
        assert agent.devices()["envelope-db1"][1] == "live" and len(agent.keys()) == 1
        assert "ro" in agent.devices()["envelope-db1"], "a cluster that was started read-only can be written to"
        assert reason("db1").startswith("restarted: "), reason("db1")
        assert agent.status("db2") == "stopped", "a person had started it"


@test("a cluster that a person stops is not started again, neither by this agent nor by the next")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.create("db3", three)
    agent.restart(RestartAfterLeaseEnd="yes")
    with agent.no_kms():
        end_of_leases("db1", "db2", "db3")
        agent.good("stop", "db1")
    # Without the stop db1 would come back like the others.
    for name in "db2", "db3":
        agent.wait_status(name, "available")
    with agent.no_kms():
        end_of_leases("db2", "db3")
        agent.good("stop", "db2")
        agent.restart(RestartAfterLeaseEnd="yes")
    agent.wait_status("db3", "available")
    assert {agent.status(name) for name in ("db1", "db2")} == {"stopped"}, "a stopped cluster was started"
    agent.restart()


def trying(name):
    """The agent's own start of the cluster is under way."""
    return "under way" in agent.bad("InvalidDBClusterStateFault", "confirm-loss", name)


def is_stopped(name):
    agent.told_disks()
    assert agent.status(name) == "stopped" and not reason(name), reason(name)
    assert not agent.keys() and not agent.devices(), agent.devices()


@test("a stop during a try of the agent ends the try and succeeds, and the cluster stays stopped")
def _():
    agent.restart(RestartAfterLeaseEnd="yes")
    agent.create("db1", one)
    with agent.silent_kms():
        end_of_leases("db1")
        wait_for(lambda: trying("db1"))
        agent.good("stop", "db1")  # and waits for no answer of the KMS
        is_stopped("db1")
    is_stopped("db1")
    agent.good("start", "db1")
    with agent.hung_key():
        end_of_leases("db1")
        wait_for(lambda: trying("db1") and any("sleep" in function for function in agent.device_threads()))
        before, stop = len(changes()), agent.begin("stop", "db1")
        agent.asked(stop)
        second = agent.bad("InvalidDBClusterStateFault", "delete", "db1", "--skip-final-snapshot")
        assert "under way" in second and stop.poll() is None, second
    assert stop.wait(PATIENCE) == 0, stop.stderr.read()
    assert "available" not in [c["serviceEventDetails"]["status"] for c in changes()[before:]], "the try went on"
    is_stopped("db1")
    agent.restart(RestartAfterLeaseEnd="yes")
    is_stopped("db1")
    agent.good("start", "db1")
    agent.restart()


@test("a try whose device does not answer in time holds up no client that stops the cluster, and opens nothing later")
def _():
    agent.restart(RestartAfterLeaseEnd="yes", DeviceTimeoutSeconds=3)
    agent.create("db1", one)
    with agent.hung_key():
        end_of_leases("db1")
        wait_for(lambda: trying("db1") and any("sleep" in function for function in agent.device_threads()))
        said = agent.bad("InvalidDBClusterStateFault", "stop", "db1")
        assert "under way" in said, said
        agent.bad("InvalidDBClusterStateFault", "stop", "db1")
    wait_for(lambda: agent.cli("confirm-loss", "db1").stderr.count("under way") == 0)
    agent.told_disks()
    assert agent.status("db1") == "stopped" and not reason("db1") and not agent.keys()
    agent.restart()


finish()
