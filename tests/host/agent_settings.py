# SPDX-License-Identifier: MIT
#
# A start with a fault in the configuration: which one is in force then, what is said, and what still works. And what
# --check-config says of a configuration with many faults.

import contextlib
import os
import re
import signal
import socket
import subprocess

from agent_suite import agent, finish, one, test, two
from wait import PATIENCE, wait_for

COPY = f"{agent.dir}/agent/agent.conf.good"
PIPE = f"{agent.dir}/pipe"
os.mkfifo(PIPE)


def renewed(times=2):
    """Until the KMS has agreed so often from now on."""
    before = granted()
    wait_for(lambda: granted() >= before + times, why=agent.log)


def granted():
    return len([r for r in agent.kms.audit() if r["eventName"] == "Decrypt" and r.get("errorCode") == "DryRunOperationException"])


def problem():
    """What `envelope status` says below the table."""
    done = subprocess.run([f"{agent.programs}/envelope", "status"], capture_output=True, text=True, env=agent.environment,
                          check=True)
    return done.stderr


def checked():
    """What `envelope check` says."""
    done = subprocess.run([f"{agent.programs}/envelope", "check", "--timeout", str(PATIENCE)], capture_output=True, text=True,
                          check=False, env={**agent.environment, "ENVELOPE_CONFIG": f"{agent.dir}/agent.conf"})
    return done.stdout


@contextlib.contextmanager
def service_manager():
    """What the agent tells it: a function that waits for a STATUS with a text."""
    path = f"{agent.dir}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(PATIENCE)
        os.environ["NOTIFY_SOCKET"] = path

        def told(text):
            while True:
                message = manager.recv(65536).decode()
                if "STATUS=" in message and text in message:
                    return

        try:
            yield told
        finally:
            del os.environ["NOTIFY_SOCKET"]
            os.unlink(path)


@test("a start with a file that is missing or unusable goes on with the last good configuration, and says so with the line")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for fault, changed in {
        "agent.conf:3: The credentials file /nowhere cannot be read": {"CredentialsFile": "/nowhere"},
        "agent.conf:11: ": {"Profile": "nobody"},
        "agent.conf:11: CaFile=/nowhere cannot be opened": {"CaFile": "/nowhere"},
        "agent.conf:7: The program for KMS calls, /nowhere, cannot be run": {"Worker": "/nowhere"},
        f"agent.conf:6: The audit trail {PIPE} cannot be opened: it is a pipe": {"AuditFile": PIPE},
    }.items():
        with service_manager() as told:
            agent.restart(**changed)
            said = agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
            assert fault in said and COPY in said, f"expected {fault}, seen {said}"
            told(fault)
        assert f"the last good one, {COPY}, is used in its place" in agent.log()
        for seen in problem(), checked():
            assert fault in seen and COPY in seen, f"expected {fault}, seen {seen}"
        renewed()
        assert agent.status("db1") == "available" and agent.keys() == keys
        with open(COPY, encoding="utf-8") as f:
            assert not [v for v in changed.values() if f"={v}\n" in f.read()], "a refused value is in the copy"
        record = agent.reload()
        assert "errorCode" not in record and not problem(), record
    agent.restart()
    assert not problem()


@contextlib.contextmanager
def first_start(**changed):
    """An agent that finds no last good configuration."""
    agent.told_disks()
    assert agent.stop() == 0
    os.unlink(COPY)
    agent.start(**changed)
    try:
        yield
    finally:
        if "errorCode" in agent.reload():
            agent.restart()


@test("without a last good configuration a line with a fault ends neither the start nor the leases")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    with first_start(LeaseSeconds="6O", MaxDenials="x"):
        assert "agent.conf:9: LeaseSeconds=6O is not valid" in problem() and "(1 more: enveloped --check-config)" in problem(), problem()
        assert "agent.conf:11: MaxDenials=x is not valid" in agent.log()
        assert not os.path.exists(COPY), "a configuration with a fault was kept as good"
        renewed()
        assert agent.status("db1") == "available" and agent.keys() == keys
    assert not problem() and os.path.exists(COPY)
    renewed()


@test("a line with a fault that may say which KMS is meant keeps the agent from calling any: no other KMS is asked for a key")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for fault, changed in {
        "agent.conf:2: KmsEndpoint=https://kms:0 is not valid": {"KmsEndpoint": "https://kms:0"},
        "agent.conf:11: The key KmsEndpont is unknown": {"KmsEndpont": "unix:/other.sock"},
    }.items():
        before = len(agent.kms.audit())
        with first_start(**changed):
            assert fault in problem() and "No KMS is called" in problem(), problem()
            said = agent.bad("KMSUnreachable", "create", "db2", "--device", two.path, "--storage-encrypted")
            assert "No KMS is called" in said, said
            assert len(agent.kms.audit()) == before, "a KMS was called"
            assert agent.status("db1") == "available" and agent.keys() == keys
        renewed()
        assert not problem()


@test("without a last good configuration the files that are missing are waited for, and no reload is needed")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    os.rename(agent.kms.credentials, f"{agent.kms.credentials}.away")
    agent.told_disks()
    assert agent.stop() == 0
    os.unlink(COPY)
    agent.start()
    try:
        assert "agent.conf:3: The credentials file" in problem(), problem()
    finally:
        os.rename(f"{agent.kms.credentials}.away", agent.kms.credentials)
    wait_for(lambda: not problem())
    renewed()
    assert os.path.exists(COPY) and agent.status("db1") == "available" and agent.keys() == keys


@test("without a last good configuration an audit trail that is a pipe is waited for: renewals go on, and no access is given")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    agent.told_disks()
    assert agent.stop() == 0
    os.unlink(COPY)
    for kind in PIPE, "/dev/full", "/dev/null":
        agent.start(AuditFile=kind)
        assert f"The audit trail {kind} cannot be opened: it is a pipe" in problem(), problem()
        renewed()
        agent.bad("AuditTrailUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
        agent.process.terminate()
        assert agent.process.wait(PATIENCE) == 0
    agent.start()
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("a pipe that comes in place of the audit trail holds up neither the agent nor its events")
def _():
    agent.create("db1", one)
    os.rename(agent.audit_file, f"{agent.audit_file}.away")
    os.mkfifo(agent.audit_file)
    renewed()
    said = agent.bad("AuditTrailUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
    assert "it is a pipe" in said, said
    done = subprocess.run([f"{agent.programs}/envelope", "events"], capture_output=True, text=True, env=agent.environment,
                          timeout=PATIENCE, check=False)
    assert done.returncode and "it is a pipe" in done.stderr, done.stderr
    os.unlink(agent.audit_file)
    os.rename(f"{agent.audit_file}.away", agent.audit_file)
    wait_for(lambda: agent.records("AuditTrailGap"))
    agent.create("db2", two)


@test("a reload refuses an audit trail that is no file, and --check-config names it with its line")
def _():
    for kind, why in {PIPE: "it is a pipe", "/dev/full": "it is a pipe", "/tmp": "Is a directory"}.items():
        fault = f"agent.conf:6: The audit trail {kind} cannot be opened: {why}"
        status, said = agent.check_config(AuditFile=kind)
        assert status == 2 and fault in said, (status, said)
        record = agent.reload(AuditFile=kind)
        assert record["errorCode"] == "InvalidConfiguration" and fault in record["errorMessage"], record
    agent.reload()


def own_profiles():
    """A file with the profiles of the KMS, and the profile "own" beside them."""
    path = f"{agent.dir}/own-profiles"
    with open(agent.kms.credentials, encoding="utf-8") as known, open(path, "w", encoding="utf-8") as f:
        text = known.read()
        f.write(text + text.replace("[enveloped]", "[own]"))
    os.chmod(path, 0o600)
    return path


@test("--check-config names all faults at once, each with its file and line, also those of clusters with a KMS of their own")
def _():
    own = own_profiles()
    agent.restart(CredentialsFile=own)
    agent.create("db1", one, "--profile", "own")
    agent.create("db2", two, "--kms-endpoint", f"unix:{agent.kms.unix} unix:/nowhere")
    expected = [
        "agent.conf:9: LeaseSeconds=6O is not valid",
        "agent.conf:11: The key Rigion is unknown",
        "agent.conf:12: CaFile=/nowhere cannot be opened",
        "agent.conf:13: Fencing=perhaps is not valid",
        "agent.conf:7: The program for KMS calls, /nowhere, cannot be run",
        f"agent.conf:6: The audit trail {PIPE} cannot be opened",
        "The cluster db1 has a profile or an endpoint of its own: ",
    ]
    wrong = {"LeaseSeconds": "6O", "Rigion": "us-east-1", "CaFile": "/nowhere", "Fencing": "perhaps", "Worker": "/nowhere",
             "AuditFile": PIPE}
    for _ in "the agent runs", "it does not":
        status, said = agent.check_config(**wrong)
        assert status == 2, said
        for fault in expected:
            assert said.count(fault) == 1, f"expected {fault}, seen {said}"
        assert len(said.splitlines()) == len(expected), said
        # Both endpoints of db2 get the timeout, and both must fit.
        status, said = agent.check_config(CredentialsFile=own, LeaseSeconds=60, KmsTimeoutSeconds=30)
        assert status == 2 and "The cluster db2 has" in said and "2 endpoints" in said, said
        status, said = agent.check_config(CredentialsFile=own)
        assert (status, said) == (0, "The configuration is valid.\n"), said
        if agent.process:
            agent.told_disks()
            assert agent.stop() == 0
    agent.start(CredentialsFile=own)
    record = agent.reload(**wrong)
    for fault in expected:
        assert fault in agent.log(), f"the reload does not name {fault}"
    assert "(6 more: enveloped --check-config)" in record["errorMessage"], record
    agent.remove_all()
    agent.restart()


@test("a start that a cluster's own profile does not survive goes on with the last good configuration")
def _():
    own, without = own_profiles(), agent.kms.credentials
    agent.restart(CredentialsFile=own)
    agent.create("db1", one, "--profile", "own")
    agent.restart(CredentialsFile=without)
    assert "The cluster db1 has a profile or an endpoint of its own" in problem() and COPY in problem(), problem()
    renewed()
    agent.remove_all()
    agent.restart()


@contextlib.contextmanager
def lost_settings(text):
    """agent.conf has this text alone; None: the agent has no agent.conf, and looks for that of the host."""
    def configure(**_):
        with open(f"{agent.dir}/agent.conf", "w", encoding="utf-8") as f:
            f.write(text or "")

    agent.named = text is not None
    agent.configure = configure
    try:
        yield
    finally:
        agent.named = True
        del agent.configure


def check_after(good):
    """What a check of agent.conf says on a host whose last good configuration is this text; None: it has none."""
    folder = f"{agent.dir}/other-state"
    os.makedirs(folder, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{folder}/agent.conf.good")
    if good is not None:
        with open(f"{folder}/agent.conf.good", "w", encoding="utf-8") as f:
            f.write(good)
    present, agent.environment = agent.environment, {**agent.environment, "STATE_DIRECTORY": folder}
    try:
        return agent.check_config()[1]
    finally:
        agent.environment = present


@test("a configuration that has lost its settings is a fault: the last good one takes its place, and another KMS is not asked")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    assert not os.path.exists("/etc/envelope/envelope.conf"), "the host has a configuration of its own"
    for text, fault in {"": f"{agent.dir}/agent.conf has no setting", "# Region=eu-west-1\n": "has no setting",
                        None: "/etc/envelope/envelope.conf is missing"}.items():
        with lost_settings(text):
            assert agent.reload()["errorCode"] == "InvalidConfiguration"
            assert "settings that are not the defaults" in problem(), problem()
            agent.restart()
            said = agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
            assert fault in said and COPY in said, said
            assert said in problem() and fault in agent.log(), problem()
            record = agent.reload()
            assert record["errorCode"] == "InvalidConfiguration" and fault in record["errorMessage"], record
            status, said = agent.check_config()
            assert status == 2 and fault in said, (status, said)
            renewed()
            assert agent.status("db1") == "available" and agent.keys() == keys
        if text is None:
            agent.restart()
        else:
            assert "errorCode" not in agent.reload()
        assert not problem()


def hangup():
    """SIGHUP, with agent.conf as it is: the record of what came of it."""
    before = len(agent.records("ConfigurationReload"))
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(agent.records("ConfigurationReload")) > before or agent.process.poll() is not None)
    assert agent.process.poll() is None, f"SIGHUP ended the agent: {agent.log()[-1000:]}"
    return agent.records("ConfigurationReload")[-1]


def in_use():
    """What a reload must not end."""
    return agent.status("db1"), agent.keys(), agent.devices()


@test("a running agent whose file is lost keeps its configuration and ends nothing, and the file counts again when it is back")
def _():
    agent.create("db1", one)
    before, file = in_use(), f"{agent.dir}/agent.conf"
    for lease, (lose, fault) in {1800: (os.unlink, file), 900: (lambda path: open(path, "w", encoding="utf-8").close(), "has no setting")}.items():
        with open(COPY, encoding="utf-8") as f:
            good = f.read()
        lose(file)
        for _ in range(2):
            record = hangup()
            assert record.get("errorCode") == "InvalidConfiguration" and fault in record["errorMessage"], record
            assert fault in problem(), problem()
            renewed()
            assert in_use() == before, f"the reload has ended something: {in_use()}"
            assert agent.volume("db1")["LeaseSecondsLeft"] > lease, "another lease counts than that of the last good configuration"
        with open(COPY, encoding="utf-8") as f:
            assert f.read() == good, "the last good configuration was changed by a file that was refused"
        record = agent.reload(LeaseSeconds=lease)
        assert "errorCode" not in record, record
        assert not problem(), f"the fault is still shown: {problem()}"
        wait_for(lambda: agent.volume("db1")["LeaseSecondsLeft"] <= lease, why="the file does not count again")
        with open(COPY, encoding="utf-8") as f:
            assert f"LeaseSeconds={lease}\n" in f.read()
        assert in_use() == before, in_use()
    agent.restart()


@test("a host that has the defaults keeps them without a file")
def _():
    with lost_settings("# nothing\n"):
        assert "has no setting" in check_after("Region=eu-west-1\n")
        for good in None, "", "Region=us-east-1\n":
            assert "has no setting" not in check_after(good), good
        # The copy may be damaged, or of a later version.
        assert "it is not known whether the defaults are meant" in check_after("Rigion=eu-west-1\n")


def default_socket_serves():
    """An agent whose socket cannot be made serves the default one, and renews."""
    before = len(agent.log())
    agent.spawn(AgentSocket="/proc/nowhere/agent.sock")
    wait_for(lambda: "enveloped" in agent.log()[before:] and "serves /run/envelope/agent.sock" in agent.log()[before:]
             or agent.process.poll() is not None, why=agent.log)
    assert agent.process.poll() is None, agent.log()[-2000:]
    renewed()
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(PATIENCE) == 0


@test("without a last good configuration a socket that cannot be made gives way to the default one")
def _():
    agent.create("db1", one)
    agent.told_disks()
    assert agent.stop() == 0
    os.unlink(COPY)
    default_socket_serves()
    agent.start()


@test("a last good configuration whose socket cannot be made gives way to the default one, too")
def _():
    agent.create("db1", one)
    agent.told_disks()
    assert agent.stop() == 0
    with open(COPY, encoding="utf-8") as f:
        good = f.read()
    assert "\nAgentSocket=" in "\n" + good, good
    with open(COPY, "w", encoding="utf-8") as f:
        f.write(re.sub("(?m)^AgentSocket=.*", "AgentSocket=/proc/nowhere/agent.sock", good))
    default_socket_serves()
    agent.start()


@test("an agent that was started without standard files opens no file under their numbers, and logs nothing into it")
def _():
    agent.stop()
    agent.process = subprocess.Popen(["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", *agent.enveloped()], env=agent.environment)
    wait_for(lambda: agent.cli("describe").returncode == 0 or agent.process.poll() is not None)
    files = [os.readlink(f"/proc/{agent.process.pid}/fd/{number}") for number in range(3)]
    assert files == ["/dev/null"] * 3, files
    agent.restart()


finish()
