# SPDX-License-Identifier: MIT
#
# What a stop, and the end of a cluster that the KMS refuses, does not wait for: a disk that hangs below
# another operation, and a KMS that is silent. And that what hung does no harm afterwards.

import contextlib
import os

from agent_suite import LOST, agent, disable, finish, one, stopped_cluster, test
from wait import PATIENCE, wait_for

BACKUP = f"{agent.dir}/header.backup"


def begin(*words):
    """A command of `envelope` on db1 that is not waited for."""
    noun, verb, *more = words
    with_noun = agent.command(verb, "db1", *more)
    with_noun[1] = noun
    return agent.run_in_background(with_noun)


@contextlib.contextmanager
def held_up(*words):
    """With a command on db1 that its disk holds up."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(BACKUP)
    with agent.hung_disk(one):
        client = begin(*words)
        wait_for(lambda: any("lock" in function for function in agent.device_threads()), why=agent.log)
        yield client


def ended_early(client, api):
    said = client.communicate(timeout=PATIENCE)[1]
    assert client.returncode == 6 and f"{api} of the cluster db1 has ended without a result" in said, said
    assert agent.records(api, "InvalidDBClusterStateFault")


HELD = {"BackupVolumeHeader": ("header", "backup", "--file", BACKUP), "ModifyDBCluster": ("cluster", "modify", "--allow-discards", "--deletion-protection")}


@test("a header backup and a modification that a disk holds up do not hold up a stop")
def _():
    for api, words in HELD.items():
        agent.create("db1", one)
        with held_up(*words) as client:
            agent.good("stop", "db1")
            assert not agent.keys() and not agent.devices() and agent.status("db1") == "stopped"
            ended_early(client, api)
            assert agent.clusters()["db1"]["StatusReason"].startswith("claim-not-ended")
        wait_for(lambda: agent.clusters()["db1"]["StatusReason"] == "")
        assert not agent.keys() and not agent.devices() and agent.status("db1") == "stopped"
        assert not agent.clusters()["db1"]["AllowDiscards"], "what has ended without a result has changed the cluster"
        assert not agent.clusters()["db1"]["DeletionProtection"], "what has ended without a result protects the cluster"
        agent.good("start", "db1")
        agent.remove_all()


@test("a modification that a disk holds up does not change the device of a later start")
def _():
    agent.create("db1", one)
    with held_up(*HELD["ModifyDBCluster"]) as client:
        agent.good("stop", "db1")
        ended_early(client, "ModifyDBCluster")
        start = agent.begin("start", "db1")
        agent.asked(start)
        assert not agent.devices(), "a device was made beside a step that may change it"
    assert start.wait(PATIENCE) == 0 and agent.status("db1") == "available"
    agent.told_disks()
    assert not agent.clusters()["db1"]["AllowDiscards"]
    agent.restart()
    assert not agent.clusters()["db1"]["AllowDiscards"]


@test("if the stop fails because the device is in use, the setting is that of the device")
def _():
    agent.create("db1", one)
    with agent.present("in-use"):
        with held_up(*HELD["ModifyDBCluster"]) as client:
            agent.bad("InvalidDBClusterStateFault", "stop", "db1")
            ended_early(client, "ModifyDBCluster")
            assert not agent.clusters()["db1"]["AllowDiscards"]
        wait_for(lambda: agent.clusters()["db1"]["AllowDiscards"], why=agent.log)
        assert agent.status("db1") == "available"
    agent.restart()
    assert agent.clusters()["db1"]["AllowDiscards"]


@test("a deletion that is refused ends no other operation")
def _():
    agent.create("db1", one, "--deletion-protection")
    with held_up(*HELD["BackupVolumeHeader"]) as client:
        assert "deletion protection" in agent.bad("InvalidParameterCombination", "delete", "db1", "--skip-final-snapshot")
        assert client.poll() is None, client.communicate()
    assert client.wait(PATIENCE) == 0, client.stderr.read()


@test("a backup that a disk holds up keeps no refusal of the KMS from its end")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.restart(DeviceTimeoutSeconds=3)
    agent.create("db1", one, "--kms-key-id", key)
    with held_up(*HELD["BackupVolumeHeader"]):
        disable(key)
        assert not agent.keys()
        agent.wait_status("db1", LOST)
    agent.told_disks()
    agent.remove_all()
    agent.restart()


@test("a start that waits for a silent KMS ends with a stop, and its client gets a fault that the boot unit heeds")
def _():
    stopped_cluster()
    for more in [], ["--at-boot"]:
        with agent.silent_kms():
            start = agent.begin("start", "db1", *more)
            agent.asked(start)
            wait_for(lambda: not agent.device_threads())
            agent.good("stop", "db1")
            said = start.communicate(timeout=PATIENCE)[1]
            assert start.returncode == 4 and "(StoppedMeanwhile)" in said and "Nothing was opened" in said, said
            assert agent.status("db1") == "stopped" and agent.clusters()["db1"]["StatusReason"] == ""
        # The answer of the KMS comes now.
        agent.told_disks()
        assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    # A deletion is not allowed to end a start.
    with agent.silent_kms():
        start = agent.begin("start", "db1")
        agent.asked(start)
        assert "under way" in agent.bad("InvalidDBClusterStateFault", "delete", "db1", "--skip-final-snapshot")
    assert start.wait(PATIENCE) == 0 and agent.status("db1") == "available"


@contextlib.contextmanager
def stopped_with_a_busy_lane():
    """With db1 stopped while its disk holds up a backup: what comes next for its volume waits."""
    agent.create("db1", one)
    with held_up(*HELD["BackupVolumeHeader"]) as client:
        agent.good("stop", "db1")
        ended_early(client, "BackupVolumeHeader")
        yield


def stopped_meanwhile(start):
    """A stop ends this start, which the disk has kept from its work for DeviceTimeoutSeconds=."""
    stop = agent.begin("stop", "db1")
    said = start.communicate(timeout=PATIENCE)[1]
    assert start.returncode == 4 and "(StoppedMeanwhile)" in said, said
    assert agent.records("StartDBCluster", "StoppedMeanwhile")
    return stop


@test("a start that a disk has kept waiting ends with a stop as a start that was stopped, and is not tried again")
def _():
    agent.restart(DeviceTimeoutSeconds=10)
    with stopped_with_a_busy_lane():
        start = agent.begin("start", "db1", "--at-boot")
        agent.asked(start)
        stop = stopped_meanwhile(start)
        assert stop.wait(PATIENCE) == 0, stop.communicate()
        assert agent.status("db1") == "stopped"
        assert "disk" not in agent.clusters()["db1"]["StatusReason"], agent.clusters()
    # The disk has come back.
    agent.told_disks()
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    agent.remove_all()
    agent.restart()


@test("a start whose disk hangs ends with a stop as a start that was stopped, and opens nothing later")
def _():
    agent.restart(DeviceTimeoutSeconds=10)
    stopped_cluster()
    with agent.hung_disk(one):
        start = agent.begin("start", "db1", "--at-boot")
        agent.asked(start)
        wait_for(lambda: any("lock" in function for function in agent.device_threads()), why=agent.log)
        stopped_meanwhile(start).wait(PATIENCE)
    agent.told_disks()
    assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
    agent.remove_all()
    agent.restart()


finish()
