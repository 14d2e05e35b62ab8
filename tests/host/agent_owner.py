# SPDX-License-Identifier: MIT
#
# Two hosts on one disk. The header names the host that a volume belongs to; another host uses it only
# with --take-over, when the owner has stopped it or has written no new stamp for its whole claim.

import contextlib
import json
import os
import shutil
import subprocess

from agent_hosts import HERE, THERE, adopt, forge, forget, header, host, owner, refused, registrations, reservations, reserve, there
from agent_suite import agent, finish, one, test, three, two
from wait import PATIENCE, wait_for

SHORT = {"LeaseSeconds": 5, "RenewSeconds": 1, "KmsTimeoutSeconds": 3}


@test("the header names the host, its boot and its claim; a stop ends the claim")
def _():
    agent.create("db1", one)
    assert (owner()["host"], owner()["boot"], owner()["claim"]) == (HERE, "b" * 32, 7200), owner()
    agent.good("stop", "db1")
    assert (owner()["host"], owner()["claim"]) == (HERE, 0), owner()
    agent.host(HERE, "d" * 32)
    agent.restart()  # after a boot it is still this host
    agent.good("start", "db1")
    assert (owner()["boot"], owner()["claim"]) == ("d" * 32, 7200), owner()
    agent.host(HERE)


@test("another host does not take in, start, erase or overwrite a volume that is in use, not even with --take-over")
def _():
    agent.create("db1", one)
    whole = one.read()
    with host():
        assert not there.clusters(), "the volume was taken in"
        assert "is not taken in: The volume of the cluster db1 belongs to another host" in there.log(), there.log()
        assert "--take-over" in refused(adopt())
        assert "whose lease may not have ended" in refused(adopt("--take-over"))
        said = there.bad("VolumeInUse", "create", "db9", "--device", one.device, "--storage-encrypted", "--allow-overwrite")
        assert "belongs to another host" in said, said
        assert one.read() == whole, "the other host has written"
    assert agent.status("db1") == "available" and agent.devices()["envelope-db1"][1] == "live"


@test("a stopped volume moves to another host with --take-over, and then the first host leaves it alone")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with host():
        refused(adopt())
        assert adopt("--take-over").returncode == 0
        there.bad("VolumeInUse", "start", "db1")
        assert owner()["host"] == HERE
        there.good("start", "db1", "--take-over")
        assert owner()["host"] == THERE and there.devices()["envelope-db1"][1] == "live"
        whole = one.read()
        asked = len(agent.records("Decrypt"))
        agent.bad("VolumeInUse", "start", "db1")
        said = agent.bad("VolumeInUse", "start", "db1", "--take-over")
        assert "possible in" in said, said
        assert len(agent.records("Decrypt")) == asked and not agent.keys()
        agent.bad("VolumeInUse", "delete", "db1", "--skip-final-snapshot", "--erase")
        assert agent.status("db1") == "stopped"
        agent.good("delete", "db1", "--skip-final-snapshot")  # forgets it here
        agent.restart()
        agent.told_disks()
        assert not agent.clusters(), "the volume was taken in"
        assert one.read() == whole, "the first host has written"
    forge(host=HERE)  # for the removal of the cluster


@test("the volume of a host that is gone is taken over when its stamp was unchanged for the whole claim")
def _():
    agent.create("db1", one)
    agent.kill()
    with host():
        refused(adopt("--take-over"))
        forge(claim=5)  # a stamp that this host sees for the first time
        assert "is possible in" in refused(adopt("--take-over"))
        wait_for(lambda: adopt("--take-over").returncode == 0)
        assert owner()["host"] == HERE
        there.good("start", "db1", "--take-over")
        assert owner()["host"] == THERE
        agent.start()
        agent.fail_device("envelope-db1", "lease-expired")
        agent.wait_status("db1", "stopped")
        agent.bad("VolumeInUse", "start", "db1")
    forge(host=HERE)  # for the removal of the cluster


def lease_ended():
    return agent.volume("db1").get("LeaseSecondsLeft") == 0


@test("a restored header makes no owner of the host that the backup names: two hosts never have the volume live")
def _():
    agent.create("db1", one)
    header(agent, "backup", "of-here")
    agent.good("stop", "db1")
    with host():
        assert adopt("--take-over").returncode == 0
        there.good("start", "db1", "--take-over")
        header(there, "backup", "of-there")
        there.good("stop", "db1")
        header(there, "restore", "of-here")  # the old header can be read: its owner stays
        assert (owner()["host"], owner()["claim"]) == (THERE, 0), owner()
        there.good("start", "db1")
        there.good("stop", "db1")
        agent.good("start", "db1", "--take-over")
        with open(one.device, "r+b", buffering=0) as disk:
            disk.write(bytes(1 << 20))
        header(there, "restore", "of-there")
        assert agent.devices()["envelope-db1"][1] == "live"
        assert (owner()["host"], owner()["claim"]) == ("0" * 32, 7200), owner()
        for more, hint in ([], "try again with --take-over"), (["--take-over"], "possible in"):
            said = there.bad("VolumeInUse", "start", "db1", *more)
            assert hint in said and "names no owner" in said and "Stop the cluster on each of these hosts" in said, said
            assert "0000" not in said and "fenced" not in said, f"a host is named that is not there: {said}"
        said = subprocess.run([f"{there.programs}/envelope", "check", "--device", one.device], capture_output=True, text=True,
                              env=there.environment, timeout=PATIENCE, check=False).stdout
        assert "Its header names no owner" in said and "the host 0000" not in said, said
        assert "envelope-db1" not in there.devices() and not there.keys()
        agent.stop()
        agent.start(**SHORT)  # reads the unknown owner, and lets its lease end
        wait_for(lease_ended)
        agent.restart()
    forge(host=HERE)  # for the removal of the cluster


@test("an owner renews its claim, and a lease that another host has ended by its stamp is the last")
def _():
    agent.create("db1", one)
    forge(claim=1)
    agent.restart()
    wait_for(lambda: owner()["claim"] == 7200)
    agent.stop()
    forge(host=THERE)
    agent.start(**SHORT)
    wait_for(lambda: "the claim on its volume is not renewed" in agent.log())
    wait_for(lease_ended)
    assert owner()["host"] == THERE, "another host's stamp was overwritten"
    forge(host=HERE)  # for the removal of the cluster


@test("no lease lasts longer than the claim that the disk took last")
def _():
    agent.restart(**SHORT)
    agent.create("db1", one)
    with open(one.device, "r+b", buffering=0) as disk:
        disk.write(bytes(1 << 20))  # takes no stamp
    wait_for(lease_ended)


@contextlib.contextmanager
def hung_stamp():
    """The owner's next stamp waits for the disk."""
    agent.told_disks()
    with agent.hung_disk(one):
        wait_for(lambda: any("lock" in function for function in agent.device_threads()), why="no stamp is due")
        yield


@test("a stamp that the disk does not take holds up no stop, and what the stop writes comes after it")
def _():
    agent.restart(**SHORT, DeviceTimeoutSeconds=3600)
    agent.create("db1", one)
    with hung_stamp():
        assert agent.volume("db1")["DeviceState"] == "live"
        agent.good("stop", "db1")
        assert not agent.devices() and not agent.keys()
        reason = agent.clusters()["db1"]["StatusReason"]
        assert agent.status("db1") == "stopped" and reason.startswith("claim-not-ended: "), reason
    wait_for(lambda: owner()["claim"] == 0, why="the claim is not ended")
    wait_for(lambda: agent.clusters()["db1"]["StatusReason"] == "")
    # A start that begins while the end of the claim hangs has the last word.
    agent.good("start", "db1")
    with hung_stamp():
        agent.good("stop", "db1")
        start = agent.begin("start", "db1")
        agent.asked(start)
    assert start.wait(PATIENCE) == 0, start.stderr.read()
    agent.told_disks()
    assert owner()["claim"] == 10 and agent.status("db1") == "available", owner()


@test("a deletion that begins while a stamp hangs ends the device at once, and is finished when the disk answers")
def _():
    agent.restart(**SHORT, DeviceTimeoutSeconds=3600)
    agent.create("db1", one)
    with hung_stamp():
        delete = agent.begin("delete", "db1", "--skip-final-snapshot", "--erase")
        wait_for(lambda: not agent.devices() and not agent.keys(), why="the device waits for the disk")
        assert agent.status("db1") == "stopped" and delete.poll() is None
    assert delete.wait(PATIENCE) == 0 and not any(one.read())


agent.restart()


def lost_its_reservation(host):
    return "reservation-lost" in host.clusters()["db1"].get("StatusReason", "")


@test("a disk with reservations is reserved from the creation to the stop, and over a restart of the agent")
def _():
    with reservations() as folder:
        agent.create("db1", one)
        assert list(registrations()[0]) == [HERE] and registrations()[1] == HERE, registrations()
        assert agent.clusters()["db1"]["DiskReserved"] and agent.volume("db1")["DiskReserved"]
        agent.restart()
        wait_for(lambda: agent.clusters()["db1"]["DiskReserved"])
        agent.good("stop", "db1")
        assert registrations() == ({}, None), registrations()
        assert not agent.clusters()["db1"]["DiskReserved"]
        reserve(folder, "f" * 32, "9")
        whole = one.read()
        for command in (("start", "db1"), ("delete", "db1", "--skip-final-snapshot", "--erase")):
            said = agent.bad("VolumeInUse", *command)
            assert "has reserved the disk" in said, said
        assert agent.status("db1") == "stopped" and not agent.keys()
        agent.good("delete", "db1", "--skip-final-snapshot")  # forgets it here
        said = agent.bad("VolumeInUse", "create", "db9", "--device", one.device, "--storage-encrypted", "--allow-overwrite")
        assert "has reserved the disk" in said, said
        assert one.read() == whole, "the disk of another program was written to"
        assert registrations() == ({"f" * 32: "9"}, "f" * 32), registrations()
    one.blank()


@test("another program's registration of this host stays as it is, and Fencing=no registers nothing")
def _():
    with reservations() as folder:
        reserve(folder, HERE, "9")
        agent.create("db1", one)
        assert registrations() == ({HERE: "9"}, HERE) and not agent.clusters()["db1"]["DiskReserved"]
        agent.good("stop", "db1")
        assert registrations() == ({HERE: "9"}, HERE), registrations()
    with reservations():
        agent.restart(Fencing="no")
        agent.good("start", "db1")
        assert registrations() == ({}, None), registrations()
        agent.good("stop", "db1")
        agent.restart()


@test("with reservations --take-over is possible at once: the disk fences the other host, whose device fails")
def _():
    with reservations():
        agent.create("db1", one)
        with host():
            assert "--take-over" in refused(adopt())
            assert registrations()[1] == HERE
            assert adopt("--take-over").returncode == 0
            assert owner()["host"] == THERE and registrations()[1] == THERE, registrations()
            wait_for(lambda: lost_its_reservation(agent))
            assert agent.status("db1") == "stopped" and not agent.keys()
            assert "is gone, and the disk refuses its writes" in agent.log()
            assert "reservation-lost" in open(agent.audit_file, encoding="utf-8").read()
            there.good("start", "db1")
            agent.good("start", "db1", "--take-over")
            assert owner()["host"] == HERE and list(registrations()[0]) == [HERE], registrations()
            wait_for(lambda: lost_its_reservation(there))
            whole = one.read()
            there.good("stop", "db1")
            assert list(registrations()[0]) == [HERE] and one.read() == whole, registrations()
            assert agent.status("db1") == "available" and agent.keys()
    forget()


@test("a start with --take-over within the claim fences the other host first, and is refused if the disk does not fence it")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with host(Fencing="no"):
        assert adopt("--take-over").returncode == 0
        there.good("start", "db1", "--take-over")
        with reservations() as folder:
            asked, whole = len(agent.records("Decrypt")), one.read()
            # The other host has no registration that could end: its writes may be under way.
            said = agent.bad("VolumeInUse", "start", "db1", "--take-over")
            assert "possible in" in said and "The other host cannot be fenced: that host has not reserved" in said, said
            assert len(agent.records("Decrypt")) == asked, "the KMS was asked for a volume that another host may have in use"
            assert one.read() == whole and owner()["host"] == THERE and registrations() == ({}, None), (owner(), registrations())
            assert not agent.keys() and "envelope-db1" not in agent.devices()
            # Now it has one, and loses it before the header names this host.
            shutil.rmtree(folder)
            os.mkdir(folder)
            there.good("stop", "db1")
            there.reload(Fencing="auto")
            there.good("start", "db1")
            assert registrations()[1] == THERE and owner()["host"] == THERE, registrations()
            agent.good("start", "db1", "--take-over")
            assert (owner()["host"], owner()["claim"]) == (HERE, 7200) and list(registrations()[0]) == [HERE], (owner(), registrations())
            assert registrations()[1] == HERE and agent.clusters()["db1"]["DiskReserved"]
            wait_for(lambda: lost_its_reservation(there))
    forget()


@test("what a disk says of its reservation after a stop is no loss: the cluster stays stopped by the person who stopped it")
def _():
    with reservations() as folder:
        agent.create("db1", one)
        with agent.present("hung-reservation"):
            wait_for(lambda: any("sleep" in function for function in agent.device_threads()), why="no look at the reservation")
            # Another host takes the disk over, and the question about that is under way.
            with open(f"{folder}/{HERE}", "w", encoding="utf-8") as f:
                f.write("0")
            os.unlink(f"{folder}/holder")
            agent.good("stop", "db1")
            assert not agent.keys() and not agent.devices()
        agent.told_disks()
        assert agent.status("db1") == "stopped" and not lost_its_reservation(agent), f"the stop was undone: {agent.clusters()}"
        wait_for(lambda: agent.clusters()["db1"]["StatusReason"] == "", why="the claim is not ended")
        agent.good("start", "db1")
        assert agent.clusters()["db1"]["DiskReserved"] and registrations()[1] == HERE, registrations()


@test("a host that was fenced while it had no agent finds that at once, without the KMS, and stops its cluster")
def _():
    with reservations() as folder:
        agent.create("db1", one)
        agent.kill()
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            with agent.no_kms():
                agent.start()
                wait_for(lambda: lost_its_reservation(agent) or agent.log().count("the lease was not renewed") > 5)
                assert lost_its_reservation(agent), f"the loss is not noticed without the KMS: {agent.log()[-3000:]}"
            assert agent.status("db1") == "stopped" and not agent.keys()
            assert registrations()[1] == THERE, registrations()
            agent.good("delete", "db1", "--skip-final-snapshot")
        # A disk that has lost no reservation: the registration there is another program's.
        shutil.rmtree(folder)
        one.blank()
        agent.create("db1", one)
        agent.stop()
        os.makedirs(folder)
        reserve(folder, HERE, "9")
        agent.start()
        renewed = len(agent.records("Decrypt"))
        wait_for(lambda: len(agent.records("Decrypt")) > renewed + 1)
        assert agent.status("db1") == "available" and not agent.clusters()["db1"]["DiskReserved"]


@test("a start that came too late leaves no device, no claim and no reservation, and another host may take the volume")
def _():
    with reservations():
        agent.create("db1", one)
        agent.good("stop", "db1")
        agent.restart(DeviceTimeoutSeconds=3)
        with agent.hung_key():
            agent.bad("DeviceTimeout", "start", "db1")
            assert owner()["claim"] > 0 and registrations()[1] == HERE, "the start hangs elsewhere"
        agent.told_disks()
        assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices(), agent.devices()
        assert (owner()["host"], owner()["claim"]) == (HERE, 0) and registrations() == ({}, None), (owner(), registrations())
        cluster = agent.clusters()["db1"]
        assert not cluster["DiskReserved"] and cluster["StatusReason"] == "", cluster
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1", "--take-over")
    forge(host=HERE)  # for the removal of the cluster
    agent.restart()


@test("a take-over that came too late does not give the disk back to the host that it has fenced")
def _():
    with reservations():
        agent.create("db1", one)
        agent.good("stop", "db1")
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1", "--take-over")
            agent.restart(DeviceTimeoutSeconds=3)
            with agent.hung_key():
                agent.bad("DeviceTimeout", "start", "db1", "--take-over")
            agent.told_disks()
            wait_for(lambda: not agent.keys())
            assert registrations()[1] == HERE, registrations()
            wait_for(lambda: lost_its_reservation(there))
            agent.good("stop", "db1")
            assert registrations()[1] == HERE and owner()["host"] == HERE and owner()["claim"] > 3600, (owner(), registrations())
    forget()


@test("a start that fails after its claim leaves none: another host may take the volume")
def _():
    with reservations():
        agent.create("db1", one)
        agent.good("stop", "db1")
        with agent.present("refused-device"):
            agent.bad("InternalFailure", "start", "db1")
        assert not agent.keys() and (owner()["host"], owner()["claim"]) == (HERE, 0), owner()
        assert registrations() == ({}, None), registrations()


@test("a stop of a key without a device ends its claim and its reservation")
def _():
    with reservations():
        agent.create("db1", one)
        agent.good("stop", "db1")
        with agent.connect() as client:
            client.sendall(json.dumps({"method": "io.dmenvelope.Cluster.ActivateKey", "parameters": {
                "description": f"dm-envelope:{agent.clusters()['db1']['VolumeId']}"}}).encode() + b"\0")
            answer = client.recv(65536)
        assert b"error" not in answer and agent.keys() and registrations()[1] == HERE and owner()["claim"] > 0, (answer, owner())
        agent.good("stop", "db1")
        assert not agent.keys() and owner()["claim"] == 0 and registrations() == ({}, None), (owner(), registrations())


def killed_creation():
    """The disk is reserved, and its old content is being wiped: no header is on it yet."""
    one.make_swap()
    with agent.slow_disk() as written:
        agent.begin("create", "db1", "--device", one.path, "--storage-encrypted", "--allow-overwrite")
        written()
        assert HERE in registrations()[0], registrations()
        agent.kill()


@test("a creation that is killed before its header is written leaves no reservation, once its disk is there")
def _():
    with reservations() as folder:
        killed_creation()
        agent.scannable(two, three)
        one.name(two)
        agent.start()
        agent.told_disks()
        assert not agent.clusters() and HERE in registrations()[0], registrations()
        one.name(one)
        agent.scannable(*agent.disks)
        agent.restart()
        wait_for(lambda: registrations() == ({}, None))
        # The registration is another program's by now.
        killed_creation()
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        reserve(folder, HERE, "9")
        agent.start()
        wait_for(lambda: agent.log().count("no reservation of it is left") == 2 and not agent.clusters())
        assert registrations() == ({HERE: "9"}, HERE), registrations()


@test("a host without an id starts its volumes, and leaves those of another host alone")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    os.unlink(f"{agent.kernel}/host")
    agent.restart()
    assert "no machine id" in agent.log()
    agent.bad("VolumeInUse", "start", "db1")
    agent.good("start", "db1", "--take-over")
    agent.host(HERE)
    agent.restart()


finish()
