# SPDX-License-Identifier: MIT
#
# Plain clusters: a linear device over the same layout, with the same life, and without a key: no KMS is
# asked for them. tests/integration/agent-lifecycle has the kernel's device.

import json
import os
import subprocess

from agent_daemon import luks
from agent_hosts import adopt, host, owner, refused, there
from agent_suite import agent, finish, lose, one, test, two
from wait import PATIENCE, wait_for

PLAIN = "--no-storage-encrypted",
SHORT = {"LeaseSeconds": 5, "RenewSeconds": 1, "KmsTimeoutSeconds": 3}
KMS_CALLS = "DescribeKey", "GenerateDataKeyWithoutPlaintext", "Decrypt", "ReEncrypt"


def create(name="db1", disk=one, *more):
    return agent.good("create", name, "--device", disk.path, *PLAIN, *more)


def calls():
    return sum(len(agent.records(name)) for name in KMS_CALLS)


def device(name="db1"):
    return agent.devices()[f"envelope-{name}"]


@test("a plain cluster lives without a KMS: creation, stop, start, the next agent, deletion with erasure")
def _():
    before = calls()
    with agent.no_kms():
        create()
        seen = agent.clusters()["db1"]
        assert seen["StorageEncrypted"] is False and "KmsKeyId" not in seen and seen["Status"] == "available", seen
        assert device()[-1] == "plain" and not agent.keys(), (agent.devices(), agent.keys())
        agent.good("stop", "db1")
        assert not agent.devices()
        agent.good("start", "db1")
        agent.bad("InvalidDBClusterStateFault", "start", "db1")
        agent.restart()
        assert agent.status("db1") == "available" and agent.clusters()["db1"]["StorageEncrypted"] is False
        agent.kill()
        agent.start()
        assert agent.status("db1") == "available"
        os.unlink(f"{agent.kernel}/devices/envelope-db1")  # as after a boot
        wait_for(lambda: agent.status("db1") == "stopped", why=agent.log)
        agent.good("start", "db1", "--at-boot")
        agent.good("stop", "db1")
        agent.good("delete", "db1", "--skip-final-snapshot", "--erase")
    assert not any(one.read()), "a header is left"
    assert calls() == before, "a KMS was asked"


@test("the header of a plain volume is LUKS2 that says it is not encrypted, with the data where an encrypted volume has them")
def _():
    create()
    agent.create("db2", two)
    plain, encrypted = (json.loads(luks("luksDump", "--dump-json-metadata", disk.device)) for disk in (one, two))
    assert plain["segments"]["0"]["encryption"] == "cipher_null-ecb", plain
    assert encrypted["segments"]["0"]["encryption"] == "aes-xts-plain64", encrypted
    assert plain["segments"]["0"]["offset"] == encrypted["segments"]["0"]["offset"] == "1048576"
    token = next(t for t in plain["tokens"].values() if t["type"] == "envelope")
    assert token["cluster_id"] == "db1" and not {"key_arn", "wrapped_key"} & set(token), token
    assert not plain["keyslots"]
    assert "creating" not in json.dumps(plain), "the header says for good that it is being made"
    # The key of zeros is the one that its digest is of: stock tools open the volume.
    done = subprocess.run(["cryptsetup", "open", "--test-passphrase", "--volume-key-file", "/dev/zero", "--key-size", "512",
                           one.device], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@test("encrypted or plain is said at the creation, and a key belongs to an encrypted cluster")
def _():
    key = agent.kms.create_key() if hasattr(agent.kms, "create_key") else "alias/aws/rds"
    place = "--device", one.path
    for more in ((), ("--kms-key-id", key), (*PLAIN, "--kms-key-id", key), (*PLAIN, "--kms-endpoint", "https://kms.example.com")):
        agent.bad("InvalidParameterCombination", "create", "db1", *place, *more)
    assert not agent.clusters() and not any(one.read())


@test("what a cluster is never changes: modify refuses encryption, a key, and what only an encrypted cluster has")
def _():
    create()
    before = one.read()
    agent.create("db2", two)
    for name in "db1", "db2":
        for more in ("--storage-encrypted",), PLAIN, ("--kms-key-id", "alias/aws/rds"):
            agent.bad("InvalidParameterCombination", "modify", name, *more)
    for more in ("--no-allow-discards",), ("--allow-discards",), ("--kms-endpoint", "https://kms.example.com"):
        assert "not encrypted" in agent.bad("InvalidParameterCombination", "modify", "db1", *more)
    assert one.read() == before and device()[-1] == "plain" and device("db2")[-1] != "plain"
    agent.good("modify", "db1", "--deletion-protection")
    agent.good("stop", "db1")
    agent.bad("InvalidParameterCombination", "delete", "db1", "--skip-final-snapshot")
    agent.good("modify", "db1", "--no-deletion-protection")


@test("the device takes all of a disk that has grown, while it is in use")
def _():
    size = os.stat(one.image).st_size
    create()
    before = int(device()[7])
    try:
        os.truncate(one.image, 2 * size)
        subprocess.run(["losetup", "-c", one.device], check=True)
        agent.good("modify", "db1", "--grow")
        assert int(device()[7]) == before + size // 512 and device()[-1] == "plain", device()
        agent.good("stop", "db1")
        agent.good("start", "db1")
        assert int(device()[7]) == before + size // 512
    finally:
        agent.good("stop", "db1")
        agent.good("delete", "db1", "--skip-final-snapshot")
        os.truncate(one.image, size)
        subprocess.run(["losetup", "-c", one.device], check=True)


@test("a lost key ends the cluster that has it, and no plain one; there is no key to give or to confirm as lost")
def _():
    key = agent.kms.good("CreateKey", {})["KeyMetadata"]["KeyId"]
    create()
    agent.create("db2", two, "--kms-key-id", key)
    lose("db2", key)
    assert agent.status("db1") == "available" and device()[1] == "live"
    agent.bad("InvalidDBClusterStateFault", "confirm-loss", "db1")
    with agent.connect() as client:
        answer = agent.varlink(client, "ActivateKey", {"description": f"dm-envelope:{agent.clusters()['db1']['VolumeId']}"})
    assert answer["parameters"]["code"] == "InvalidParameterCombination", answer
    agent.good("stop", "db1")
    agent.good("start", "db1")


@test("a plain cluster starts on its own volume alone: not on a changed header, another plain volume or an encrypted one")
def _():
    create()
    create("db2", two)
    agent.good("stop", "db1")
    agent.good("stop", "db2")
    mine, other = one.read(), two.read()

    def put(data):
        with open(one.device, "r+b", buffering=0) as f:
            f.write(data)

    put(other)
    agent.bad("InvalidVolume.NotFound", "start", "db1")
    put(mine)
    luks("luksUUID", "--batch-mode", "--uuid", "11111111-2222-3333-4444-555555555555", one.device)
    assert "somebody changed it" in agent.bad("InvalidVolumeHeader", "start", "db1")
    put(mine)
    agent.good("start", "db1")
    agent.good("stop", "db1")
    whole = one.read()
    agent.good("delete", "db2", "--skip-final-snapshot", "--erase")
    agent.create("db2", two)
    agent.good("stop", "db2")
    encrypted = two.read()
    # The headers of two clusters change places: each is refused, and no device is made.
    put(encrypted)
    with open(two.device, "r+b", buffering=0) as f:
        f.write(whole)
    for name in "db1", "db2":
        assert agent.cli("start", name).returncode, f"{name} has started"
    assert not agent.devices()
    put(whole)
    with open(two.device, "r+b", buffering=0) as f:
        f.write(encrypted)
    agent.good("start", "db1")
    agent.good("start", "db2")


@test("a creation that is killed at any moment leaves a whole plain cluster, or nothing of it")
def _():
    moment, ended, made = 0, False, 0
    while not ended:
        moment += 1
        with agent.present("kill-at", str(moment)):
            client = agent.begin("create", "db1", "--device", one.path, *PLAIN)
            ended = client.wait(PATIENCE) == 0
            if not ended:
                wait_for(lambda: agent.process.poll() is not None, why=client.stderr.read)
        agent.kill()
        agent.start()
        wait_for(lambda: agent.status("db1") in (None, "available"), why=agent.log)
        agent.told_disks()
        if agent.clusters():
            made += 1
            agent.good("stop", "db1")
            agent.good("delete", "db1", "--skip-final-snapshot", "--erase")
        assert not any(one.read()), f"moment {moment}: a header is left"
        assert not agent.devices(), agent.devices()
    assert moment > 5 and made, (moment, made)


def adopt_here():
    return subprocess.run([f"{agent.programs}/envelope", "cluster", "adopt", "--device", one.device], capture_output=True,
                          text=True, env=agent.environment, timeout=PATIENCE, check=False)


@test("a volume that nobody has proved is taken in by a person alone, also with its device in use")
def _():
    create()
    agent.stop()
    agent.lose_catalog()
    agent.start()
    agent.told_disks()
    wait_for(lambda: "To take it in: envelope cluster adopt" in agent.log(), why=agent.log)
    assert not agent.clusters()
    assert adopt_here().returncode == 0
    seen = agent.clusters()["db1"]
    assert (seen["StorageEncrypted"], seen["DeletionProtection"], seen["Status"]) == (False, True, "available"), seen
    agent.good("stop", "db1")
    agent.good("start", "db1")


@test("the claim of a running plain volume is renewed, and another host does not take it over")
def _():
    agent.restart(**SHORT)
    create()
    first = owner()
    with host():
        assert "--take-over" in refused(adopt())
        refused(adopt("--take-over"))
        wait_for(lambda: owner()["time"] > first["time"], why=agent.log)
        assert owner()["host"] == first["host"] and owner()["claim"], owner()
        agent.good("stop", "db1")
        assert owner()["claim"] == 0
        assert adopt("--take-over").returncode == 0
        there.good("start", "db1", "--take-over")
        agent.bad("VolumeInUse", "start", "db1")
        there.good("stop", "db1")
        there.good("modify", "db1", "--no-deletion-protection")
        there.good("delete", "db1", "--skip-final-snapshot")
    agent.restart()


finish()
