# SPDX-License-Identifier: MIT
#
# A disk without an identity, such as a virtual disk without a serial number, or with one that is on the
# disk, such as LVM's. A copy looks the same, while the disk is away. The catalog keeps the last stamp of
# this host, and an older stamp in a header shows an older copy.

import contextlib
import json
import os
import sqlite3
import subprocess

from agent_daemon import luks
from agent_suite import agent, finish, one, stopped_cluster, test, three, two
from wait import wait_for


def stamp(disk):
    """This host's stamp in the header."""
    dump = json.loads(luks("luksDump", "--dump-json-metadata", disk.device))
    return next(token for token in dump["tokens"].values() if token["type"] == "envelope-owner")


def in_catalog(change=None, *values):
    """The time of the stamp that the catalog has, after a change while no agent runs."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
        if change:
            catalog.execute(change, values)
        rows = catalog.execute("SELECT time FROM stamp").fetchall()
    return rows[0][0] if rows else None


def started_again():
    agent.good("start", "db1")
    agent.good("stop", "db1")


def header(verb, file):
    return subprocess.run([f"{agent.programs}/envelope", "header", verb, "--db-cluster-identifier", "db1", "--file", file],
                          capture_output=True, text=True, env=agent.environment, check=False)


@contextlib.contextmanager
def nameless(uuid=""):
    """No disk has an identity, or all the same. db1 is on the first one, stopped, and the second has it from before its last start."""
    with agent.present("nameless", uuid):
        stopped_cluster()
        with open(two.device, "r+b", buffering=0) as copy:
            copy.write(one.read())
        agent.scannable(one)
        started_again()
        yield
        agent.scannable(*agent.disks)


def present(*disks):
    """Another agent, and a host that has these disks. The first of them has the path."""
    agent.stop()
    agent.scannable(*disks)
    one.name(disks[0])
    agent.start()


@test("a disk that nothing identifies: an older copy under its path is refused, with both stamps; the disk itself starts")
def _():
    with nameless():
        present(two)
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert stamp(two)["time"] < stamp(one)["time"], (stamp(two), stamp(one))
        for text in stamp(two)["time"], stamp(one)["time"], "older copy", f"relocate --db-cluster-identifier db1 --device {one.path}":
            assert text in said, said
        assert agent.status("db1") == "stopped" and not agent.keys() and not agent.devices()
        assert not agent.clusters()["db1"]["DiskPresent"] and "is not known to be its disk" in agent.log()
        bytes_of_copy = two.read()
        agent.bad("InvalidVolumeHeader", "delete", "db1", "--skip-final-snapshot", "--erase")
        assert two.read() == bytes_of_copy, "the copy was written to"
        present(one)
        started_again()
        assert agent.clusters()["db1"]["DiskPresent"]


@test("an identity that is on the disk is copied with it: an older copy is refused, under its path and under another one")
def _():
    with nameless("LVM-7vUO4hX1"):
        present(two)
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert "older copy" in said and stamp(one)["time"] in said, said
        assert not agent.clusters()["db1"]["DiskPresent"] and not agent.devices()
        one.name(one)
        agent.restart()
        agent.told_disks()
        assert not agent.clusters()["db1"]["DiskPresent"], "an older copy under another path is present as the disk"
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert "older copy" in said and f"--device {two.device}" in said, said
        bytes_of_copy = two.read()
        agent.bad("InvalidVolumeHeader", "delete", "db1", "--skip-final-snapshot", "--erase")
        assert two.read() == bytes_of_copy, "the copy was written to"
        present(one)
        started_again()
        three.name(one)
        one.name(three)
        started_again()
        assert agent.clusters()["db1"]["DiskPresent"], "the disk is not found under another path"


@test("a disk that nothing identifies: relocate takes the older copy, and then the disk from before is the copy")
def _():
    with nameless():
        present(two)
        agent.good("relocate", "db1", "--device", one.path)
        started_again()
        present(one)
        said = agent.bad("InvalidVolumeHeader", "start", "db1")
        assert "older copy" in said, said


@test("a disk that nothing identifies: a wall clock that goes back makes no copy newer than the disk")
def _():
    with nameless():
        agent.wall_clock(-86400 * 400)
        started_again()
        present(two)
        agent.bad("InvalidVolumeHeader", "start", "db1")
        present(one)
        started_again()
        os.unlink(f"{agent.kernel}/wall-clock")


@test("a stamp that the disk has and the catalog lacks, as after a kill between the two, is the agent's own")
def _():
    with nameless():
        agent.stop()
        last = in_catalog()
        assert last == stamp(one)["time"]
        # The disk has been started since the catalog was written.
        assert in_catalog("UPDATE stamp SET time = ?", stamp(two)["time"]) < last
        agent.start()
        agent.good("start", "db1")
        assert in_catalog() == stamp(one)["time"] > last
        agent.good("stop", "db1")


@test("a catalog without stamps takes the disk as it is, and has the stamp of the next start; so has a new catalog")
def _():
    with nameless():
        agent.stop()
        in_catalog("DELETE FROM stamp")
        agent.start()
        started_again()
        assert in_catalog() == stamp(one)["time"]
        agent.stop()
        agent.lose_catalog()
        agent.start()
        agent.wait_status("db1", "stopped")
        agent.good("relocate", "db1", "--device", one.path)
        started_again()
        assert in_catalog() == stamp(one)["time"]
        present(two)
        agent.bad("InvalidVolumeHeader", "start", "db1")


@test("a disk that nothing identifies: no header is put back onto an older copy, and the disk itself gets it")
def _():
    with nameless():
        file = f"{agent.dir}/db1.header"
        assert header("backup", file).returncode == 0
        present(two)
        before = two.read()
        done = header("restore", file)
        assert "(InvalidVolumeHeader)" in done.stderr and "is older than the volume" in done.stderr, done.stderr
        assert two.read() == before
        present(one)
        assert header("restore", file).returncode == 0
        started_again()


@test("a live cluster renews its stamp, and no look at its disk takes the disk for a copy")
def _():
    with nameless():
        agent.restart(LeaseSeconds=5, KmsTimeoutSeconds=3)
        agent.good("start", "db1")
        started = stamp(one)["time"]
        wait_for(lambda: stamp(one)["time"] > started, why="no stamp is renewed")
        agent.restart(LeaseSeconds=5, KmsTimeoutSeconds=3)
        assert agent.clusters()["db1"]["DiskPresent"] and agent.status("db1") == "available"
        agent.good("stop", "db1")
        assert in_catalog() == stamp(one)["time"]
        agent.restart()
        started_again()


finish()
