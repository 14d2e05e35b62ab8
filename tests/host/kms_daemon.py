# SPDX-License-Identifier: MIT
#
# Starts envelope-kms in a scratch folder and calls it with requests that botocore signs, over TLS or
# the unix socket, good or changed on purpose.

import atexit
import base64
import contextlib
import datetime
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The TAP writer and wait_for() of all tests, for those that import this.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

from wait import PATIENCE, wait_for  # noqa: E402  pylint: disable=wrong-import-position

REGION = "us-east-1"
ACCOUNT = "123456789012"
STRANGER = "210987654321"


# Who ends the test early leaves no process, folder or loop device behind: atexit hears of an exit only.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode()
        self.json = json.loads(self.text) if self.text and "json" in headers["Content-Type"] else {}

    @property
    def error(self):
        return self.json.get("__type")

    @property
    def message(self):
        return self.json.get("message", "")


CHAIN_HEADS, CHAIN_HEADS_END = (8192, 12288), 16384  # in the counter's file: chain_head.h
TCP_LISTEN = "0A"  # as in /proc/net/tcp
REAL_TIME = datetime.datetime


def sign_at(offset):
    """The class that botocore asks for the time, moved by OFFSET seconds."""

    class Clock(REAL_TIME):
        @classmethod
        def utcnow(cls):
            return REAL_TIME.utcnow() + datetime.timedelta(seconds=offset)

    return Clock


class Kms:
    def __init__(self, program):
        self.program = program
        self.dir = tempfile.mkdtemp(prefix="envelope-kms-test-")
        self.state = f"{self.dir}/state"
        self.root_key = f"{self.dir}/root.key"
        self.credentials = f"{self.dir}/credentials"
        self.audit_file = f"{self.dir}/audit.jsonl"
        self.counter = f"{self.state}-counter/kms.counter"
        self.unix = f"{self.dir}/kms.sock"
        self.port = free_port()
        self.process = None
        self.first_start_makes_all = False
        self.patience = PATIENCE  # of a TLS client
        atexit.register(self.close)
        self.secrets = []  # every blob and plaintext seen, for the audit's search

    def arguments(self, **changed):
        options = {
            "state-dir": self.state,
            "root-key": self.root_key,
            "credentials": self.credentials,
            "audit-file": self.audit_file,
            "listen-unix": self.unix,
            "listen-tcp": str(self.port),
            "region": REGION,
            "account": ACCOUNT,
        }
        options.update({k.replace("_", "-"): v for k, v in changed.items()})
        return [self.program] + [f"--{k}={v}" for k, v in options.items()]

    def run(self, *extra, **changed):
        """Runs the program to its end: (status, stderr). One that serves has no end."""
        beside = self.process is not None and self.process.poll() is None
        with subprocess.Popen(self.arguments(**changed) + list(extra), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    said = process.communicate(timeout=0.2)[1]
                    return process.returncode, said
                except subprocess.TimeoutExpired:
                    serves = not beside and self.listens()
                    if serves or time.monotonic() > deadline:
                        process.kill()
                        raise AssertionError(f"envelope-kms {'serves' if serves else 'hangs'} where it should end") from None

    def admin(self, *words, **changed):
        """envelope-kms NOUN VERB: (status, stdout, stderr)."""
        program, *options = self.arguments(**changed)
        done = subprocess.run([program, *words, *options], capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def verify(self, *options, **changed):
        """What audit verify says, as JSON."""
        status, said, error = self.admin("audit", "verify", "--output", "json", *options, **changed)
        assert said, error
        verdict = json.loads(said)
        assert status == (0 if verdict["Whole"] else 1) and verdict["Whole"] == (not verdict["Faults"]), (status, said)
        return verdict

    def trust_agent(self, **changed):
        """In the credentials that the KMS makes, the agent has each right: most tests are not about the grant that it needs."""
        status, said = self.run("--init", **changed)
        assert status == 0, "envelope-kms did not start: " + said
        with open(self.credentials, encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith("envelope_rights")]
        with open(self.credentials, "w", encoding="utf-8") as f:
            f.writelines(lines)

    def start(self, **changed):
        if not os.path.exists(self.credentials) and not self.first_start_makes_all:
            self.trust_agent(**changed)
        with open(f"{self.dir}/stderr", "ab") as log:
            self.process = subprocess.Popen(self.arguments(**changed), stderr=log)
        wait_for(lambda: self.listens() or self.process.poll() is not None, step=0.02)
        if self.process.poll() is not None:
            raise AssertionError("envelope-kms did not start: " + self.stderr())
        self.read_credentials()

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return os.path.exists(self.credentials)

    def descriptors(self):
        """The KMS's open files: (number, what it is)."""
        for number in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                yield number, os.readlink(f"/proc/{self.process.pid}/fd/{number}")
            except FileNotFoundError:
                pass

    def deaf(self):
        """Has the KMS stopped to listen for TCP, because it has as many connections as it may have?"""
        with open("/proc/net/tcp", encoding="ascii") as f:
            sockets = [line.split() for line in f]
        listening = {f"socket:[{s[9]}]" for s in sockets if s[3] == TCP_LISTEN}
        opened = list(self.descriptors())
        watched = set()
        for number, what in opened:
            if what == "anon_inode:[eventpoll]":
                with open(f"/proc/{self.process.pid}/fdinfo/{number}", encoding="ascii") as f:
                    watched |= {line.split()[1] for line in f if line.startswith("tfd:")}
        return not any(what in listening and number in watched for number, what in opened)

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            return next(line for line in f if line.startswith(field + ":"))

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return None
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()

    def another(self):
        """A KMS of its own, not started, that knows the same callers."""
        kms = Kms(self.program)
        os.chmod(kms.dir, 0o755)
        shutil.copy(self.credentials, kms.credentials)
        return kms

    def end_cleanly(self):
        """The last test of a suite: SIGTERM, status 0, and no report of a sanitizer."""
        status = self.stop()
        assert status == 0, f"{status}: {self.stderr()[-3000:]}"
        assert "Sanitizer" not in self.stderr() and "runtime error" not in self.stderr()

    def restart(self):
        assert self.stop() == 0
        self.start()

    def close(self):
        """Leaves nothing behind, also not what a test has mounted in the folder."""
        if self.process:
            self.kill()
            self.process = None
        if not os.path.exists(self.dir):
            return
        with open("/proc/self/mounts", encoding="utf-8") as f:
            mounts = [line.split()[1] for line in f]
        for mount in reversed([m for m in mounts if m.startswith(f"{self.dir}/")]):
            subprocess.run(["umount", "-l", mount], check=True)
        shutil.rmtree(self.dir)

    def stderr(self):
        with open(f"{self.dir}/stderr", encoding="utf-8", errors="replace") as log:
            return log.read()

    def add_user(self, name):
        """A principal of this KMS's account."""
        with open(self.credentials, "a", encoding="utf-8") as f:
            f.write(f"[{name}]\naws_access_key_id = AKIA{name.upper():0<16}\naws_secret_access_key = {name}s-secret\n")

    def add_stranger(self):
        """A principal of another account."""
        with open(self.credentials, "a", encoding="utf-8") as f:
            f.write(
                "[stranger]\naws_access_key_id = AKIASTRANGER00000001\n"
                f"aws_secret_access_key = strangers-secret\naws_account_id = {STRANGER}\n"
            )

    def read_credentials(self):
        self.profiles = {}
        with open(self.credentials, encoding="utf-8") as f:
            for line in f:
                line = line.strip()
                if line.startswith("["):
                    name = line[1:-1]
                    self.profiles[name] = {}
                elif "=" in line:
                    key, value = line.split("=", 1)
                    self.profiles[name][key.strip()] = value.strip()

    def connection(self, transport):
        if transport == "unix":
            return UnixConnection(self.unix)
        context = ssl.create_default_context(cafile=f"{self.state}/ca.pem")
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=self.patience)

    def signed(self, operation, params=None, transport="tls", profile="admin", clock=0, region=REGION,
               service="kms", access_key=None, secret_key=None, token=None, target=None, body=None,
               content_type="application/x-amz-json-1.1"):
        """A signed request: (headers, body)."""
        body = json.dumps(params or {}).encode() if body is None else body
        keys = self.profiles[profile]
        credentials = botocore.credentials.Credentials(
            access_key or keys["aws_access_key_id"], secret_key or keys["aws_secret_access_key"], token
        )
        headers = {
            "Content-Type": content_type,
            "X-Amz-Target": target or f"TrentService.{operation}",
            # As SDKs do: two calls in a second have two signatures.
            "amz-sdk-invocation-id": str(uuid.uuid4()),
        }
        url = f"https://127.0.0.1:{self.port}/" if transport == "tls" else "http://localhost/"
        request = botocore.awsrequest.AWSRequest("POST", url, data=body, headers=headers)
        botocore.auth.datetime.datetime = sign_at(clock)
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
        return dict(request.headers.items()), body

    def call(self, operation, params=None, transport="tls", bend=None, **how):
        """One call; `bend(headers, body)` may change the signed request and returns the body."""
        headers, body = self.signed(operation, params, transport, **how)
        if bend:
            body = bend(headers, body)
        return self.send(headers, body, transport)

    def send(self, headers, body, transport="tls", method="POST", path="/"):
        connection = self.connection(transport)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        finally:
            connection.close()
        for name in ("CiphertextBlob", "Plaintext", "CiphertextForRecipient"):
            if name in reply.json:
                self.secrets.append(reply.json[name])
        return reply

    def signed_form(self, body, service="iam", **how):
        """A request of the Query protocol, whose form is a dictionary or raw bytes: (headers, body)."""
        body = body if isinstance(body, bytes) else urllib.parse.urlencode(body).encode()
        return self.signed("", service=service, body=body, content_type="application/x-www-form-urlencoded", **how)

    def form(self, service, action, version="2010-05-08", **params):
        """One call of the Query protocol, of IAM or STS."""
        return self.send(*self.signed_form({"Action": action, "Version": version, **params}, service))

    def good(self, operation, params=None, **how):
        reply = self.call(operation, params, **how)
        assert reply.status == 200, f"{operation}: {reply.status} {reply.text}"
        return reply.json

    def bad(self, error, operation, params=None, status=None, **how):
        reply = self.call(operation, params, **how)
        assert reply.error == error, f"{operation}: expected {error}, seen {reply.status} {reply.text[:300]}"
        expected = status or (500 if error == "KMSInternalException" else 400)
        assert reply.status == expected, f"{operation}: expected HTTP {expected}, seen {reply.status}"
        return reply.message

    def new_key(self, **params):
        return self.good("CreateKey", params)["KeyMetadata"]

    def tamper(self, *statements):
        """Changes the key store behind the back of the KMS."""
        with contextlib.closing(sqlite3.connect(f"{self.state}/kms.sqlite")) as db, db:
            for sql in statements:
                assert db.execute(sql).rowcount != 0, sql

    def reseal(self, change):
        """Lets CHANGE alter the head of the key store, sealed as the KMS seals it. The KMS must be stopped."""
        with open(self.root_key, "rb") as f:
            root = AESGCM(f.read())
        with contextlib.closing(sqlite3.connect(f"{self.state}/kms.sqlite")) as db, db:
            head = json.loads(db.execute("SELECT record FROM store").fetchone()[0])
            change(head)
            record, nonce = json.dumps(head), os.urandom(12)
            seal = nonce + root.encrypt(nonce, b"", record.encode())
            db.execute("UPDATE store SET record = ?, seal = ?", (record, seal))
        status, said = self.run("--accept-rollback")
        assert status == 0, said

    def pass_time(self, seconds):
        """Moves the clock of waiting periods. The KMS must be stopped."""
        self.reseal(lambda head: head.update(Clock=head["Clock"] + seconds))

    def audit(self):
        with open(self.audit_file, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def undone(self):
        """The marks of changes that a crash undid."""
        return [r["serviceEventDetails"] for r in self.audit() if r["eventName"] == "ChangeUndone"]

    def trail(self, path=None):
        """The lines of the audit trail, or of the file PATH of it, as they are."""
        with open(path or self.audit_file, "rb") as f:
            return f.read().splitlines(keepends=True)

    def write_trail(self, lines, path=None):
        with open(path or self.audit_file, "wb") as f:
            f.write(b"".join(lines))

    def chain_heads(self, contents=None):
        """The place of the heads of the trail's chain; CONTENTS take it."""
        with open(self.counter, "r+b") as f:
            f.seek(CHAIN_HEADS[0])
            return f.read(CHAIN_HEADS_END - CHAIN_HEADS[0]) if contents is None else f.write(contents)

    def leaked_nothing(self, least):
        """No secret of this run (there are more than LEAST) and no access key is in trail or log."""
        with open(self.audit_file, encoding="utf-8") as f:
            text = f.read() + self.stderr()
        assert len(self.secrets) > least, len(self.secrets)
        found = [s for s in self.secrets if len(s) > 8 and s in text]
        assert not found, found
        keys = [p["aws_secret_access_key"] for p in self.profiles.values()]
        assert not any(k in text for k in keys)
