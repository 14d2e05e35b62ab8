# SPDX-License-Identifier: MIT
#
# Two hosts on one disk with persistent reservations. A host that was fenced may have the volume open with a
# live key until its claim has ended. Until then the disk stays reserved, whatever the host does that has the
# volume now.

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time

from agent_hosts import HERE, THERE, adopt, forge, forget, host, owner, registrations, reservations, reserve, there
from agent_suite import agent, finish, one, test, three, two
from wait import PATIENCE, wait_for

THIRD = "e" * 32
WHOLE = 7200  # seconds: a claim is two leases


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def kept(host, number):
    """The host has stopped the cluster, and the disk is still reserved for it."""
    cluster = host.clusters()["db1"]
    reason = cluster.get("StatusReason", "")
    assert registrations()[1] == number and list(registrations()[0]) == [number], f"the fenced host can write: {registrations()}"
    assert cluster["Status"] == "stopped" and reason.startswith("fenced-host: ") and cluster["DiskReserved"], cluster
    assert not host.keys() and "envelope-db1" not in host.devices()
    # A third host inherits the wait.
    assert owner()["host"] == number and WHOLE / 2 < owner()["claim"] <= WHOLE, owner()


def let_go(host, number):
    wait_for(lambda: registrations() == ({}, None), why="the disk stays reserved")
    wait_for(lambda: host.clusters()["db1"]["StatusReason"] == "")
    assert not host.clusters()["db1"]["DiskReserved"] and (owner()["host"], owner()["claim"]) == (number, 0), owner()


@contextlib.contextmanager
def shared():
    """db1 on a disk with reservations. The next test has nothing of it."""
    try:
        with reservations() as folder:
            agent.create("db1", one)
            yield folder
    finally:
        forget()


@test("a stop after a take-over keeps the disk reserved for the lease of the fenced host, over each restart of the agent")
def _():
    with shared():
        agent.kill()  # its device is live
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            kept(there, THERE)
            there.good("modify", "db1", "--no-deletion-protection")
            said = there.bad("VolumeInUse", "delete", "db1", "--skip-final-snapshot", "--erase")
            assert "may have its volume open" in said and "Try again in" in said, said
            kept(there, THERE)
            for end in (there.stop, there.kill):
                end()
                there.start()
                there.told_disks()
                kept(there, THERE)
            # This host needs no wait.
            there.good("start", "db1")
            there.kill()
            there.start()
            there.good("stop", "db1")
            kept(there, THERE)


@test("who takes the volume over during that time keeps the disk for the first host, too, and the first host needs --take-over")
def _():
    with shared():
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            wait_for(lambda: agent.status("db1") == "stopped")
            agent.bad("VolumeInUse", "start", "db1")
            kept(there, THERE)
            agent.host(THIRD)
            agent.restart(LeaseSeconds=5)  # its own claim is 10 seconds
            agent.bad("VolumeInUse", "start", "db1")
            agent.good("start", "db1", "--take-over")
            assert owner()["host"] == THIRD and owner()["claim"] > WHOLE / 2, owner()
            agent.good("stop", "db1")
            kept(agent, THIRD)
            # Fencing=no ends no reservation early.
            agent.reload(LeaseSeconds=5, Fencing="no")
            agent.good("start", "db1")
            agent.good("stop", "db1")
            kept(agent, THIRD)


@test("the disk is let go when the claim of the fenced host has ended by this host's clock, and not before")
def _():
    with shared():
        agent.kill()
        forge(claim=5)
        with host():
            began = now()
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            let_go(there, THERE)
            assert now() - began >= 5, f"the fenced host can write after {now() - began} of 5 seconds"
            # Now a stop ends the reservation, and the deletion is possible.
            there.good("start", "db1")
            there.good("stop", "db1")
            assert registrations() == ({}, None), registrations()
            there.good("modify", "db1", "--no-deletion-protection")
            there.good("delete", "db1", "--skip-final-snapshot", "--erase")


@test("an agent that begins meanwhile counts the whole claim, and lets the disk go then")
def _():
    with shared():
        agent.kill()
        forge(claim=5)
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.kill()
            there.start()
            there.good("stop", "db1")
            there.kill()
            began = now()
            there.start()
            let_go(there, THERE)
            assert now() - began >= 5, f"the fenced host can write after {now() - began} of 5 seconds"


@test("the reservation of another disk that has the path by then is not ended")
def _():
    with shared() as folder:
        agent.good("stop", "db1")
        another = f"{os.path.dirname(folder)}/{os.path.basename(two.device)}"
        os.mkdir(another)
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1", "--take-over")
            forge(claim=5)
            agent.good("start", "db1", "--take-over")
            agent.good("stop", "db1")
            agent.kill()
            reserve(another, HERE, registrations()[0][HERE])
            one.name(two)
            agent.scannable(two, three)
            agent.start()
            wait_for(lambda: "is not ended" in agent.log(), why="the claim of the fenced host does not end")
            agent.told_disks()
            with open(f"{another}/{HERE}", encoding="utf-8") as key:
                assert key.read().strip() != "0", "the other disk was let go"
            assert registrations()[1] == HERE, registrations()
            agent.kill()
            one.name(one)
            agent.scannable(*agent.disks)
            agent.start()
            let_go(agent, HERE)


@test("a start that comes too late during that time gives the disk to nobody")
def _():
    with shared():
        agent.kill()
        with host(DeviceTimeoutSeconds=3):
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            with there.hung_key():
                there.bad("DeviceTimeout", "start", "db1")
            there.told_disks()
            wait_for(lambda: not there.keys() and there.clusters()["db1"]["StatusReason"].startswith("fenced-host: "))
            kept(there, THERE)


@test("a start with --take-over that fails after the fence, or is killed, leaves the disk with this host")
def _():
    with shared():
        agent.good("stop", "db1")
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1", "--take-over")
            with agent.present("refused-device"):
                agent.cli("start", "db1", "--take-over")
            assert registrations()[1] == HERE and owner()["host"] == HERE and owner()["claim"] > WHOLE / 2, (registrations(), owner())
            agent.kill()
            agent.start()
            agent.good("start", "db1")
            agent.good("stop", "db1")
            kept(agent, HERE)


@test("a catalog that comes back after the start of the agent tells that a host was fenced")
def _():
    with shared():
        agent.kill()
        with host():
            path = f"{there.dir}/agent/catalog.sqlite"
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            kept(there, THERE)
            there.kill()
            for end in "", "-wal", "-shm":
                os.rename(f"{path}{end}", f"{there.dir}/away{end}")
            os.mkdir(path)  # no file can be opened there
            there.start()
            there.told_disks()
            assert there.clusters()["db1"]["StatusReason"].startswith("found: ")
            before = len(there.records("CatalogReturn"))
            for end in "-shm", "-wal", "":
                if not end:
                    os.rmdir(path)
                os.rename(f"{there.dir}/away{end}", f"{path}{end}")
            wait_for(lambda: len(there.records("CatalogReturn")) > before)
            kept(there, THERE)
            there.good("start", "db1")
            there.good("stop", "db1")
            kept(there, THERE)


@test("a disk whose header was restored meanwhile is let go, too")
def _():
    with shared():
        agent.kill()
        with host():
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            there.told_disks()
            one.blank()
            restored = subprocess.run([f"{there.programs}/envelope", "header", "restore", "--db-cluster-identifier", "db1"],
                                      capture_output=True, text=True, env=there.environment, timeout=PATIENCE, check=False)
            assert restored.returncode == 0, restored.stderr
            assert there.clusters()["db1"]["StatusReason"].startswith("header-restored: ")
            assert registrations()[1] == THERE, registrations()
            there.kill()
            # The claim of the fenced host has ended but for a moment.
            with contextlib.closing(sqlite3.connect(f"{there.dir}/agent/catalog.sqlite", isolation_level=None)) as catalog:
                catalog.execute("UPDATE reservation SET held = 3")
            there.start()
            wait_for(lambda: registrations() == ({}, None), why="the disk stays reserved")


@test("an older catalog in the place of one that is gone does not give the disk back")
def _():
    with shared():
        agent.kill()
        with host():
            folder, older = f"{there.dir}/agent", f"{there.dir}/older"
            os.mkdir(older, 0o700)
            with contextlib.closing(sqlite3.connect(f"{folder}/catalog.sqlite")) as ours, \
                    contextlib.closing(sqlite3.connect(f"{older}/catalog.sqlite")) as copy:
                ours.backup(copy)
            assert adopt("--take-over").returncode == 0
            there.good("start", "db1")
            there.good("stop", "db1")
            kept(there, THERE)
            before = len(there.records("CatalogReturn"))
            os.rename(folder, f"{folder}.away")
            os.rename(older, folder)
            wait_for(lambda: len(there.records("CatalogReturn")) > before)
            there.restart()
            there.told_disks()
            kept(there, THERE)
            shutil.rmtree(f"{folder}.away")


finish()
