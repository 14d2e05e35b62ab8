# SPDX-License-Identifier: MIT
#
# What the CLI advises: each command in a hint is run as it is printed, and helps; no hint contradicts the fault
# above it. Also where the disk of a cluster is, and why it is not reserved.

import glob
import os
import re
import shlex
import subprocess
import types

from agent_suite import LOST, agent, finish, lose, one, stopped_cluster, test, three, two
from wait import PATIENCE, wait_for

COMMAND = re.compile(r"envelope (?:cluster [a-z-]+|header [a-z]+|status|check|kms help)(?: --[a-z-]+(?: [^-\s]\S*[^\s,])?)*")


def hint(said):
    """The hint of a refusal; "" for none."""
    lines = [line for line in said.splitlines() if line.startswith("hint: ")]
    return lines[0][len("hint: "):] if lines else ""


def run(command):
    """A command as a person copies it: (exit status, what is said)."""
    words = shlex.split(command)
    assert words[0] == "envelope", command
    done = subprocess.run([f"{agent.programs}/envelope", *words[1:]], capture_output=True, text=True, check=False,
                          timeout=PATIENCE, env=dict(agent.environment, ENVELOPE_CONFIG=f"{agent.dir}/agent.conf"))
    return done.returncode, done.stdout + done.stderr


def commands(text):
    return COMMAND.findall(text)


def follow(text):
    """Runs the one command in a text: what it says."""
    found = commands(text)
    assert len(found) == 1, f"not one command, but {found} in: {text}"
    status, said = run(found[0])
    assert status == 0, f"{found[0]}: exit status {status}, {said}"
    return said


@test("a lost key: the hint does not send its reader to a key that works again, but to the state and its reason")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    lose("db1", key)
    agent.kms.good("EnableKey", {"KeyId": key})
    said = agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert "restore a backup" in said and "describe-key" not in said and "must exist" not in said, said
    assert re.search(rf"^Status +{LOST}$", follow(hint(said)), re.M), hint(said)


@test("a key that is not there: the hint has the aws command with the key of the command line")
def _():
    said = agent.bad("KMSKeyNotAccessibleFault", "create", "db1", "--device", one.path, "--storage-encrypted",
                     "--kms-key-id", "alias/nobody")
    assert hint(said).endswith("aws kms describe-key --key-id alias/nobody"), said
    assert run("envelope kms help")[0] == 0 and "envelope kms help" in hint(said), said
    agent.kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/nobody"})
    odd = agent.bad("NotFoundException", "create", "db1", "--device", one.path, "--storage-encrypted",
                    "--kms-key-id", "alias/a$(id)")
    assert "$(" not in hint(odd) and hint(odd).endswith("aws kms list-aliases"), odd


@test("a wrong state: the hint has the cluster's name, and its command shows the state")
def _():
    agent.create("db1", one)
    said = agent.bad("InvalidDBClusterStateFault", "start", "db1")
    assert hint(said).endswith("envelope cluster describe --db-cluster-identifier db1"), said
    assert "available" in follow(hint(said))


@test("a fault whose message says what to do has no hint that says something else")
def _():
    agent.create("db1", one)
    said = agent.bad("InvalidParameterCombination", "modify", "db1", "--grow")
    assert "Make the disk longer first" in said and not hint(said), said
    said = agent.bad("InvalidParameterCombination", "modify", "db1", "--kms-key-id", "alias/aws/rds")
    assert "copy the data" in said and not hint(said), said
    said = agent.bad("InvalidParameterCombination", "modify", "db1")
    assert "--grow" in follow(said) and not hint(said), said
    said = agent.bad("VolumeInUse", "create", "db2", "--device", one.path, "--storage-encrypted")
    assert "Use another device." in said and not hint(said), said
    said = agent.bad("DBClusterAlreadyExistsFault", "adopt", None, "--device", one.path)
    assert "another --db-cluster-identifier" not in said and "db1" in follow(said), said


@test("a deletion has ended when it answers, and a deleted volume that is to be taken in is called deleted, with the time")
def _():
    agent.create("db1", one)
    answer = agent.good("delete", "db1", "--skip-final-snapshot").stdout
    assert "deleted" in answer and "being overwritten" not in answer, answer
    marked = agent.bad("InvalidVolumeHeader", "adopt", None, "--device", one.path)
    assert re.search(r"cluster db1 of the volume on \S+ was deleted at 20\d\d-\S+Z", marked), marked
    assert "--allow-overwrite" in marked and "holds no volume" not in marked, marked
    agent.create("db1", one, "--allow-overwrite")
    answer = agent.good("delete", "db1", "--skip-final-snapshot", "--erase").stdout
    assert "its header has been overwritten" in answer and "being" not in answer, answer
    assert "holds no volume" in agent.bad("InvalidVolumeHeader", "adopt", None, "--device", one.path)


@test("events without a record says so")
def _():
    said = subprocess.run([f"{agent.programs}/envelope", "events", "--since", "2099-01-01"], capture_output=True, text=True,
                          env=agent.environment, check=True)
    assert (said.stdout, said.stderr) == ("", "The audit trail has no records since then.\n"), said


@test("a deletion that is refused for its protection: the command in the message takes the protection away")
def _():
    agent.create("db1", one, "--deletion-protection")
    follow(agent.bad("InvalidParameterCombination", "delete", "db1", "--skip-final-snapshot"))
    agent.good("delete", "db1", "--skip-final-snapshot")


@test("a KMS that does not answer: the command in the hint names the address that is meant, the cluster's own")
def _():
    stopped_cluster()
    agent.good("modify", "db1", "--kms-endpoint", "unix:/nowhere/own.sock")
    said = agent.bad("KMSUnreachable", "start", "db1")
    assert "/nowhere/own.sock" in said and commands(hint(said)) == ["envelope check"], said
    _, checked = run("envelope check --timeout 60")
    (kms,) = [line for line in checked.splitlines() if line.startswith("kms ")]
    assert "failed" in kms and "unix:/nowhere/own.sock" in kms, kms
    assert f"The KMS at unix:{agent.kms.unix} answers" in kms, f"the KMS of the configuration is blamed: {kms}"
    (command,) = [c for c in commands(kms) if "modify" in c]
    assert run(command.replace(" URL", f" unix:{agent.kms.unix}"))[0] == 0, command
    agent.good("start", "db1")


@test("wrong credentials of a cluster's own profile: the check names the profile, and its command corrects it")
def _():
    with open(agent.kms.credentials, encoding="utf-8") as f:
        known = f.read()
    path = f"{agent.dir}/with-wrong"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
        f.write(f"{known}\n[wrong]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wrong\n")
    agent.restart(CredentialsFile=path)
    try:
        stopped_cluster()
        agent.good("modify", "db1", "--profile", "wrong")
        done = agent.cli("start", "db1")
        assert "(UnrecognizedClientException)" in done.stderr and done.returncode == 5, done
        assert commands(hint(done.stderr)) == ["envelope check"] and "--profile" in hint(done.stderr), done.stderr
        _, checked = run("envelope check --timeout 60")
        (kms,) = [line for line in checked.splitlines() if line.startswith("kms ")]
        assert "failed" in kms and "profile wrong" in kms and "Profile=enveloped" not in kms, kms
        (command,) = [c for c in commands(kms) if "modify" in c]
        assert run(command.replace(" PROFILE", " enveloped"))[0] == 0, command
        agent.good("start", "db1")
    finally:
        agent.restart()


@test("a disabled key: the check's command has the key, and the check is ok after it")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.kms.good("DisableKey", {"KeyId": key})
    _, checked = run("envelope check --timeout 60")
    arn = agent.clusters()["db1"]["KmsKeyId"]
    assert f"aws kms enable-key --key-id {arn}" in checked, checked
    agent.kms.good("EnableKey", {"KeyId": arn})
    assert "The key of cluster db1 is enabled." in run("envelope check --timeout 60")[1]


@test("a damaged header: the command that `envelope check` prints puts it back")
def _():
    backup = f"{agent.dir}/db1.header"
    agent.create("db1", one)
    assert run(f"envelope header backup --db-cluster-identifier db1 --file {backup}")[0] == 0
    agent.good("stop", "db1")
    with open(one.device, "r+b") as f:
        f.write(bytes(32 << 10))
    _, checked = run(f"envelope check --timeout 60 --device {one.device}")
    (command,) = {c for c in commands(checked) if "restore" in c}
    assert "or from a backup with --file FILE" in checked, checked
    for command in (command, f"{command} --file {backup}"):
        with open(one.device, "r+b") as f:
            f.write(bytes(32 << 10))
        status, said = run(command)
        assert status == 0, said
    os.unlink(backup)
    agent.good("delete", "db1", "--skip-final-snapshot")


@test("a disk that came back under another name: both are shown, and the command in the note sets the path")
def _():
    stopped_cluster()
    assert "FoundDevice" not in agent.clusters()["db1"], agent.clusters()["db1"]
    agent.stop()
    one.name(three)
    agent.start()
    wait_for(lambda: agent.clusters()["db1"].get("FoundDevice") == one.device)
    cluster = agent.clusters()["db1"]
    assert cluster["Device"] == one.path and cluster["DiskPresent"], cluster
    assert agent.volume("db1")["FoundDevice"] == one.device and agent.volume("db1")["Device"] == one.path
    note = f"db1: Its disk is {one.device} now, not {one.path}."
    assert note in agent.said("status"), agent.said("status")
    shown = [line for line in agent.said("cluster", "describe").splitlines() if "Its disk is" in line]
    assert len(shown) == 1 and note in shown[0], shown
    assert re.search(rf"^FoundDevice +{one.device}$", agent.good("describe", "db1").stdout, re.M)
    checked = run(f"envelope check --timeout 60 --device {one.path}")[1]
    assert "It is empty." in checked and "the disk of cluster" not in checked, checked
    follow(shown[0])
    cluster = agent.clusters()["db1"]
    assert cluster["Device"] == one.device and "FoundDevice" not in cluster, cluster
    assert "Its disk is" not in agent.said("status")
    agent.good("start", "db1")


@test("a disk that is not reserved: describe and status say why")
def _():
    agent.create("db1", one)
    cluster = agent.clusters()["db1"]
    assert not cluster["DiskReserved"] and "no persistent reservations" in cluster["DiskReservedReason"], cluster
    assert agent.volume("db1")["DiskReservedReason"] == cluster["DiskReservedReason"]
    agent.restart(Fencing="no")
    assert agent.clusters()["db1"]["DiskReservedReason"] == "Fencing=no in envelope.conf"
    agent.restart()
    agent.good("stop", "db1")
    assert "while its cluster has a device" in agent.clusters()["db1"]["DiskReservedReason"]
    subprocess.run(["sfdisk", "-q", two.device], input="size=6MiB\n", text=True, check=True)
    subprocess.run(["partx", "-u", two.device], check=True)
    part = f"{two.device}p1"
    try:
        if os.path.exists(part):
            agent.scannable(one, three, types.SimpleNamespace(device=part))
            agent.good("create", "db2", "--device", part, "--storage-encrypted")
            assert "a partition" in agent.clusters()["db2"]["DiskReservedReason"], agent.clusters()["db2"]
            agent.good("stop", "db2")
            agent.good("delete", "db2", "--skip-final-snapshot", "--erase")
    finally:
        subprocess.run(["partx", "-d", two.device], check=False)
        two.blank()
        agent.scannable(one, two, three)


@test("no agent: the hint says how to start it")
def _():
    done = subprocess.run([f"{agent.programs}/envelope", "status", "--socket", "/nonexistent/agent.sock"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 5 and "systemctl start enveloped" in hint(done.stderr), done


NEEDED = {"start": 1, "stop": 1, "delete": 1, "modify": 1, "relocate": 1, "confirm-loss": 1, "backup": 1, "restore": 1}


@test("each command in a message has the options that it needs, and no full stop, which would be copied with it")
def _():
    seen = 0
    for path in sorted(glob.glob("userspace/**/*.c", recursive=True)):
        with open(path, encoding="utf-8") as f:
            text = re.sub(r'"\s+"', "", f.read())
        for said in re.findall(r'"((?:[^"\\]|\\.)*)"', text):
            for command in re.findall(r": (envelope (?:cluster|header|status|check|events)\b.*)", said):
                seen += 1
                verb = command.split()[2] if len(command.split()) > 2 else ""
                assert not re.search(r"\w\.( |$)", command), f"{path}: {command}"
                assert verb not in NEEDED or "--help" in command or "--db-cluster-identifier" in command, f"{path}: {command}"
                if not command.endswith("--db-cluster-identifier"):  # a macro, whose users give the rest
                    assert verb not in ("backup", "restore") or "--file" in command, f"{path}: {command}"
    assert seen > 10, "no commands were found"
    with open("userspace/cli/hint.c", encoding="utf-8") as f:
        text = re.sub(r'"\s+"', "", f.read())
    for said in re.findall(r'"([^"]{20,})"', text):
        assert not re.search(r": [a-z]+( [a-z-]+)*\.( |$)", said), said


finish()
