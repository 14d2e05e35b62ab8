# SPDX-License-Identifier: MIT
#
# The agent of a suite on a host with LVM. lvm_stand_in.py, which stands in for it, says which files it has.

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

from agent_suite import agent
from wait import PATIENCE, wait_for

GIB = 1 << 30
folder = f"{agent.dir}/lvm"
os.mkdir(folder)
shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lvm_stand_in.py"), f"{folder}/lvm")
os.environ["ENVELOPE_LVM"] = f"{folder}/lvm"


def put(name, text):
    with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
        f.write(text)


def state():
    with open(f"{folder}/state.json", encoding="utf-8") as f:
        return json.load(f)


@contextlib.contextmanager
def changed():
    """What the administrator changes in LVM."""
    now = state()
    yield now
    put("state.json", json.dumps(now))


def commands():
    """The commands of lvm, the last one at the end."""
    with contextlib.suppress(FileNotFoundError), open(f"{folder}/commands", encoding="utf-8") as f:
        return f.read().splitlines() or [""]
    return [""]


def volumes():
    return {lv["lv_name"]: lv for lv in state()["groups"]["vg0"]["volumes"]}


put("disks", f"{agent.kernel}/disks")
put("state.json", json.dumps({"groups": {"vg0": {"free": 20 * GIB, "volumes": []}}}))
agent.restart()


def pool(verb, *more):
    return subprocess.run([f"{agent.programs}/envelope", "pool", verb, *more], capture_output=True, text=True,
                          env=agent.environment, timeout=PATIENCE, check=False)


def good(verb, *more):
    done = pool(verb, *more)
    assert done.returncode == 0, f"pool {verb}: {done.stderr}\n{agent.log()[-3000:]}"
    return done


def bad(fault, verb, *more):
    done = pool(verb, *more)
    assert done.returncode and f"({fault})" in done.stderr, f"pool {verb}: expected {fault}, seen {done.stderr}"
    return done.stderr


def pools():
    return {p["Name"]: p for p in json.loads(good("describe", "--output", "json").stdout)["Pools"]}


def rows(table):
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog:
        return catalog.execute(f"SELECT * FROM {table}").fetchall()


def start_again():
    agent.kill()
    agent.start()


def make(*more):
    good("create", "--name", "fast", "--volume-group", "vg0", *more)


# ---- clusters in a pool ----

PLACE = "--pool", "fast", "--allocated-storage"


def create(name="db1", gib="2", *more):
    return agent.good("create", name, *PLACE, gib, "--storage-encrypted", *more)


def delete(name="db1", *more):
    agent.good("stop", name)
    return agent.good("delete", name, "--skip-final-snapshot", *more)


def volume_of(name="db1"):
    """LVM's row of the cluster's volume."""
    return [lv for lv in volumes().values() if f"envelope.cluster={name}" in lv["lv_tags"].split(",")]


@contextlib.contextmanager
def a_pool(*more):
    make("--size", "8", *more)
    yield
    agent.remove_all()
    wait_for(lambda: not rows("pool_volume"), why=agent.log)
    good("delete", "--name", "fast")
    assert not volumes(), volumes()
