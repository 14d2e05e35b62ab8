# SPDX-License-Identifier: MIT
#
# Several endpoints in KmsEndpoint=. Two servers of one KMS: the second has a copy of the key store and of its root
# key. A third server is another KMS, which knows the agent and has keys of its own.

import contextlib
import http.server
import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading

from agent_suite import LOST, agent, finish, one, test, two
from wait import PATIENCE, wait_for

twin, other = agent.kms.another(), agent.kms.another()
other.start()
NOWHERE = "unix:/nowhere/kms.sock"


def at(*servers):
    return " ".join(s if isinstance(s, str) else f"unix:{s.unix}" for s in servers)


def copy_store():
    """Makes the second server one of the first server's KMS as it is now."""
    assert agent.kms.stop() == 0
    if twin.process:
        assert twin.stop() == 0
        shutil.rmtree(twin.state)
        shutil.rmtree(f"{twin.state}-counter")
    shutil.copytree(agent.kms.state, twin.state)
    shutil.copytree(f"{agent.kms.state}-counter", f"{twin.state}-counter")
    shutil.copy(agent.kms.root_key, twin.root_key)
    agent.kms.start()
    twin.start()


def shared_key():
    """A key that both servers of the KMS have."""
    key = agent.kms.new_key()["KeyId"]
    copy_store()
    return key


def granted(kms):
    """Answers of this server that a key may be used."""
    return len([r for r in kms.audit() if r["eventName"] == "Decrypt" and r.get("errorCode") == "DryRunOperationException"])


def renewed_by(kms):
    before = granted(kms)
    wait_for(lambda: granted(kms) > before + 1, why=agent.log)


def reason():
    return agent.clusters()["db1"]["StatusReason"]


@contextlib.contextmanager
def endpoints(*servers, **changed):
    agent.restart(KmsEndpoint=at(*servers), **changed)
    try:
        yield
    finally:
        agent.remove_all()
        agent.restart()


@test("an endpoint that refuses the connection is passed over, and the journal says so once for each change")
def _():
    with endpoints(NOWHERE, agent.kms):
        agent.create("db1", one)
        renewed_by(agent.kms)
        renewed_by(agent.kms)
        says = f"The KMS is asked at {at(agent.kms)} from now on, in place of {NOWHERE}: "
        assert agent.log().count(says) == 1, agent.log()
        assert agent.volume("db1")["LastError"] == "", agent.volume("db1")


@test("a socket that nobody serves is called that, and not a host of AWS")
def _():
    dead, plain = f"{agent.dir}/dead.sock", f"{agent.dir}/plain"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(dead)
    open(plain, "w", encoding="utf-8").close()
    for path, word in (dead, "Connection refused"), (plain, "Connection refused"), ("/nowhere/kms.sock", "No such file or directory"):
        if path.startswith(agent.dir):
            os.chmod(path, 0o777)
        agent.restart(KmsEndpoint=f"unix:{path}")
        said = agent.bad("KMSUnreachable", "create", "db1", "--device", one.path, "--storage-encrypted")
        assert f"The KMS at {path} cannot be reached: {word}." in said and "amazonaws" not in said, said
    agent.restart()


@test("the second endpoint renews while the first one is down, and the first one is asked again when it is back")
def _():
    key = shared_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        renewed_by(agent.kms)
        keys, before = agent.keys(), granted(twin)
        assert before == 0, "the second endpoint was asked although the first one answers"
        agent.kms.stop()
        renewed_by(twin)
        agent.kms.start()
        renewed_by(agent.kms)
        wait_for(lambda: f"The KMS is asked at {at(agent.kms)} again, in place of {at(twin)}." in agent.log())
        assert agent.status("db1") == "available" and agent.keys() == keys


@test("the second endpoint is asked when the first one takes the call and is silent")
def _():
    key = shared_key()
    with endpoints(agent.kms, twin, KmsTimeoutSeconds=1):
        agent.create("db1", one, "--kms-key-id", key)
        keys = agent.keys()
        with agent.silent_kms():
            renewed_by(twin)
        assert agent.status("db1") == "available" and agent.keys() == keys


class Broken(http.server.BaseHTTPRequestHandler):
    """Fails, with a denial's name or another one."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        body = b'{"__type":"%s","message":"broken"}' % self.server.name
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def broken():
    path = f"{agent.dir}/broken.sock"
    with socketserver.ThreadingUnixStreamServer(path, Broken) as server:
        os.chmod(path, 0o777)
        server.endpoint, server.status, server.name, server.asked = f"unix:{path}", 400, b"DisabledException", 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            os.unlink(path)


@test("the second endpoint is asked when the first one is a broken server, with a status of 5xx")
def _():
    with broken() as server:
        for server.status in 500, 503:
            with endpoints(server.endpoint, agent.kms):
                agent.create("db1", one)
                renewed_by(agent.kms)
                assert agent.status("db1") == "available"


@test("an endpoint that answers and does not give keeps no call from the endpoints before it")
def _():
    with broken() as server, endpoints(agent.kms, server.endpoint, LeaseSeconds=30, RenewSeconds=10, KmsTimeoutSeconds=5):
        for server.name in b"ThrottlingException", b"DryRunOperationException":
            agent.create("db1", one)
            asked, keys = server.asked, agent.keys()
            os.rename(agent.kms.unix, f"{agent.kms.unix}.away")
            wait_for(lambda: server.asked > asked, why=agent.log)
            os.rename(f"{agent.kms.unix}.away", agent.kms.unix)
            renewed_by(agent.kms)
            assert agent.status("db1") == "available" and agent.keys() == keys, f"{server.name}: {reason()}"
            agent.remove_all()


@test("a denial at the second endpoint is a verdict when it is the same KMS")
def _():
    key = shared_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        twin.good("DisableKey", {"KeyId": key})
        agent.kms.stop()
        agent.wait_status("db1", LOST)
        agent.kms.start()


@test("a copy of the key store that is older than the key ends nothing, and the cluster starts when the present store answers")
def _():
    copy_store()
    key = agent.kms.new_key()["KeyId"]
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        renewed_by(agent.kms)
        agent.kms.stop()
        wait_for(lambda: agent.status("db1") != "available")
        assert agent.status("db1") == "stopped" and reason().startswith("older-kms: "), f"an older copy ended it: {reason()}"
        agent.kms.start()
        agent.good("start", "db1")


@test("an older copy of the key store, in which the key is enabled, undoes no refusal and gives no key, also to the next agent")
def _():
    key = shared_key()
    with endpoints(agent.kms, twin, RecoveryWindowSeconds=1):
        agent.create("db1", one, "--kms-key-id", key)
        agent.kms.good("DisableKey", {"KeyId": key})
        agent.wait_status("db1", f"{LOST}-recoverable")
        agent.kms.stop()
        agent.restart(KmsEndpoint=at(agent.kms, twin), RecoveryWindowSeconds=1)
        wait_for(lambda: agent.volume("db1")["LastError"].startswith("older-kms: ") or "recoverable" not in agent.status("db1"))
        assert agent.status("db1") == f"{LOST}-recoverable", f"an older copy undid the refusal: {reason()}"
        assert "older-kms: " in agent.bad("KMSUnreachable", "start", "db1")
        agent.kms.start()
        agent.wait_status("db1", LOST)


@test("no cluster is made at an older copy of the key store, also by the next agent, and nothing is written for it")
def _():
    key = shared_key()
    db2 = "db2", "--device", two.path, "--storage-encrypted", "--kms-key-id", key
    agent.kms.new_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)  # this host has seen the newest change
        agent.kms.stop()
        for restarted in False, True:
            if restarted:
                agent.restart(KmsEndpoint=at(agent.kms, twin))
            asked = len(agent.records("GenerateDataKeyWithoutPlaintext"))
            said = agent.bad("KMSUnreachable", "create", *db2)
            assert "older-kms: " in said, said
            assert len(agent.records("GenerateDataKeyWithoutPlaintext")) == asked, "the creation went on"
            assert not any(two.read()) and "db2" not in agent.clusters() and "envelope-db2" not in agent.devices()
        agent.kms.start()
        # A renewal of db1 may have taken its turn at the second endpoint just now.
        wait_for(lambda: agent.cli("create", *db2).returncode == 0, why=agent.log)


@test("a denial at the first endpoint is an answer: no other endpoint is asked")
def _():
    key = shared_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        before = len(twin.audit())
        agent.kms.good("DisableKey", {"KeyId": key})
        agent.wait_status("db1", LOST)
        assert len(twin.audit()) == before, "the second endpoint was asked after a denial"


@test("a denial at an endpoint of another KMS is no verdict: the cluster is stopped, and starts when its own KMS answers")
def _():
    key = shared_key()
    with endpoints(agent.kms, other):
        agent.create("db1", one, "--kms-key-id", key)
        renewed_by(agent.kms)
        agent.kms.stop()
        wait_for(lambda: agent.status("db1") != "available")
        assert agent.status("db1") == "stopped", f"another KMS ended it: {agent.status('db1')}"
        assert reason().startswith("other-kms: ") and "NotFoundException" in reason(), reason()
        agent.kms.start()
        agent.restart(KmsEndpoint=at(agent.kms, other))
        agent.good("start", "db1")


@test("credentials that the KMS refuses are an answer: no other endpoint is asked")
def _():
    wrong = f"{agent.dir}/wrong"
    with open(agent.kms.credentials, encoding="utf-8") as f, open(wrong, "w", encoding="utf-8") as g:
        g.write(f.read().replace("aws_secret_access_key", "aws_secret_access_key=wrong\n#"))
    os.chmod(wrong, 0o600)
    key = shared_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        agent.restart(KmsEndpoint=at(agent.kms, twin), CredentialsFile=wrong)
        refused = len(agent.records("Decrypt", "InvalidSignatureException"))
        before = len(twin.audit())
        wait_for(lambda: len(agent.records("Decrypt", "InvalidSignatureException")) > refused + 1)
        assert len(twin.audit()) == before and agent.status("db1") == "available"
        agent.reload(KmsEndpoint=at(agent.kms, twin))
        renewed_by(agent.kms)


@test("when all endpoints are silent nothing is decided, and the first to answer renews; also for a cluster's own list")
def _():
    key = shared_key()
    agent.create("db1", one, "--kms-key-id", key, "--kms-endpoint", at(NOWHERE, agent.kms, twin))
    agent.create("db2", two)
    assert agent.clusters()["db1"]["KmsEndpoint"] == at(NOWHERE, agent.kms, twin)
    keys = agent.keys()
    agent.kms.stop()
    renewed_by(twin)
    twin.stop()
    wait_for(lambda: agent.volume("db1")["LastError"].startswith("KMSUnreachable"))
    assert agent.status("db1") == agent.status("db2") == "available" and agent.keys() == keys
    twin.start()
    renewed_by(twin)
    agent.kms.start()
    wait_for(lambda: agent.volume("db2")["LastError"] == "")
    assert agent.status("db1") == agent.status("db2") == "available" and agent.keys() == keys


@test("each address is judged, and their silence together must leave time within a lease")
def _():
    for changed, fault in [
        ({"KmsEndpoint": at(agent.kms, "https://")}, "KmsEndpoint=https:// is not valid: the name of the host is missing"),
        ({"KmsEndpoint": at(agent.kms, "https://a:s3cret@kms")}, "it has user information"),
        ({"KmsEndpoint": "https://kms/a b"}, "it has a path"),
        ({"KmsEndpoint": " ".join(["https://kms"] * 9)}, "has 9 addresses. Give at most 8."),
        ({"KmsEndpoint": at(agent.kms, twin, other), "LeaseSeconds": 60, "RenewSeconds": 20, "KmsTimeoutSeconds": 14},
         "KmsTimeoutSeconds=14 for each of 3 endpoints must be less than 40 in all"),
    ]:
        status, said = agent.check_config(**changed)
        assert status == 2 and fault in said and "s3cret" not in said, (changed, status, said)
    for changed in [
        {"KmsEndpoint": at(agent.kms, twin, other), "LeaseSeconds": 60, "RenewSeconds": 20, "KmsTimeoutSeconds": 13},
        {"KmsEndpoint": f"  {at(agent.kms)}   https://kms:8443/ "},
    ]:
        assert agent.check_config(**changed)[0] == 0, changed
    agent.configure()
    agent.create("db1", one)
    said = agent.bad("InvalidParameterValue", "modify", "db1", "--kms-endpoint", " ".join([at(twin)] * 7 + ["https://"]))
    assert "the name of the host is missing" in said, said


@test("envelope check asks each endpoint, and names the one that does not answer")
def _():
    def found():
        done = subprocess.run([f"{agent.programs}/envelope", "check", "--output", "json", "--timeout", str(PATIENCE)],
                              env=dict(agent.environment, ENVELOPE_CONFIG=f"{agent.dir}/agent.conf"),
                              capture_output=True, text=True, check=False)
        return next(check for check in json.loads(done.stdout)["Checks"] if check["Check"] == "kms")

    key = shared_key()
    with endpoints(agent.kms, twin):
        agent.create("db1", one, "--kms-key-id", key)
        seen = found()
        assert seen["Status"] == "ok", seen
        for kms in agent.kms, twin:
            assert f"The KMS at {at(kms)} answers" in seen["Found"], seen
        twin.stop()
        seen = found()
        assert seen["Status"] == "failed" and f"At {at(twin)}: KMSUnreachable" in seen["Found"], seen
        assert f"The KMS at {at(agent.kms)} answers" in seen["Found"], seen
        twin.start()


finish()
