# SPDX-License-Identifier: MIT
#
# A user that can connect can try to keep others out: it holds every connection and sends a byte now
# and then. A stranger does so here, in a process of its own, while the agent's user renews and an
# administrator disables a key.

import json
import os
import pwd
import select
import signal
import socket
import stat
import sys
import time

from kms_daemon import Kms, b64
from tap import Tap
from wait import PATIENCE, wait_for

STRANGER = 54321
LIMIT = 256  # connections.h
PEER_MAX = 64

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test


def agent_user():
    """The user that userspace/worker/privileges.c chooses."""
    for name in ("envelope-kms-client", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("neither of the worker's users is there")


def as_user(uid, gid, function, *arguments):
    """Runs the function in a process of that user, and returns its result."""
    inward, outward = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(inward)
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            answer = function(*arguments)
        except Exception as e:  # pylint: disable=broad-except
            answer = f"{type(e).__name__}: {e}"
        with os.fdopen(outward, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(outward)
    with os.fdopen(inward) as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


# Begin of each connection of a flood. A byte at a time follows, so neither is complete for long.
HTTP_BEGIN = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Dribble: "
TLS_BEGIN = b"\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03\x03"  # a ClientHello of 16 KiB


class Flood:
    """A stranger's process that holds COUNT connections, and replaces those that it loses."""

    def __init__(self, address, begin, count, again=True):
        self.address, self.begin, self.count, self.again = address, begin, count, again
        self.held = {}
        self.lost = 0

    def __enter__(self):
        inward, outward = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setgroups([])
            os.setresgid(STRANGER, STRANGER, STRANGER)
            os.setresuid(STRANGER, STRANGER, STRANGER)
            self.hold(outward)
        os.close(outward)
        self.pipe = os.fdopen(inward)
        wait_for(lambda: self.begun(self.state()), step=0, why="the flood has not begun")
        return self

    def begun(self, state):
        """The flood has all connections that it can get; without AGAIN, it has opened COUNT."""
        if self.again:
            return state["held"] >= self.count or state["refused"] or state["lost"]
        return state["opened"] == self.count

    def state(self):
        """The newest report of the flood."""
        line = self.pipe.readline()
        while select.select([self.pipe], [], [], 0)[0]:
            line = self.pipe.readline()
        return json.loads(line)

    def __exit__(self, *_):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self.pipe.close()

    def open(self):
        made = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        made.settimeout(1)
        try:
            made.connect(self.address)
        except OSError:
            made.close()
            return False
        made.setblocking(False)
        try:
            made.sendall(self.begin)
        except OSError:
            pass  # the KMS has ended it already: hold() notices
        self.held[made.fileno()] = made
        return True

    def hold(self, out):
        refused, opened = 0, 0
        while True:
            while len(self.held) < self.count and (self.again or opened < self.count):
                if not self.open():
                    refused += 1
                    break
                opened += 1
            for number, held in list(self.held.items()):
                try:
                    held.send(b"x")
                    if select.select([held], [], [], 0)[0] and held.recv(1) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:
                    held.close()
                    del self.held[number]
                    self.lost += 1
            state = {"held": len(self.held), "opened": opened, "lost": self.lost, "refused": refused}
            os.write(out, (json.dumps(state) + "\n").encode())
            time.sleep(0.1)


def timed(function, *arguments, **how):
    begin = time.monotonic()
    function(*arguments, **how)
    return time.monotonic() - begin


kms.start()
os.chmod(kms.dir, 0o755)  # as /run/envelope-kms
agent = agent_user()
key = kms.new_key()["KeyId"]
blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"volume key")})["CiphertextBlob"]


def renew():
    """Renews a lease as the agent's worker does."""
    reply = kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": key, "DryRun": True}, transport="unix", profile="enveloped")
    return reply.error


def renews():
    answer = as_user(agent.pw_uid, agent.pw_gid, renew)
    assert answer == "DryRunOperationException", answer


def connect():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(kms.unix)
    return "connected"


@test("root and the agent's worker can connect to the unix socket, a stranger cannot")
def _():
    status = os.stat(kms.unix)
    assert stat.S_IMODE(status.st_mode) == 0o660 and status.st_gid == agent.pw_gid, status
    seen = as_user(STRANGER, STRANGER, connect)
    assert seen.startswith("PermissionError"), seen
    assert as_user(agent.pw_uid, agent.pw_gid, connect) == "connected"
    renews()


@test("a stranger who floods both sockets takes nothing from the agent")
def _():
    alone = max(timed(renews) for _i in range(3))
    with Flood(kms.unix, HTTP_BEGIN, LIMIT + 50) as local, \
            Flood(("127.0.0.1", kms.port), TLS_BEGIN, LIMIT + 50) as remote:
        took = max(timed(renews) for _i in range(10))
        # A busy machine is slow without a flood as well.
        assert took < max(5, 10 * alone), (took, alone)
        assert local.state()["held"] == 0, f"the stranger's flood holds {local.state()['held']} unix connections"
        assert remote.state()["held"] > LIMIT // 2


@test("half of a TLS handshake keeps no CPU busy")
def _():
    with socket.create_connection(("127.0.0.1", kms.port)) as half:
        half.sendall(TLS_BEGIN)
        # A busy loop never waits: the scheduler only takes its CPU away.
        waited = int(kms.status("voluntary_ctxt_switches").split()[1])
        time.sleep(5)
        waited = int(kms.status("voluntary_ctxt_switches").split()[1]) - waited
        assert waited > 20, waited
        kms.good("DescribeKey", {"KeyId": key})


def stopped_while_deaf(flood):
    """Stops the flood, then the KMS, if the KMS holds all connections that it may hold and waits."""
    os.kill(flood.pid, signal.SIGSTOP)
    wait_for(lambda: "S (sleeping)" in kms.status("State"), step=0.01)
    os.kill(kms.process.pid, signal.SIGSTOP)
    if kms.deaf():
        return True
    os.kill(kms.process.pid, signal.SIGCONT)
    os.kill(flood.pid, signal.SIGCONT)
    return False


@test("the KMS listens again after all connections ended in one moment")
def _():
    with Flood(("127.0.0.1", kms.port), TLS_BEGIN, LIMIT + 50) as flood:
        wait_for(lambda: stopped_while_deaf(flood), why="the KMS was never full")
    os.kill(kms.process.pid, signal.SIGCONT)
    kms.patience = 30  # a deaf server stays deaf
    kms.good("DescribeKey", {"KeyId": key})
    kms.patience = PATIENCE


@test("an administrator can still revoke over TCP during a flood")
def _():
    doomed = kms.new_key()["KeyId"]
    with Flood(("127.0.0.1", kms.port), TLS_BEGIN, LIMIT + 50) as flood:
        assert flood.state()["held"] > LIMIT
        kms.good("DisableKey", {"KeyId": doomed})
        wait_for(lambda: flood.state()["lost"], step=0, why="no connection of the flood was ended")
    assert "had sent no whole request" in kms.stderr()
    assert kms.good("DescribeKey", {"KeyId": doomed})["KeyMetadata"]["KeyState"] == "Disabled"


@test("a user other than the agent holds only a part of the unix socket's connections")
def _():
    os.chmod(kms.unix, 0o666)
    with Flood(kms.unix, HTTP_BEGIN, PEER_MAX + 40, again=False) as flood:
        wait_for(lambda: flood.state()["held"] <= PEER_MAX, step=0, why="the flood holds more than its part")
        state = flood.state()
        assert state["held"] == PEER_MAX and state["lost"] == 40, state
        renews()
    with Flood(kms.unix, HTTP_BEGIN, LIMIT + 50):
        for _i in range(5):
            renews()
    os.chmod(kms.unix, 0o660)


def hold_many():
    held = []
    for _i in range(2 * PEER_MAX):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(kms.unix)
        held[-1].sendall(HTTP_BEGIN)
    time.sleep(1)
    ended = select.select(held, [], [], 0)[0]
    return len(held) - len(ended)


@test("the connections of the agent's user are not limited")
def _():
    held = as_user(agent.pw_uid, agent.pw_gid, hold_many)
    assert held == 2 * PEER_MAX, held


@test("a request that takes half a minute is dropped, however steadily its bytes come")
def _():
    os.chmod(kms.unix, 0o666)
    begin = time.monotonic()
    with Flood(kms.unix, HTTP_BEGIN, 1, again=False) as flood:
        while flood.state()["held"] == 1 and time.monotonic() - begin < 45:
            pass
        assert 28 < time.monotonic() - begin < 45, time.monotonic() - begin
    os.chmod(kms.unix, 0o660)


@test("SIGTERM ends the KMS with status 0 and no sanitizer report")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
