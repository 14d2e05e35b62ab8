# SPDX-License-Identifier: MIT
#
# A cluster with a profile and an endpoint of its own, beside clusters with those of the configuration.
# Two embedded KMSs; the second knows the agent's principal, and keys of its own.

import json
import os
import signal
import subprocess

from agent_suite import LOST, agent, disable, finish, one, test, three, two
from wait import PATIENCE, wait_for

other = agent.kms.another()
other.start()
GOOD, OTHER, NOWHERE = f"unix:{agent.kms.unix}", f"unix:{other.unix}", "unix:/nowhere/kms.sock"
agent.kms.add_stranger()  # known to it, and denied
agent.kms.restart()


def profiles(name, *more):
    """A file with the profiles of the KMS, and more names of the agent's own."""
    path = f"{agent.dir}/{name}"
    with open(agent.kms.credentials, encoding="utf-8") as known, open(path, "w", encoding="utf-8") as f:
        f.write(known.read())
        for section in more:
            f.write(f"[{section}]\n" + "".join(f"{k}={v}\n" for k, v in agent.kms.profiles["enveloped"].items()))
    os.chmod(path, 0o600)
    return path


PROFILES = profiles("profiles", "twin", "going")
agent.restart(CredentialsFile=PROFILES)


def reason(name):
    return agent.clusters()[name]["StatusReason"]


def own(name):
    cluster = agent.clusters()[name]
    assert cluster.get("KmsEndpoint") == agent.volume(name).get("KmsEndpoint"), cluster
    assert cluster.get("Profile") == agent.volume(name).get("Profile"), cluster
    return cluster.get("Profile"), cluster.get("KmsEndpoint")


def granted(kms):
    """Answers of this KMS that a key may be used."""
    return len([r for r in kms.audit() if r["eventName"] == "Decrypt" and r.get("errorCode") == "DryRunOperationException"])


def renewed_by(kms):
    before = granted(kms)
    wait_for(lambda: granted(kms) > before + 1)


def checked():
    """What `envelope check` finds of the KMS."""
    done = subprocess.run([f"{agent.programs}/envelope", "check", "--output", "json", "--timeout", str(PATIENCE)],
                          env=dict(agent.environment, ENVELOPE_CONFIG=f"{agent.dir}/agent.conf"),
                          capture_output=True, text=True, check=False)
    return next(check for check in json.loads(done.stdout)["Checks"] if check["Check"] == "kms")


@test("a cluster is made and renewed at an endpoint of its own, beside one at the configuration's, also by the next agent")
def _():
    key = other.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key, "--kms-endpoint", OTHER)
    agent.create("db2", two)
    assert own("db1") == (None, OTHER) and own("db2") == (None, None)
    found = checked()
    assert found["Status"] == "ok", found
    for name in "db1", "db2":
        assert f"The key of cluster {name} is enabled." in found["Found"], found
    assert f"The cluster db1 asks {OTHER} with the profile enveloped: The key of cluster db1 is enabled" in found["Found"], found
    assert f"The KMS at unix:{agent.kms.unix} answers and knows the credentials. The key of cluster db2" in found["Found"], found
    status, said = agent.check_config(call=True, CredentialsFile=PROFILES)
    assert status == 0 and f"The KMS at {OTHER} of cluster db1 answers" in said and f"The KMS at unix:{agent.kms.unix} answers" in said
    os.rename(other.unix, f"{other.unix}.away")
    try:
        found = checked()
        assert found["Status"] == "failed" and f"The cluster db1 asks {OTHER} with the profile enveloped: KMSUnreachable" in found["Found"], found
        assert "The key of cluster db2 is enabled." in found["Found"] and "KmsEndpoint=" not in found["Advice"], found
        status, said = agent.check_config(call=True, CredentialsFile=PROFILES)
        assert status == 1 and f"The KMS at {OTHER} of cluster db1: KMSUnreachable" in said, said
        assert "No KMS of cluster db1 answers" in said and "The configuration leads to no KMS" not in said, said
    finally:
        os.rename(f"{other.unix}.away", other.unix)
    for _ in range(2):
        renewed_by(other)
        renewed_by(agent.kms)
        assert agent.status("db1") == agent.status("db2") == "available"
        agent.restart(CredentialsFile=PROFILES)
    assert own("db1") == (None, OTHER)
    other.good("DisableKey", {"KeyId": key})
    agent.wait_status("db1", LOST)
    assert agent.status("db2") == "available"


@test("a changed endpoint counts from the next call on; '' goes back to the configuration's")
def _():
    agent.create("db1", one, "--kms-key-id", agent.kms.new_key()["KeyId"])
    agent.restart(CredentialsFile=PROFILES, KmsEndpoint="unix:/nowhere/kms.sock")
    agent.good("modify", "db1", "--kms-endpoint", f"unix:{agent.kms.unix}")
    renewed_by(agent.kms)
    agent.reload(CredentialsFile=PROFILES)
    agent.good("stop", "db1")
    agent.good("modify", "db1", "--kms-endpoint", OTHER)
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert agent.status("db1") == "stopped" and reason("db1").startswith("other-kms: "), reason("db1")
    agent.good("modify", "db1", "--kms-endpoint", "")
    assert own("db1") == (None, None)
    agent.good("start", "db1")


@test("a live cluster gets no profile and no endpoint with which its lease could not be renewed; a stopped one takes each")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for options, faults in [
        (("--kms-endpoint", NOWHERE), ("KMSUnreachable",)),
        (("--kms-endpoint", OTHER), ("other-kms", "NotFoundException")),
        (("--kms-endpoint", f"{GOOD} {OTHER}"), ("other-kms",)),
        (("--profile", "stranger"), ("other-principal", "denies it to")),
    ]:
        said = agent.bad("InvalidParameterValue", "modify", "db1", "--no-deletion-protection", *options)
        for fault in "the live cluster db1", "keeps those that it has", *faults:
            assert fault in said, f"expected {fault}, seen {said}"
        assert own("db1") == (None, None), own("db1")
        renewed_by(agent.kms)
        assert agent.status("db1") == "available" and agent.keys() == keys
    agent.good("modify", "db1", "--kms-endpoint", f"{NOWHERE} {GOOD}")
    agent.good("stop", "db1")
    agent.good("modify", "db1", "--kms-endpoint", NOWHERE, "--profile", "stranger")
    assert own("db1") == ("stranger", NOWHERE)


@test("while a KMS is asked about a changed endpoint, a stop ends the modification, and its late answer changes nothing")
def _():
    agent.create("db1", one)
    late = len(agent.records("Decrypt", "NotFoundException"))
    other.process.send_signal(signal.SIGSTOP)
    try:
        modify = agent.begin("modify", "db1", "--kms-endpoint", OTHER)
        wait_for(lambda: agent.cli("modify", "db1", "--no-allow-discards").returncode, why=agent.log)  # the cluster is busy
        renewed_by(agent.kms)
        agent.good("stop", "db1")
        said = modify.communicate(timeout=PATIENCE)[1]
        assert modify.returncode == 6 and "has ended without a result" in said, said
    finally:
        other.process.send_signal(signal.SIGCONT)
    wait_for(lambda: len(agent.records("Decrypt", "NotFoundException")) > late, why=agent.log)
    assert own("db1") == (None, None) and agent.status("db1") == "stopped"
    agent.good("start", "db1")


@test("a changed endpoint renews at once, and does not wait for the time of the renewal that failed at the former one")
def _():
    agent.restart(CredentialsFile=PROFILES, LeaseSeconds=3600, RenewSeconds=1200)
    agent.create("db1", one)
    before = granted(agent.kms)
    agent.good("modify", "db1", "--kms-endpoint", f"{GOOD} {NOWHERE}")
    # The question of the modification is the first.
    wait_for(lambda: granted(agent.kms) >= before + 2, why=agent.log)
    agent.restart(CredentialsFile=PROFILES)


@test("after a change of profile a denial of access stops the cluster, names both principals, and is not terminal")
def _():
    keys = {name: agent.kms.profiles[name]["aws_access_key_id"] for name in ("enveloped", "stranger")}
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.create("db2", two)
    agent.good("stop", "db1")
    agent.good("modify", "db1", "--profile", "stranger")
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert agent.status("db1") == "stopped", f"a wrong profile ended it: {agent.status('db1')}"
    assert reason("db1").startswith("other-principal: "), reason("db1")
    assert keys["stranger"] in reason("db1") and keys["enveloped"] in reason("db1"), reason("db1")
    assert agent.status("db2") == "available" and own("db1") == ("stranger", None)
    agent.good("modify", "db1", "--profile", "twin")
    agent.good("start", "db1")
    # Its own KMS, the principal of the last grant: a verdict.
    disable(key)
    agent.wait_status("db1", LOST)


@test("a modification that a stop has ended leaves profile and endpoint as they were, also after a kill and at the next start")
def _():
    key = other.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key, "--kms-endpoint", OTHER, "--profile", "twin")
    agent.create("db2", two)
    for name, disk, before, after in ("db1", one, ("twin", OTHER), f"{NOWHERE} {OTHER}"), ("db2", two, (None, None), f"{NOWHERE} {GOOD}"):
        with agent.hung_disk(disk):
            modify = agent.begin("modify", name, "--allow-discards", "--profile", "going", "--kms-endpoint", after)
            wait_for(lambda: agent.clusters()[name].get("Profile") == "going", why=agent.log)
            assert own(name) == ("going", after)
            agent.good("stop", name)
            said = modify.communicate(timeout=PATIENCE)[1]
            assert modify.returncode == 6 and "has ended without a result" in said, said
            assert own(name) == before, f"what has ended without a result has changed the way to the KMS: {own(name)}"
        agent.told_disks()
        assert own(name) == before
    agent.kill()
    agent.start(CredentialsFile=PROFILES)
    for name, before in ("db1", ("twin", OTHER)), ("db2", (None, None)):
        assert own(name) == before, f"the catalog has kept what has ended without a result: {own(name)}"
        agent.good("start", name)


@test("a profile that is not there and an endpoint that is no address are refused, and nothing changes")
def _():
    agent.create("db1", one, "--profile", "twin")
    log = agent.records("ModifyDBCluster")
    for options, words in [
        (("--profile", "nobody"), "nobody"),
        (("--profile", "x" * 200), "more than 127 bytes"),
        (("--kms-endpoint", "https://"), "the name of the host is missing"),
        (("--kms-endpoint", "kms.sock"), "give unix:/PATH or https://HOST[:PORT]"),
        (("--kms-endpoint", "https://kms:0", "--profile", ""), "give a port of 1 to 65535"),
        (("--kms-endpoint", "https://user:s3cret@kms"), "it has user information"),
        (("--kms-endpoint", "unix:/run/kms\n.sock"), "it has a control character"),
    ]:
        said = agent.bad("InvalidParameterValue", "modify", "db1", *options)
        assert words in said and "s3cret" not in said, said
        said = agent.bad("InvalidParameterValue", "create", "db2", "--device", two.path, "--storage-encrypted", *options)
        assert words in said, said
        said = agent.bad("InvalidParameterValue", "adopt", None, "--device", two.path, *options)
        assert words in said, said
        assert own("db1") == ("twin", None) and "db2" not in agent.clusters()
    assert len(agent.records("ModifyDBCluster")) == len(log) + 7
    with open(agent.audit_file, encoding="utf-8") as trail:
        assert "s3cret" not in trail.read() + agent.log(), "the password of an address was recorded"
    renewed_by(agent.kms)


@test("a volume is adopted with a profile and an endpoint of its own")
def _():
    key = other.new_key()["KeyId"]
    agent.create("db1", three, "--kms-key-id", key, "--kms-endpoint", OTHER)
    agent.good("stop", "db1")
    agent.told_disks()
    agent.stop()
    agent.lose_catalog()
    agent.scannable(one, two)
    agent.start(CredentialsFile=PROFILES)
    agent.told_disks()
    assert not agent.clusters()
    agent.scannable(one, two, three)
    agent.good("adopt", None, "--device", three.path, "--profile", "twin", "--kms-endpoint", OTHER)
    assert own("db1") == ("twin", OTHER), agent.clusters()
    agent.good("start", "db1")
    agent.restart(CredentialsFile=PROFILES)
    assert own("db1") == ("twin", OTHER) and agent.status("db1") == "available"


@test("a reload that takes a cluster's profile away is refused; a start says so, and the cluster lives on")
def _():
    agent.create("db1", one, "--profile", "going")
    keys = agent.keys()
    without = profiles("without", "twin")
    for _ in range(2):
        refused = agent.reload(CredentialsFile=without)
        assert refused["errorCode"] == "InvalidConfiguration", refused
        assert "The cluster db1 has" in refused["errorMessage"] and "going" in refused["errorMessage"], refused
    renewed_by(agent.kms)
    agent.restart(CredentialsFile=without)
    assert "going" in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
    assert agent.status("db1") == "available" and agent.keys() == keys
    agent.good("modify", "db1", "--profile", "")
    renewed_by(agent.kms)
    agent.restart(CredentialsFile=PROFILES)


@test("a cluster's own profile counts before credentials in the environment of the agent")
def _():
    keys = agent.kms.profiles["stranger"]
    os.environ.update(AWS_ACCESS_KEY_ID=keys["aws_access_key_id"], AWS_SECRET_ACCESS_KEY=keys["aws_secret_access_key"])
    try:
        agent.restart(CredentialsFile=PROFILES)
        agent.create("db1", one, "--profile", "twin", "--kms-key-id", agent.kms.new_key()["KeyId"])
        renewed_by(agent.kms)
        assert agent.status("db1") == "available"
    finally:
        del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        agent.restart(CredentialsFile=PROFILES)


finish()
