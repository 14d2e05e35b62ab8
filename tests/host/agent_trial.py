# SPDX-License-Identifier: MIT
#
# A new configuration is tried before it counts: a reload that would ask another KMS, or as another principal, asks for
# the keys of the live clusters first. Two embedded KMSs; the second knows the agent, but not its keys.

import contextlib
import http.server
import os
import signal
import socketserver
import threading

from agent_suite import agent, finish, one, test
from wait import wait_for

NOWHERE = "unix:/nowhere/kms.sock"
other = agent.kms.another()
other.start()
GOOD, OTHER = f"unix:{agent.kms.unix}", f"unix:{other.unix}"
agent.kms.add_stranger()
agent.kms.restart()


class YesMan(http.server.BaseHTTPRequestHandler):
    """Says that it would decrypt, and has no key."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"__type":"DryRunOperationException","message":"yes"}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class BigHead(YesMan):
    """Its answer has a head that nobody takes."""

    def do_POST(self):
        with contextlib.suppress(OSError):  # the client has left
            super().do_POST()

    def send_response(self, *_):
        super().send_response(400)
        self.send_header("X-Large", "x" * 300000)


big_head = socketserver.ThreadingUnixStreamServer(f"{agent.dir}/head.sock", BigHead)
threading.Thread(target=big_head.serve_forever, daemon=True).start()
os.chmod(f"{agent.dir}/head.sock", 0o777)
yes_man = socketserver.ThreadingUnixStreamServer(f"{agent.dir}/yes.sock", YesMan)
os.chmod(f"{agent.dir}/yes.sock", 0o777)
threading.Thread(target=yes_man.serve_forever, daemon=True).start()


def wrong_secret():
    path = f"{agent.dir}/wrong"
    with open(agent.kms.credentials, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as g:
        g.write(f.read().replace("aws_secret_access_key", "aws_secret_access_key=wrong\n#"))
    os.chmod(path, 0o600)
    return path


def granted():
    """Answers of the agent's own KMS that the key may be used."""
    return len([r for r in agent.kms.audit() if r["eventName"] == "Decrypt" and r.get("errorCode") == "DryRunOperationException"])


def renewed():
    before = granted()
    wait_for(lambda: granted() > before + 1, why=agent.log)


def reloads():
    return len(agent.records("ConfigurationReload"))


@test("a reload whose KMS would not renew the live clusters is refused: they live on, and the fault is shown")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for changed, faults in [
        ({"KmsEndpoint": OTHER}, ("other-kms", "NotFoundException")),
        ({"KmsEndpoint": f"{GOOD} {OTHER}"}, ("other-kms", "NotFoundException")),
        ({"KmsEndpoint": f"unix:{agent.dir}/yes.sock"}, ("other-kms", "would give the key")),
        ({"Profile": "stranger"}, ("other-principal", "denies it to")),
        ({"CredentialsFile": wrong_secret()}, ("InvalidSignatureException",)),
        ({"KmsEndpoint": NOWHERE}, ("KMSUnreachable",)),
    ]:
        record = agent.reload(**changed)
        assert record.get("errorCode") == "InvalidConfiguration", f"{changed} has been taken over"
        for fault in "the live cluster db1", *faults:
            assert fault in record["errorMessage"], (fault, record["errorMessage"])
        assert record["errorMessage"] in agent.log()
        renewed()
        assert agent.status("db1") == "available" and agent.keys() == keys, changed
    agent.reload()
    assert agent.keys() == keys


@test("a reload whose KMS is the known one is taken over, also if one of its endpoints is silent")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for changed in {"KmsEndpoint": f"{NOWHERE} {GOOD}"}, {"CaFile": f"{agent.kms.state}/ca.pem"}, {}:
        record = agent.reload(**changed)
        assert "errorCode" not in record, record
        renewed()
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("a reload asks nothing if no live cluster is asked for differently; a restart takes over what a reload refuses")
def _():
    agent.create("db1", one)
    with agent.no_kms():
        record = agent.reload(LeaseSeconds=3000)
        assert "errorCode" not in record, record
    agent.restart(KmsEndpoint=NOWHERE)
    wait_for(lambda: "KMSUnreachable" in agent.volume("db1")["LastError"])
    assert agent.status("db1") == "available"
    agent.good("stop", "db1")
    for endpoint in OTHER, GOOD:
        record = agent.reload(KmsEndpoint=endpoint)
        assert "errorCode" not in record, record


@test("while the question waits the agent works on; a newer configuration does not wait for it, and its answer is too late")
def _():
    agent.create("db1", one)
    keys, before, late = agent.keys(), reloads(), len(agent.records("Decrypt", "NotFoundException"))
    other.process.send_signal(signal.SIGSTOP)
    try:
        agent.configure(KmsEndpoint=OTHER)
        agent.process.send_signal(signal.SIGHUP)
        renewed()
        assert reloads() == before, "the reload has not waited for the answer"
        record = agent.reload()
        assert "errorCode" not in record and reloads() == before + 1, record
    finally:
        other.process.send_signal(signal.SIGCONT)
    wait_for(lambda: len(agent.records("Decrypt", "NotFoundException")) > late, why=agent.log)
    renewed()
    assert reloads() == before + 1 and agent.status("db1") == "available" and agent.keys() == keys


@test("--check-config calls the KMS at each endpoint: one must answer, and none may refuse the credentials")
def _():
    knows = "The KMS at {} answers and knows the credentials."
    status, said = agent.check_config(call=True)
    assert status == 0 and knows.format(GOOD) in said, (status, said)
    status, said = agent.check_config(call=True, KmsEndpoint=f"{NOWHERE} {GOOD}")
    assert status == 0 and knows.format(GOOD) in said and f"The KMS at {NOWHERE}: KMSUnreachable" in said, (status, said)
    for changed, fault in [
        ({"KmsEndpoint": NOWHERE}, f"The KMS at {NOWHERE}: KMSUnreachable"),
        ({"KmsEndpoint": f"unix:{agent.dir}/head.sock"}, "the head of its answer is too large"),
        ({"CredentialsFile": wrong_secret()}, f"The KMS at {GOOD}: InvalidSignatureException"),
        ({"KmsEndpoint": f"{GOOD} {OTHER}", "CredentialsFile": wrong_secret()}, "InvalidSignatureException"),
        ({"KmsEndpoint": f"https://localhost:{agent.kms.port}"}, "KMSUnreachable"),  # a certificate that is not trusted
    ]:
        status, said = agent.check_config(call=True, **changed)
        assert status == 1 and fault in said and "--no-call" in said, (changed, status, said)
        assert agent.check_config(**changed) == (0, "The configuration is valid.\n"), "--no-call has called"
    agent.configure()


finish()
