# SPDX-License-Identifier: MIT
#
# An agent that is killed in the middle of its work, at any moment: see tests/unit/kill_moment.c. The next
# agent finishes the work or undoes all of it.

import contextlib
import os
import shutil
import sqlite3

from agent_daemon import luks
from agent_suite import agent, finish, one, test
from wait import PATIENCE, wait_for

TABLES = "cluster", "job", "place", "boot", "denial", "setting", "kms_grant", "protection", "reach", "reservation"


@contextlib.contextmanager
def reservations():
    """The disk has persistent reservations: the keys that are registered there."""
    place = "reservations", os.path.basename(one.device)
    folder = "/".join((agent.kernel, *place))
    os.makedirs(folder)

    def keys():
        return [name for name in os.listdir(folder) if name != "holder" and agent.read(*place, name).strip() != "0"]

    try:
        yield keys
    finally:
        shutil.rmtree(folder)


def answered(moment, *command):
    """Runs a command with an agent that is killed then, or after the answer. Returns whether the client had one."""
    with agent.present("kill-at", str(moment)):
        client = agent.begin(*command)
        done = client.wait(PATIENCE) == 0
        if not done:
            wait_for(lambda: agent.process.poll() is not None, why=client.stderr.read)
    agent.kill()
    return done


def rows():
    """Table -> number of its rows, of the tables that are not empty."""
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog:
        counts = {table: catalog.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    return {table: count for table, count in counts.items() if count}


def nothing_is_left(registered):
    assert not agent.keys() and not agent.devices(), (agent.keys(), agent.devices())
    assert not any(one.read()), "a header is left"
    wait_for(lambda: not registered(), why=registered)
    wait_for(lambda: not rows(), why=rows)


def is_whole():
    assert len(agent.keys()) == 1 and agent.devices()["envelope-db1"][1] == "live", agent.devices()
    assert "job" not in rows(), rows()
    assert "creating" not in luks("luksDump", "--dump-json-metadata", one.device)
    agent.good("stop", "db1")
    agent.good("start", "db1")
    agent.good("stop", "db1")
    agent.good("modify", "db1", "--no-deletion-protection")
    agent.good("delete", "db1", "--skip-final-snapshot", "--erase")


@test("a creation that is killed at any moment is undone by the next agent, or whole: nothing half-made is left")
def _():
    command = "create", "db1", "--device", one.path, "--storage-encrypted", "--allow-discards", "--deletion-protection"
    undone, whole, moment, ended = 0, 0, 0, False
    with reservations() as registered:
        while not ended:
            moment += 1
            ended = answered(moment, *command)
            agent.start()
            wait_for(lambda: agent.status("db1") != "creating")
            agent.told_disks()
            if agent.clusters():
                assert agent.status("db1") == "available", agent.clusters()
                is_whole()
                whole += 1
            else:
                assert not ended, "a creation that was answered is undone"
                undone += 1
            nothing_is_left(registered)
    assert undone and whole and moment > 20, (undone, whole, moment)


@contextlib.contextmanager
def creation_of_db1():
    """A creation that waits for the kernel to take its key: its header is sealed."""
    with agent.hung_key():
        create = agent.begin("create", "db1", "--device", one.path, "--storage-encrypted")
        wait_for(lambda: b"wrapped_key" in one.read() and any("sleep" in f for f in agent.device_threads()))
        yield create


@test("a catalog from the middle of a creation, put back later, undoes no creation that was answered")
def _():
    catalog, copy = f"{agent.dir}/agent/catalog.sqlite", f"{agent.dir}/copy.sqlite"
    with creation_of_db1() as create:
        with contextlib.closing(sqlite3.connect(catalog)) as now, contextlib.closing(sqlite3.connect(copy)) as then:
            now.backup(then)
    assert create.wait(PATIENCE) == 0, create.stderr.read()
    agent.good("stop", "db1")
    agent.stop()
    agent.lose_catalog()
    shutil.move(copy, catalog)
    agent.start()
    agent.told_disks()
    assert b"wrapped_key" in one.read(), "the volume is erased"
    wait_for(lambda: agent.status("db1") == "stopped", why=agent.log)
    agent.good("start", "db1")


@test("a creation whose end the catalog does not take fails, and leaves nothing that counts")
def _():
    with creation_of_db1() as create:
        lock = sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")  # it can be read only
    assert create.wait(PATIENCE) != 0
    said = create.stderr.read()
    assert "(CatalogUnavailable)" in said, said
    lock.close()
    assert not any(one.read()) and not agent.keys() and not agent.devices()
    agent.restart()
    wait_for(lambda: not agent.clusters() and not rows(), why=rows)


finish()
