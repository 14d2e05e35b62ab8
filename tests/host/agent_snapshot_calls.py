# SPDX-License-Identifier: MIT
#
# The agent of a suite on a host with LVM and device mapper, as stand-ins (lvm_stand_in.py and, for envelope-suspend,
# tests/unit/suspend_stand_in.c), and its snapshots.

import contextlib
import json
import os
import subprocess

from agent_lvm import create, folder, good, make, put, rows, volume_of, volumes
from agent_suite import agent
from wait import PATIENCE, wait_for

SNAPSHOTS = "DBClusterSnapshots"
os.makedirs(f"{agent.kernel}/suspended", exist_ok=True)
put("suspend", f"""#!/bin/sh
export ENVELOPE_STAND_IN='{agent.kernel}'
exec '{agent.programs}/unit/envelope-suspend' "$@"
""")
os.chmod(f"{folder}/suspend", 0o755)
os.environ["ENVELOPE_SUSPEND"] = f"{folder}/suspend"
# A machine under load has time for a snapshot; the tests of the limit have a short one.
agent.restart(SnapshotHoldSeconds=60)


def command(verb, snapshot=None, *more):
    named = ["--db-cluster-snapshot-identifier", snapshot] if snapshot else []
    return [f"{agent.programs}/envelope", "snapshot", verb, *named, *more]


def cli(verb, snapshot=None, *more):
    return subprocess.run(command(verb, snapshot, *more), capture_output=True, text=True, env=agent.environment,
                          timeout=PATIENCE, check=False)


def works(verb, snapshot=None, *more):
    done = cli(verb, snapshot, *more)
    assert done.returncode == 0, f"snapshot {verb}: {done.stderr}\n{agent.log()[-3000:]}"
    return done


def fails(fault, verb, snapshot=None, *more):
    done = cli(verb, snapshot, *more)
    assert done.returncode and f"({fault})" in done.stderr, f"snapshot {verb}: expected {fault}, seen {done.stderr}"
    return done.stderr


def begin(verb, snapshot, *more):
    return subprocess.Popen(command(verb, snapshot, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=agent.environment)


def of(name="db1"):
    return "--db-cluster-identifier", name


def take(snapshot="s1", cluster="db1"):
    return works("create", snapshot, *of(cluster))


def restore(name="db2", snapshot="s1", *more):
    return works("restore", snapshot, *of(name), *more)


def snapshots(*more):
    return {s["DBClusterSnapshotIdentifier"]: s
            for s in json.loads(works("describe", None, *more, "--output", "json").stdout)[SNAPSHOTS]}


def volumes_of_snapshots():
    return [lv for lv in volumes().values() if "envelope.snapshot=" in lv["lv_tags"]]


def suspends():
    """What became of devices: "NAME suspended MS", "NAME resumed MS"."""
    with contextlib.suppress(FileNotFoundError):
        return agent.read("suspends").splitlines()
    return []


def suspended():
    return os.listdir(f"{agent.kernel}/suspended")


def held_during_lvm():
    with open(f"{folder}/suspended", encoding="utf-8") as f:
        return [line.strip() for line in f]


def suspender():
    """The process that holds the writes; None for none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            words = f.read().split("\0")
            if words[0] == f"{agent.programs}/unit/envelope-suspend":
                return int(pid)
    return None


def nothing_left():
    wait_for(lambda: not snapshots() and not rows("snapshot"), why=agent.log)
    assert not volumes_of_snapshots() and not suspended(), (volumes_of_snapshots(), suspended())


def write(name, text, offset=3 << 20):
    """On the disk of the cluster, behind its header."""
    with open(volume_of(name)[0]["lv_path"], "r+b") as f:
        f.seek(offset)
        f.write(text.encode())
        f.flush()
        os.fsync(f.fileno())


def read(name, size, offset=3 << 20):
    with open(volume_of(name)[0]["lv_path"], "rb") as f:
        f.seek(offset)
        return f.read(size).decode()


def clean():
    agent.remove_all()
    for name in snapshots():
        works("delete", name)
    wait_for(lambda: not rows("pool_volume"), why=agent.log)
    good("delete", "--name", "fast")
    assert not volumes() and not rows("snapshot"), volumes()


@contextlib.contextmanager
def a_cluster(*more):
    make("--size", "8")
    create("db1", "1", *more)
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # the next test has a chance
            clean()
        raise
    clean()


@contextlib.contextmanager
def hung_lvm():
    put("hang", "")
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/hang")


@contextlib.contextmanager
def short_hold():
    agent.restart(SnapshotHoldSeconds=1)
    yield
    agent.restart(SnapshotHoldSeconds=60)


def moments(words, check):
    """Kills the agent at each of its own moments during a command. Returns how many there are."""
    moment, ended = 0, False
    while not ended:
        moment += 1
        with agent.present("kill-at", str(moment)):
            client = begin(*words)
            ended = client.wait(PATIENCE) == 0
            if not ended:
                wait_for(lambda: agent.process.poll() is not None, why=client.stderr.read)
        agent.kill()
        agent.start(SnapshotHoldSeconds=60)
        wait_for(lambda: not rows("job") and all(r[3] == "available" for r in rows("snapshot")), why=agent.log)
        wait_for(lambda: not suspended())
        check(ended)
    return moment
