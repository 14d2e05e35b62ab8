# SPDX-License-Identifier: MIT
#
# With temporary credentials the principal is the role, not its access key of the hour. STS is played by
# credential_server.py. The embedded KMS knows no session tokens, so a server in between takes a call that
# is signed with a token, and passes it on with the long-lived keys of one of the KMS's principals.

import http.server
import os
import socketserver
import threading

from agent_suite import LOST, agent, finish, one, test
from credential_server import ROLE, CredentialServer
from wait import wait_for

agent.kms.add_stranger()  # known to it, and denied
agent.kms.restart()
KEYS = {name: (p["aws_access_key_id"], p["aws_secret_access_key"]) for name, p in agent.kms.profiles.items()}
server = CredentialServer(KEYS["enveloped"])
os.environ["AWS_ENDPOINT_URL_STS"] = server.url
SOURCE = "AKIASOURCESOURCE0001", "source-secret"
NAMED = ROLE.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")


class Between(http.server.BaseHTTPRequestHandler):
    """Access key -> the principal of the KMS that its calls are made as."""

    principals = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        access = self.headers["Authorization"].split("Credential=")[1].split("/")[0]
        assert self.headers["X-Amz-Security-Token"] == f"token of {access}"

        def with_nonce(headers, signed):
            headers["X-Envelope-Nonce"] = self.headers["X-Envelope-Nonce"]
            return signed

        reply = agent.kms.call("", target=self.headers["X-Amz-Target"], body=body, transport="unix",
                               profile=self.principals[access], bend=with_nonce)
        self.send_response(reply.status)
        for name in "x-amzn-errortype", "x-envelope-kms-id", "Content-Type":
            if reply.headers.get(name):
                self.send_header(name, reply.headers[name])
        self.send_header("Content-Length", str(len(reply.text.encode())))
        self.end_headers()
        self.wfile.write(reply.text.encode())

    def address_string(self):
        return "unix"

    def log_message(self, *arguments):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


BETWEEN = f"{agent.kms.dir}/between"
between = UnixServer(BETWEEN, Between)
os.chmod(BETWEEN, 0o666)
threading.Thread(target=between.serve_forever, daemon=True).start()


def write(text):
    path = f"{agent.dir}/profiles"
    with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


def keys_of(name, keys, more=""):
    return f"[{name}]\naws_access_key_id={keys[0]}\naws_secret_access_key={keys[1]}\n{more}"


def reason(name):
    return agent.clusters()[name]["StatusReason"]


def stopped(*names):
    """The denial has stopped the cluster for its principal's sake, and names these."""
    wait_for(lambda: agent.status("db1") not in ("available", f"{LOST}-recoverable"))
    assert agent.status("db1") == "stopped", f"a denial of another principal ended it: {agent.status('db1')}"
    assert reason("db1").startswith("other-principal: "), reason("db1")
    for name in names:
        assert name in reason("db1"), (name, reason("db1"))


# ---------------------------------------------------------------- a role that is assumed

ASSUMED = {"CredentialsFile": write(f"[enveloped]\nrole_arn={ROLE}\nsource_profile=source\n" + keys_of("source", SOURCE))}
server.known = {SOURCE[0]: (SOURCE[1], "")}


@test("a role with a new access key is the same principal: a denial is a verdict")
def _():
    server.keys = KEYS["enveloped"]
    agent.restart(**ASSUMED)
    agent.create("db1", one)
    server.keys = KEYS["stranger"]
    agent.restart(**ASSUMED)
    wait_for(lambda: agent.status("db1") not in ("available", f"{LOST}-recoverable"))
    assert agent.status("db1") == LOST, f"the role was taken for another principal: {reason('db1')}"
    assert not server.refused, server.refused


@test("a role that was made again is another principal: a denial stops the cluster, and names both")
def _():
    server.keys = KEYS["enveloped"]
    agent.restart(**ASSUMED)
    agent.create("db1", one)
    server.keys, before = KEYS["stranger"], server.role_id
    server.role_id = "AROAANOTHERANOTHER001"
    agent.restart(**ASSUMED)
    stopped(f"gave the key last to {NAMED} ({before})", f"denies it to {NAMED} ({server.role_id})")


# ---------------------------------------------------------------- a file with a session token


def temporary(access, principal):
    """Temporary keys in the file, of a session that the KMS judges as `principal`."""
    keys = access, f"secret of {access}"
    server.known[access] = keys[1], f"token of {access}"
    Between.principals[access] = principal
    return write(keys_of("enveloped", keys, f"aws_session_token=token of {access}\n"))


@test("keys with a session token belong to the role that STS names")
def _():
    agent.restart(KmsEndpoint=f"unix:{BETWEEN}", CredentialsFile=temporary("ASIATEMPORARY000001", "enveloped"))
    agent.create("db1", one)
    assert server.given.count("GetCallerIdentity") >= 1 and not server.refused, (server.given, server.refused)
    asked = len(server.given)
    renewed = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) > renewed + 2)
    assert len(server.given) == asked, "STS was asked again for the same keys"
    temporary("ASIATEMPORARY000002", "stranger")
    wait_for(lambda: agent.status("db1") not in ("available", f"{LOST}-recoverable"))
    assert agent.status("db1") == LOST, f"the role was taken for another principal: {reason('db1')}"


@test("credentials that the file corrects count at once, although STS has said whose they are")
def _():
    access = "ASIATEMPORARY000005"
    agent.restart(KmsEndpoint=f"unix:{BETWEEN}", CredentialsFile=temporary(access, "enveloped"))
    agent.create("db1", one)
    for token, failing in ("wrong", True), (f"token of {access}", False):
        write(keys_of("enveloped", (access, f"secret of {access}"), f"aws_session_token={token}\n"))
        before = len(agent.records("Decrypt"))
        wait_for(lambda: len([r for r in agent.records("Decrypt")[before:] if failing == ("errorCode" in r)]) > 1)
    assert agent.status("db1") == "available"


@test("while STS says nothing, a new access key is another principal, and the journal says so")
def _():
    agent.restart(KmsEndpoint=f"unix:{BETWEEN}", CredentialsFile=temporary("ASIATEMPORARY000003", "enveloped"))
    agent.create("db1", one)
    server.status = 500
    temporary("ASIATEMPORARY000004", "stranger")
    stopped(f"gave the key last to {NAMED} ({server.role_id})", "denies it to ASIATEMPORARY000004")
    assert "STS does not say whose the credentials are" in agent.log()
    server.status = 200


finish()
