# SPDX-License-Identifier: MIT
#
# Two hosts on one disk: the second agent, what the header says of the owner, and the persistent reservations of the first disk.

import contextlib
import json
import os
import shutil
import subprocess

from agent_daemon import Agent, luks
from agent_suite import agent, one
from wait import PATIENCE

HERE, THERE = "a" * 32, "c" * 32


def second_host():
    """An agent with a catalog and a kernel of its own, and with the same disks and KMS."""
    other = object.__new__(Agent)
    other.__dict__.update(agent.__dict__)
    other.dir = f"{agent.dir}/there"
    other.kernel = f"{other.dir}/kernel"
    other.audit_file = f"{other.dir}/agent-audit.jsonl"
    other.process = None
    for folder in (other.dir, other.kernel, f"{other.kernel}/keys", f"{other.kernel}/devices"):
        os.mkdir(folder)
    other.host(THERE)
    other.scannable(*agent.disks)
    return other


there = second_host()


@contextlib.contextmanager
def host(**changed):
    """The other host runs its agent, with an empty catalog."""
    if os.path.exists(f"{there.dir}/agent"):
        there.lose_catalog()
    there.start(**changed)
    there.told_disks()
    try:
        yield
    finally:
        for name, cluster in there.clusters().items():
            if cluster.get("MapperDevice"):
                there.good("stop", name)
        there.kill()


def tokens(disk):
    """Type -> token in the header."""
    dump = json.loads(luks("luksDump", "--dump-json-metadata", disk.device))
    return {token["type"]: token for token in dump["tokens"].values()}


def owner():
    return tokens(one)["envelope-owner"]


def adopt(*more):
    return subprocess.run([f"{there.programs}/envelope", "cluster", "adopt", "--device", one.device, *more],
                          capture_output=True, text=True, env=there.environment, timeout=PATIENCE, check=False)


def header(host, verb, file):
    done = subprocess.run([f"{agent.programs}/envelope", "header", verb, "--db-cluster-identifier", "db1", "--file", f"{agent.dir}/{file}"],
                          capture_output=True, text=True, env=host.environment, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"header {verb}: {done.stderr}"


def refused(done):
    assert done.returncode == 6 and "(VolumeInUse)" in done.stderr, f"not refused: {done}"
    return done.stderr


def forge(**changed):
    """Writes another stamp into the header, as anybody who can write to the disk may."""
    dump = json.loads(luks("luksDump", "--dump-json-metadata", one.device))
    number, token = next((k, v) for k, v in dump["tokens"].items() if v["type"] == "envelope-owner")
    luks("token", "import", "--token-replace", "--token-id", number, one.device, stdin=json.dumps(dict(token, **changed)))


def forget():
    """The first host knows nothing of the volume. It would keep the disk for a host that it has fenced."""
    agent.kill()
    agent.lose_catalog()
    for folder in "devices", "keys":
        shutil.rmtree(f"{agent.kernel}/{folder}")
        os.mkdir(f"{agent.kernel}/{folder}")
    agent.host(HERE)
    agent.scannable(*agent.disks)
    one.name(one)
    one.blank()
    agent.start()


def registrations():
    """Path (here a host's id) -> key of the registrations of the disk, and the path with the reservation."""
    folder = f"{agent.kernel}/reservations/{os.path.basename(one.device)}"
    keys = {}
    for name in os.listdir(folder):
        if name != "holder":
            with open(f"{folder}/{name}", encoding="utf-8") as f:
                keys[name] = f.read().strip()
    holder = f"{folder}/holder"
    return {k: v for k, v in keys.items() if v != "0"}, os.readlink(holder) if os.path.islink(holder) else None


@contextlib.contextmanager
def reservations():
    """The disk has persistent reservations, over a path of each host."""
    folder = f"{agent.kernel}/reservations"
    os.makedirs(f"{folder}/{os.path.basename(one.device)}")
    os.symlink(folder, f"{there.kernel}/reservations")
    try:
        yield f"{folder}/{os.path.basename(one.device)}"
    finally:
        os.unlink(f"{there.kernel}/reservations")
        shutil.rmtree(folder)


def reserve(folder, path, key):
    """Another program reserves the disk over a path."""
    with open(f"{folder}/{path}", "w", encoding="utf-8") as f:
        f.write(key)
    os.symlink(path, f"{folder}/holder")
