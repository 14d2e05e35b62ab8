# SPDX-License-Identifier: MIT
#
# The header of a volume names the KMS that gave its key last: a host without a catalog of the volume
# keeps the rules of verdicts. Two embedded KMSs; the second knows the agent, but not its keys.

import base64
import contextlib
import hashlib
import http.server
import json
import os
import socketserver
import sqlite3
import subprocess
import threading

from agent_daemon import luks
from agent_suite import LOST, agent, disable, finish, one, test
from wait import PATIENCE, wait_for

TOKEN = "envelope-kms"
THERE = "c" * 32

other = agent.kms.another()
other.start()
agent.kms.add_stranger()
agent.kms.restart()


def tokens():
    """Type -> (number, token) in the header of the first disk."""
    dump = json.loads(luks("luksDump", "--dump-json-metadata", one.device))
    return {token["type"]: (number, token) for number, token in dump["tokens"].items()}


def in_header():
    return tokens()[TOKEN][1]["kms"] if TOKEN in tokens() else None


def proof(kms):
    """What a KMS sends to prove its id."""
    def bend(headers, body):
        headers["X-Envelope-Nonce"] = "0" * 32
        return body

    return kms.call("ListKeys", bend=bend).headers["x-envelope-kms-id"]


def identity(kms):
    store, _, key, _ = proof(kms).split(" ")
    return f"envelope-kms {store} {hashlib.sha256(base64.b64decode(key)).hexdigest()[:32]}"


class Impostor(http.server.BaseHTTPRequestHandler):
    """Answers in place of a KMS."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        status, headers, text = self.server.answer(self.headers, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def impostor(answer):
    """A server that sends @answer(headers, body): (status, headers, text). Its address is in .endpoint."""
    path = f"{agent.dir}/impostor.sock"
    with socketserver.ThreadingUnixStreamServer(path, Impostor) as server:
        os.chmod(path, 0o777)
        server.answer, server.asked, server.endpoint = answer, 0, f"unix:{path}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            os.unlink(path)


def liar(lie):
    """A server that passes calls on to the other KMS, and sends @lie(ID CHANGE KEY SIGNATURE) in place of what that sends."""
    def answer(headers, body):
        reply = other.send(dict(headers.items()), body, "unix")
        return reply.status, {name: lie(value) if name == "x-envelope-kms-id" else value
                              for name, value in reply.headers.items()}, reply.text

    return impostor(answer)


def says_yes(_headers, _body):
    """A yes to a dry run, which needs no key, and no proof of who says it."""
    return 400, {}, '{"__type":"DryRunOperationException","message":"yes"}'


def forge(kind, **changed):
    """Writes another token of a kind into the header, as anybody who can write to the disk may."""
    number, token = tokens()[kind]
    luks("token", "import", "--token-replace", "--token-id", number, one.device, stdin=json.dumps(dict(token, **changed)))


def remove_token():
    """Makes the header that of an older agent."""
    luks("token", "remove", "--token-id", tokens()[TOKEN][0], one.device)


def reason():
    return agent.clusters()["db1"]["StatusReason"]


def stopped_cluster():
    """db1 under a key of its own, stopped."""
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.told_disks()
    return key


def lose_catalog(**changed):
    """The agent has lost its catalog, and takes the volume in from its header."""
    agent.kill()
    agent.lose_catalog()
    agent.start(**changed)
    wait_for(lambda: "db1" in agent.clusters(), why=agent.log)


def header(verb, file):
    done = subprocess.run([f"{agent.programs}/envelope", "header", verb, "--db-cluster-identifier", "db1", "--file", file],
                          capture_output=True, text=True, env=agent.environment, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"header {verb}: {done.stderr}"


@test("a new volume's header names the KMS; after the loss of the catalog another KMS ends nothing, and is named with the right one")
def _():
    stopped_cluster()
    assert in_header() == identity(agent.kms), in_header()
    lose_catalog(KmsEndpoint=f"unix:{other.unix}")
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert agent.status("db1") == "stopped", f"the other KMS ended it: {agent.status('db1')}"
    assert reason().startswith("other-kms: "), reason()
    assert identity(other) in reason() and f"but {identity(agent.kms)} gave it last" in reason(), reason()
    agent.restart()
    agent.good("start", "db1")


@test("after the loss of the catalog a denial of the header's KMS is a verdict, also for the next agent")
def _():
    key = stopped_cluster()
    lose_catalog()
    agent.restart()
    agent.kms.good("DisableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    agent.wait_status("db1", LOST)


@test("after the loss of the catalog a denial of access is no verdict: no principal of this host is known")
def _():
    stopped_cluster()
    lose_catalog(Profile="stranger")
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert agent.status("db1") == "stopped", f"a wrong profile ended it: {agent.status('db1')}"
    assert reason().startswith("other-principal: ") and "no grant" in reason(), reason()
    agent.restart()
    agent.good("start", "db1")


@test("a loss that is not confirmed yet keeps the rule on a host without a catalog: only its own KMS confirms it")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.restart(RecoveryWindowSeconds=3600)
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    agent.wait_status("db1", f"{LOST}-recoverable")
    agent.told_disks()
    lose_catalog(KmsEndpoint=f"unix:{other.unix}")
    asked = len(agent.records("Decrypt", "NotFoundException"))
    wait_for(lambda: len(agent.records("Decrypt", "NotFoundException")) > asked + 1, why=agent.log)
    assert agent.status("db1") == f"{LOST}-recoverable", f"the other KMS ended it: {agent.status('db1')}"
    agent.restart()
    agent.wait_status("db1", LOST)


@test("a server that claims the id of the cluster's key store proves nothing, and its denial ends no cluster")
def _():
    stopped_cluster()
    true = proof(agent.kms)
    uuid = true.split(" ")[0]
    lies = {
        "the id alone": lambda said: uuid,
        "the id before a proof of its own": lambda said: " ".join([uuid, *said.split(" ")[1:]]),
        "a proof that it saw": lambda said: true,
    }
    for name, lie in lies.items():
        with liar(lie) as server:
            agent.restart(KmsEndpoint=server.endpoint)
            agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
            assert agent.status("db1") == "stopped", f"{name}: it ended the cluster: {agent.status('db1')}"
            assert f"other-kms: envelope-kms {uuid}" in reason() and f"but {identity(agent.kms)} gave" in reason(), reason()
    agent.restart()
    agent.good("start", "db1")


@test("an answer that the KMS gave to another question, passed on with its proof, ends no cluster")
def _():
    stopped_cluster()

    def relay(headers, _):
        def bend(own, body):
            own["X-Envelope-Nonce"] = headers["X-Envelope-Nonce"]
            return body

        reply = agent.kms.call("DescribeKey", {"KeyId": "11111111-2222-3333-4444-555555555555"}, profile="stranger", bend=bend)
        assert "NotFoundException" in reply.text, reply.text
        return reply.status, {"x-envelope-kms-id": reply.headers["x-envelope-kms-id"]}, reply.text

    with impostor(relay) as server:
        agent.restart(KmsEndpoint=server.endpoint)
        agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
        assert agent.status("db1") == "stopped", f"it ended the cluster: {agent.status('db1')}"
        assert reason().startswith("other-kms: ") and f"but {identity(agent.kms)} gave" in reason(), reason()
    agent.restart()
    agent.good("start", "db1")


@test("a server that says yes without a proof renews no lease of a KMS that proves its id")
def _():
    agent.create("db1", one)
    with impostor(says_yes) as server:
        agent.restart(KmsEndpoint=server.endpoint)
        wait_for(lambda: server.asked > 2 and agent.volume("db1")["LastError"], why=agent.log)
        failed = agent.volume("db1")["LastError"]
        assert failed.startswith("other-kms: ") and f"but {identity(agent.kms)} gave" in failed, failed
    agent.restart()
    wait_for(lambda: agent.volume("db1")["LastError"] == "", why=agent.log)
    assert agent.status("db1") == "available"


@test("a server that says yes without a proof undoes no refusal")
def _():
    key = agent.kms.new_key()["KeyId"]
    with impostor(says_yes) as server:
        agent.restart(KmsEndpoint=f"unix:{agent.kms.unix} {server.endpoint}", RecoveryWindowSeconds=2)
        agent.create("db1", one, "--kms-key-id", key)
        disable(key)
        agent.wait_status("db1", f"{LOST}-recoverable")
        agent.kms.stop()
        asked = server.asked
        wait_for(lambda: server.asked > asked + 1, why=agent.log)
        assert agent.status("db1") == f"{LOST}-recoverable", f"it undid the refusal: {agent.status('db1')}"
        agent.kms.start()
        agent.wait_status("db1", LOST)


@test("an older catalog, which knows the id without its key, takes the proof for the same KMS")
def _():
    key = stopped_cluster()
    agent.kill()
    with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
        assert catalog.execute("SELECT kms FROM kms_grant").fetchone() == (identity(agent.kms),)
        catalog.execute("UPDATE kms_grant SET kms = ?", (identity(agent.kms).rsplit(" ", 1)[0],))
    agent.start()
    agent.kms.good("DisableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    agent.wait_status("db1", LOST)


@test("an older header gets the KMS at the next grant, of a start or of a renewal, and its hash stays")
def _():
    stopped_cluster()
    remove_token()
    agent.restart()
    agent.good("start", "db1")
    wait_for(lambda: in_header() == identity(agent.kms))
    agent.kill()
    remove_token()
    agent.start()
    wait_for(lambda: in_header() == identity(agent.kms))
    agent.good("stop", "db1")
    agent.good("start", "db1")


@test("a write-protected disk is not written to, and starts all the same")
def _():
    stopped_cluster()
    remove_token()
    before = one.read()
    subprocess.run(["blockdev", "--setro", one.device], check=True)
    try:
        agent.good("start", "db1")
        asked = len(agent.records("Decrypt"))
        wait_for(lambda: len(agent.records("Decrypt")) > asked + 1, why=agent.log)
        agent.good("stop", "db1")
        agent.told_disks()
        assert "is not recorded in the header" not in agent.log(), agent.log()
    finally:
        subprocess.run(["blockdev", "--setrw", one.device], check=True)
    assert one.read() == before


@test("the catalog counts on the host of the volume: a forged header neither ends a cluster nor saves one")
def _():
    key = stopped_cluster()
    forge(TOKEN, kms=identity(other))
    agent.restart(KmsEndpoint=f"unix:{other.unix}")
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    assert agent.status("db1") == "stopped", f"the header's KMS ended it: {agent.status('db1')}"
    assert f"but {identity(agent.kms)} gave it last" in reason(), reason()
    agent.restart()
    agent.good("start", "db1")
    wait_for(lambda: in_header() == identity(agent.kms), why=agent.log)
    agent.good("stop", "db1")
    forge(TOKEN, kms=identity(other))
    agent.kms.good("DisableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1")
    agent.wait_status("db1", LOST)


@test("the header counts when another host had the volume since: that host's KMS gave the key last")
def _():
    key = stopped_cluster()
    forge("envelope-owner", host=THERE)
    forge(TOKEN, kms=identity(other))
    agent.kms.good("DisableKey", {"KeyId": key})
    agent.bad("KMSKeyNotAccessibleFault", "start", "db1", "--take-over")
    assert agent.status("db1") == "stopped", f"the KMS of before ended it: {agent.status('db1')}"
    assert reason().startswith("other-kms: ") and f"but {identity(other)} gave it last" in reason(), reason()
    assert in_header() == identity(other), "a denial changed the header"
    agent.kms.good("EnableKey", {"KeyId": key})
    agent.good("start", "db1", "--take-over")
    wait_for(lambda: in_header() == identity(agent.kms), why=agent.log)


@test("a backup of the header has the KMS; one with an older KMS is restored, and the next grant corrects it")
def _():
    stopped_cluster()
    old, new = f"{agent.dir}/old.header", f"{agent.dir}/new.header"
    header("backup", new)
    forge(TOKEN, kms="envelope-kms of-old")
    header("backup", old)
    for file, kms in (old, "envelope-kms of-old"), (new, identity(agent.kms)):
        assert f'"kms":"{kms}"'.encode() in open(file, "rb").read()
    header("restore", new)
    assert in_header() == identity(agent.kms), in_header()
    header("restore", old)
    assert in_header() == "envelope-kms of-old", in_header()
    agent.good("start", "db1")
    wait_for(lambda: in_header() == identity(agent.kms), why=agent.log)


other.close()
finish()
