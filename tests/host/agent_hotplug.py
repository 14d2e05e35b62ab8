# SPDX-License-Identifier: MIT
#
# Disks that come and go while the agent runs: what goes on by itself then, and what does not.
#
# A disk comes when the stand-in for the kernel lists it and udev's event for it is sent: a message on a
# netlink socket, as systemd-udevd sends it.

import math
import os
import socket
import struct
import time

from agent_suite import agent, finish, forgotten, one, test, two
from wait import wait_for

# libudev's message: its magic number, and the hashes of "block" and "disk" by which listeners filter.
MAGIC, BLOCK, DISK = 0xFEEDCAFE, 0xF0031DB7, 0x7BCBC5EE
KOBJECT_UEVENT, UDEV_GROUP = 15, 2

# So that it is the event of the disk that brings the cluster back, not another try.
RARELY = {"RenewSeconds": 1800}


def udev(action, disk, **more):
    """udev has processed an event."""
    name = os.path.basename(disk.device)
    major, minor = disk.number()
    properties = {
        "ACTION": action, "DEVPATH": f"/devices/virtual/block/{name}", "SUBSYSTEM": "block", "DEVNAME": disk.device,
        "DEVTYPE": "disk", "SEQNUM": "1", "MAJOR": str(major), "MINOR": str(minor), **more,
    }
    body = b"".join(f"{key}={value}\0".encode() for key, value in properties.items())
    head = struct.pack("=8s8I", b"libudev\0", socket.htonl(MAGIC), 40, 40, len(body), socket.htonl(BLOCK),
                       socket.htonl(DISK), 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, KOBJECT_UEVENT) as netlink:
        netlink.bind((0, 0))
        netlink.sendto(head + body, (0, UDEV_GROUP))


def comes(disk, *others):
    agent.scannable(disk, *others)
    udev("add", disk)


def goes(disk, *left):
    agent.scannable(*left)
    udev("remove", disk)


def present(name):
    return agent.volume(name)["DiskPresent"]


def reason(name):
    return agent.clusters()[name]["StatusReason"]


def boot_without_disk(*left, fault="InvalidVolume.NotFound"):
    """The boot unit starts db1, whose disk is not there; the path is not, either."""
    agent.scannable(*left)
    os.unlink(one.path)
    return agent.bad(fault, "start", "db1", "--at-boot")


def failed_starts():
    return agent.log().count("StartDBCluster failed: InvalidVolume.NotFound")


def looks():
    """At all disks."""
    return os.path.getsize(f"{agent.kernel}/disk-looks")


def named():
    """How often a volume that the catalog does not know was named."""
    return agent.log().count("To take it in: ")


def unread():
    """Bytes of events that the agent has not read yet."""
    with open("/proc/net/netlink", encoding="utf-8") as f:
        rows = [line.split() for line in f][1:]
    return sum(int(row[4]) for row in rows if int(row[1]) == KOBJECT_UEVENT)


@test("a start by the boot unit waits for its disk, and goes on when the disk comes, also in the next agent")
def _():
    agent.create("db1", one)
    agent.restart(**RARELY)
    for restarted in False, True:
        agent.good("stop", "db1")
        said = boot_without_disk(two)
        assert "No such file" in said, said
        assert reason("db1").startswith("disk-missing: "), reason("db1")
        if restarted:
            agent.restart(RestartAfterLeaseEnd="no", **RARELY)
            assert agent.status("db1") == "stopped"
        wait_for(lambda: not present("db1"))
        assert "db1: The disk is not there." in agent.said("status")
        one.name(one)
        comes(one, two)
        agent.wait_status("db1", "available")
        assert present("db1") and reason("db1") == "restarted: its disk has come"
    agent.restart()


@test("a start by the boot unit waits for a disk that cannot be read for a moment")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with agent.present("unreadable", one.device):
        agent.bad("DeviceError", "start", "db1", "--at-boot")
        assert reason("db1").startswith("disk-missing: ") and "cannot be read" in reason("db1"), reason("db1")
    comes(one, two)
    agent.wait_status("db1", "available")


@test("the wait is the boot unit's: a person's start of a cluster without its disk fails, and that is all")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    agent.scannable(two)
    agent.bad("InvalidVolume.NotFound", "start", "db1")
    assert reason("db1") == "", "a person's start waits for the disk"
    comes(one, two)
    wait_for(lambda: present("db1"))
    assert agent.status("db1") == "stopped"


@test("a person who stops the cluster ends the wait")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    boot_without_disk(two)
    wait_for(lambda: agent.cli("stop", "db1").returncode == 0, why=agent.log)
    one.name(one)
    comes(one, two)
    wait_for(lambda: present("db1"))
    agent.restart()
    assert agent.status("db1") == "stopped"


@test("a disk below the device that is missing is not the volume: the wait goes on")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with open(two.device, "r+b", buffering=0) as copy:
        copy.write(one.read())
    said = boot_without_disk()
    comes(two)
    wait_for(lambda: "is not known to be its disk" in agent.log() or "may be a copy" in agent.log())
    assert agent.status("db1") == "stopped" and not agent.keys(), said
    # Now the disk itself as well: nothing tells which one is the copy.
    one.name(one)
    comes(one, two)
    wait_for(lambda: f"is on {one.device} and on {two.device}" in agent.log())
    assert agent.status("db1") == "stopped" and not agent.keys()
    goes(two, one)
    agent.wait_status("db1", "available")
    assert agent.devices()["envelope-db1"][4] == "{}:{}".format(*one.number())


@test("after the end of a lease the restart waits for the disk as well")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    agent.good("start", "db1", "--at-boot")
    goes(one, two)
    wait_for(lambda: not present("db1"))
    os.unlink(one.path)
    before = failed_starts()
    agent.fail_device("envelope-db1", "lease-expired")
    wait_for(lambda: failed_starts() > before)
    assert agent.status("db1") == "stopped"
    one.name(one)
    comes(one, two)
    agent.wait_status("db1", "available")


@test("a disk that goes away is shown, and decides nothing: the lease goes on")
def _():
    agent.create("db1", one)
    goes(one, two)
    wait_for(lambda: not present("db1"))
    renewed = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) > renewed)
    assert agent.status("db1") == "available" and len(agent.keys()) == 1
    comes(one, two)
    wait_for(lambda: present("db1"))


@test("a volume that the catalog does not know is named, and not taken in by itself")
def _():
    forgotten(two)
    comes(one, two)
    wait_for(lambda: named() or agent.clusters())
    assert not agent.clusters(), "a volume was taken in"
    assert f"To take it in: envelope cluster adopt --device {one.device}" in agent.log()
    agent.restart()
    agent.wait_status("db1", "stopped")


@test("a thousand events in a moment give few looks, and writes to a disk give none")
def _():
    forgotten()
    agent.scannable(one)
    before = looks()
    for _ in range(100):
        udev("change", one, SYNTH_UUID="0")
    wait_for(lambda: not unread())
    time.sleep(1)  # on a slow machine a wrong look comes later, and is not noticed
    agent.told_disks()
    assert looks() == before, "a write to a disk gave a look"
    for _ in range(1000):
        udev("add", one)
    wait_for(lambda: looks() > before and not unread())
    agent.told_disks()
    assert looks() - before <= 2, f"{looks() - before} looks after a moment with events"
    agent.restart()
    agent.scannable(*agent.disks)
    agent.wait_status("db1", "stopped")


@test("steady events give ever fewer looks, which repeat no finding, and a disk that comes among them is found")
def _():
    forgotten(two)
    agent.create("db2", two)
    agent.restart()
    agent.scannable(one)
    before, told, began = looks(), named(), time.monotonic()
    while time.monotonic() - began < 3:
        udev("change", one)
        time.sleep(0.02)
    # At most 0.5, 1.5 and 3.5 s after the first event.
    agent.told_disks()
    most = 1 + math.log2(1 + 2 * (time.monotonic() - began))
    assert 0 < looks() - before <= most, f"{looks() - before} looks, at most {most} expected"
    assert named() - told == 1, f"named {named() - told} times: {agent.log()}"
    assert not present("db2")
    agent.scannable(two)
    udev("add", two)
    wait_for(lambda: [udev("change", two)] and present("db2"))
    assert agent.log().count(f"This is no longer so: {one.device} holds the volume") == 1, agent.log()
    agent.scannable(*agent.disks)


@test("without udev the agent says so and goes on, and tries by itself")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    os.unlink("/run/udev/control")
    agent.restart()
    assert "Disks that come later are not noticed" in agent.log()
    boot_without_disk(two)
    one.name(one)
    agent.scannable(*agent.disks)
    agent.wait_status("db1", "available")
    with open("/run/udev/control", "wb"):
        pass
    agent.restart()


finish()
