# SPDX-License-Identifier: MIT
#
# A catalog that is moved away or deleted under the running agent.

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess

from agent_suite import agent, finish, one, second_agent, test, three, two
from wait import wait_for


def renewed(times):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)


def problem():
    """What `envelope status` says below the table."""
    done = subprocess.run([f"{agent.programs}/envelope", "status"], capture_output=True, text=True, env=agent.environment,
                          check=True)
    return done.stderr


def gone(folder):
    """The agent has noticed that its catalog is gone, and goes on from memory."""
    wait_for(lambda: "was moved away or deleted" in problem(), why=agent.log)
    assert "was moved away or deleted" in agent.records("CatalogCheck", "CatalogUnavailable")[-1]["errorMessage"]
    assert agent.status("db1") == "available"
    agent.good("stop", "db1")
    said = agent.bad("CatalogUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
    assert "Put its folder back, or make an empty one" in said, said
    renewed(1)
    tried = "enveloped: Cannot change the catalog"
    before = agent.log().count(tried)
    wait_for(lambda: agent.log().count(tried) > before + 1 or os.path.exists(folder), why=agent.log)
    assert not os.path.exists(folder), "the agent has made a folder in the way of the one that is put back"


def back(chosen):
    """The catalog at its path is the agent's, with all that was chosen, for this agent and for the next one."""
    wait_for(lambda: not problem())
    assert agent.records("CatalogReturn")
    assert agent.in_catalog("db1") == "stopped", "the stop is not in the catalog"
    assert second_agent()[0] == 6, "a second agent has the folder"
    assert os.path.exists(f"{agent.dir}/agent/agent.conf.good")
    agent.create("db2", two)
    agent.scannable()
    agent.restart()
    agent.scannable(*agent.disks)
    cluster = agent.clusters()["db1"]
    assert cluster["AllowDiscards"] and cluster["DeletionProtection"] and agent.in_catalog("db2") == "available", chosen


@test("a state folder that is moved away, or deleted, under the agent is noticed at once: it goes on from memory, and loses nothing")
def _():
    folder, kept = f"{agent.dir}/agent", f"{agent.dir}/agent.away"
    for how in "put back", "made anew":
        agent.create("db1", one, "--allow-discards", "--deletion-protection")
        agent.create("db3", three)
        os.rename(folder, kept)
        gone(folder)
        if how == "put back":
            os.rename(kept, folder)
        else:
            shutil.rmtree(kept)
            os.mkdir(folder, 0o700)
        back(how)
        agent.remove_all()


@test("a catalog that is deleted alone, and one that is moved while nothing is done, are written again")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    agent.create("db1", one)
    for name in os.listdir(f"{agent.dir}/agent"):
        if name.startswith("catalog"):
            os.unlink(f"{agent.dir}/agent/{name}")
    before = len(agent.records("CatalogReturn"))
    wait_for(lambda: len(agent.records("CatalogReturn")) > before)
    assert not problem() and os.path.exists(path)
    # A second catalog at the path is not the agent's, whatever is in it: its log must stay whole.
    os.rename(path, f"{path}.away")
    with open(path, "wb"):
        pass
    agent.good("stop", "db1")
    wait_for(lambda: not problem() and agent.in_catalog("db1") == "stopped")
    agent.restart()
    assert agent.status("db1") == "stopped"


def in_foreign(folder):
    """Version in the file that was kept aside."""
    (name,) = [n for n in os.listdir(folder) if ".foreign-" in n and not n.endswith(("-wal", "-shm"))]
    with contextlib.closing(sqlite3.connect(f"{folder}/{name}")) as catalog:
        return catalog.execute("SELECT version FROM writer").fetchone()[0]


@contextlib.contextmanager
def another_catalog(version=None):
    """A folder to put in place of the agent's, with an older catalog: its last change is in its log alone."""
    folder, made = f"{agent.dir}/agent", f"{agent.dir}/agent.other"
    os.mkdir(made, 0o700)
    with contextlib.closing(sqlite3.connect(f"{folder}/catalog.sqlite")) as ours, \
            contextlib.closing(sqlite3.connect(f"{made}/made", isolation_level=None)) as other:
        ours.backup(other)
        if version:
            other.execute(f"PRAGMA user_version = {version}")
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE writer SET version = 'other'")
        for end in "", "-wal":
            shutil.copy(f"{made}/made{end}", f"{made}/catalog.sqlite{end}")
    try:
        yield made
    finally:
        shutil.rmtree(f"{agent.dir}/agent.away")


def returns(folder):
    """The folder is the agent's from now on, and the agent has written its catalog there."""
    before = len(agent.records("CatalogReturn"))
    os.rename(f"{agent.dir}/agent", f"{agent.dir}/agent.away")
    os.rename(folder, f"{agent.dir}/agent")
    wait_for(lambda: len(agent.records("CatalogReturn")) > before or agent.process.poll() is not None)
    assert agent.process.poll() is None, f"the file in its place has ended the agent: {agent.log()[-1000:]}"
    assert not problem()


@test("another catalog in the place of one that is gone is kept aside with its log, older, newer or half a copy, and the agent writes its own")
def _():
    for version in None, 99:
        agent.create("db1", three)
        with another_catalog(version) as other:
            agent.remove_all()
            agent.create("db1", one)  # another volume of this name
            returns(other)
            assert in_foreign(f"{agent.dir}/agent") == "other", "the log of the other catalog was not kept"
            agent.restart()
            assert agent.clusters()["db1"]["Device"] == one.path and agent.status("db1") == "available", "the volume is lost"
        agent.remove_all()
    agent.create("db1", one, "--allow-discards", "--deletion-protection")
    with another_catalog() as other:
        os.unlink(f"{other}/catalog.sqlite-wal")
        os.truncate(f"{other}/catalog.sqlite", 8192)
        returns(other)
        agent.scannable()
        agent.restart()
        agent.scannable(*agent.disks)
        assert agent.clusters()["db1"]["AllowDiscards"] and agent.clusters()["db1"]["DeletionProtection"]


@test("a folder that another agent has by then is not touched before that agent ends")
def _():
    agent.create("db1", one)
    before = len(agent.records("CatalogReturn"))
    with another_catalog() as other:
        lock = os.open(other, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(f"{agent.dir}/agent", f"{agent.dir}/agent.away")
        os.rename(other, f"{agent.dir}/agent")
        wait_for(lambda: "Another enveloped" in agent.log() or len(agent.records("CatalogReturn")) > before)
        names = sorted(os.listdir(f"{agent.dir}/agent"))
        assert names == ["catalog.sqlite", "catalog.sqlite-wal", "made"], f"the other agent's catalog was touched: {names}"
        os.close(lock)
        wait_for(lambda: len(agent.records("CatalogReturn")) > before)
        assert agent.in_catalog("db1") == "available" and in_foreign(f"{agent.dir}/agent") == "other"


finish()
