# SPDX-License-Identifier: MIT
#
# The settings of envelope-kms, and the files that they name: checked before they count.

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from kms_daemon import ACCOUNT, REGION, Kms, Reply
from tap import Tap
from wait import PATIENCE, wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

CONF = f"{kms.dir}/kms.conf"
GOOD = {
    "Region": REGION, "AccountId": ACCOUNT, "ListenUnix": kms.unix, "ListenTcp": kms.port, "StateDirectory": kms.state,
    "RootKeyFile": kms.root_key, "CredentialsFile": kms.credentials, "AuditFile": kms.audit_file,
}

kms.arguments = lambda: [kms.program, f"--config={CONF}"]


def configure(*lines, **changed):
    """Writes kms.conf: a key a line, in the order of GOOD, then the lines."""
    with open(CONF, "w", encoding="utf-8") as f:
        f.writelines(f"{key}={value}\n" for key, value in {**GOOD, **changed}.items())
        f.writelines(f"{line}\n" for line in lines)


def check():
    """--check-config: (exit status, what is said). It must change nothing."""
    before = snapshot()
    done = subprocess.run([*kms.arguments(), "--check-config"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    changed = {path for path, what in before.items() ^ snapshot().items()}
    assert not changed, f"changed: {changed}"
    return done.returncode, done.stdout + done.stderr


def snapshot():
    """All that is below the folder of this run: path -> what would show a change."""
    seen = {}
    # A KMS that runs writes to its logs meanwhile. All readers of the store's log share its index.
    left_out = ("stderr", "-shm", "-wal") if kms.process and kms.process.poll() is None else ("stderr", "-shm")
    for folder, _, names in os.walk(kms.dir):
        for path in [folder, *(f"{folder}/{name}" for name in names if not name.endswith(left_out))]:
            st = os.lstat(path)
            text = b""
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    text = f.read()
            seen[path] = (st.st_ino, st.st_mode, st.st_mtime_ns, text)
    return seen


@contextlib.contextmanager
def replaced(path, text, mode=0o600):
    """A file has another text, or is missing (None)."""
    os.rename(path, f"{path}.kept")
    if text is not None:
        write(path, text, mode)
    yield
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.rename(f"{path}.kept", path)


def write(path, text, mode=0o600):
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def read(path):
    with open(path, "rb") as f:
        return f.read()


@test("--check-config before the first start: nothing is there, which is no fault, and nothing is made")
def _():
    configure(StateDirectory=f"{kms.dir}/new/state", RootKeyFile=f"{kms.dir}/new/root.key",
              CredentialsFile=f"{kms.dir}/new/credentials", AuditFile=f"{kms.dir}/new/log/audit.jsonl")
    status, said = check()
    assert (status, said.splitlines()[0]) == (0, "The configuration is valid."), (status, said)
    configure(StateDirectory=f"{CONF}/state")
    status, said = check()
    assert status == 2 and f"{CONF}/state: {CONF}: Not a directory" in said, (status, said)


configure()
kms.start()


@test("--check-config beside a running KMS: valid, and no file is changed")
def _():
    kms.new_key()
    configure()
    status, said = check()
    assert (status, said.splitlines()[0]) == (0, "The configuration is valid."), (status, said)
    kms.good("ListKeys")


@test("--check-config names every fault, with file and line, of the settings and of the credentials")
def _():
    configure("Nonsense=1", "no equals sign", "[section]", Region="US", ListenTcp="70000",
              AuditFile=f"{kms.dir}/state/ca.pem/audit")
    text = read(kms.credentials).decode() + "[short]\naws_access_key_id = x\n[half]\naws_account_id = 1\n"
    lines = text.count("\n")
    with replaced(kms.credentials, text):
        status, said = check()
    assert status == 2, (status, said)
    for fault in (
        f"{CONF}:1: Region 'US' is not a region. Give a name such as us-east-1.",
        f"{CONF}:4: '70000' is not a port.",
        f"{CONF}:9: Unknown key Nonsense.",
        f"{CONF}:10: Expected Key=value.",
        f"{kms.credentials}:{lines - 2}: aws_access_key_id must have 16 to 128 characters",
        f"{kms.credentials}:{lines}: aws_account_id must have 12 digits.",
        "state/ca.pem: Not a directory",
    ):
        assert said.count(fault) == 1, f"expected {fault}, seen {said}"
    assert "valid." not in said


@test("--check-config reads all that the settings name: root key, key store, certificate, credentials, trail, sockets")
def _():
    certificate, key = f"{kms.state}/ca.pem", f"{kms.state}/tls-key.pem"
    other = f"{kms.dir}/other"
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", other],
                   check=True, capture_output=True)
    configure()
    for path, text, mode, fault in (
        (kms.root_key, os.urandom(32), 0o600, "The root key does not open"),
        (kms.root_key, b"short", 0o600, "must have 32 bytes"),
        (kms.root_key, read(kms.root_key), 0o644, f"Run: chmod 600 {kms.root_key}"),
        (kms.root_key, None, 0, f"{kms.root_key} cannot be opened: No such file"),
        (f"{kms.state}/kms.sqlite", None, 0, "The key store"),
        (f"{kms.state}/kms.sqlite", "", 0o600, "is missing or an empty file"),
        (f"{kms.state}/kms.sqlite", "no database, but a text of some length" * 50, 0o600, "file is not a database"),
        (certificate, "nonsense", 0o644, f"{certificate} holds no certificate"),
        (key, "nonsense", 0o600, f"{key} holds no private key"),
        (key, read(other), 0o600, f"{key} is not the key of the certificate {certificate}"),
        (key, None, 0, f"{key} cannot be opened: No such file"),
        (kms.credentials, None, 0, f"{kms.credentials} cannot be read: No such file"),
        (kms.credentials, read(kms.credentials), 0o640, "Run chmod 600"),
        (kms.credentials, "[one]\naws_access_key_id = AKIA000000000001\n[two]\n\nx = y\n", 0o600, "profile [one] needs"),
        (kms.credentials, "[one]\naws_access_key_id = AKIA000000000001\n[two]\naws_secret_access_key = y\n", 0o600, "profile [two] needs"),
    ):
        with replaced(path, text, mode):
            status, said = check()
        assert status == 2 and said.count(fault) == 1, f"expected {fault}, seen {status} {said}"
    os.symlink(kms.audit_file, f"{kms.dir}/link")
    os.mkfifo(f"{kms.dir}/pipe")
    for changed, fault in (
        ({"AuditFile": f"{kms.dir}/link"}, "Too many levels of symbolic links"),
        ({"AuditFile": kms.state}, "Is a directory"),
        ({"AuditFile": f"{kms.dir}/pipe"}, "it is a pipe"),
        ({"AuditFile": f"{other}/audit"}, "Not a directory"),
        ({"ListenUnix": f"{other}/kms.sock"}, f"{other}: Not a directory"),
        ({"ListenUnix": "", "ListenTcp": 0}, "There is no socket to listen on"),
        ({"StateDirectory": f"{kms.dir}/elsewhere"}, f"The key store {kms.dir}/elsewhere/kms.sqlite is missing or an empty file"),
    ):
        configure(**changed)
        status, said = check()
        assert status == 2 and said.count(fault) == 1, f"expected {fault}, seen {status} {said}"
    configure()
    for option in "--init", "--new-store":
        status, said = kms.run("--check-config", option)
        assert status == 2 and "Give it without --init" in said, (status, said)


@test("--check-config leaves what a kill or a power cut has left to the next start")
def _():
    kms.new_key()
    kms.kill()
    killed, torn = shutil.copytree(kms.state, f"{kms.dir}/killed"), f"{kms.dir}/torn"
    kms.start()
    kms.stop()
    assert os.path.getsize(f"{killed}/kms.sqlite-wal") > 4096
    # As a version without a log leaves it.
    shutil.copytree(kms.state, f"{kms.dir}/older")
    db = sqlite3.connect(f"{kms.dir}/older/kms.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN")
    db.execute("CREATE TABLE torn (text)")
    for _ in range(100):
        db.execute("INSERT INTO torn VALUES (?)", ("x" * 5000,))
    shutil.copytree(f"{kms.dir}/older", torn)
    db.execute("ROLLBACK")
    db.close()
    assert os.path.getsize(f"{torn}/kms.sqlite-journal") > 512
    # A kill right behind the header of a new log, beside the index of the log before.
    begun = shutil.copytree(kms.state, f"{kms.dir}/begun")
    shutil.copy(f"{killed}/kms.sqlite-shm", begun)
    with open(f"{killed}/kms.sqlite-wal", "rb") as log, open(f"{begun}/kms.sqlite-wal", "wb") as header:
        header.write(log.read(32))
    for folder, index in (killed, True), (begun, True), (killed, False), (torn, False):
        if not index and os.path.exists(f"{folder}/kms.sqlite-shm"):
            os.unlink(f"{folder}/kms.sqlite-shm")
        configure(StateDirectory=folder)
        status, said = check()
        assert status == 0, (folder, index, status, said)
    status, said = kms.run("--init")
    assert status == 0, (status, said)
    configure()
    kms.start()


@test("--init, --new-store and a second KMS beside a running one: refused, and nothing is changed or made")
def _():
    configure()
    second = [f"--listen-unix={kms.dir}/second.sock", "--listen-tcp=0"]
    with replaced(f"{kms.state}/ca.pem", None), replaced(f"{kms.state}/kms.sqlite", None), replaced(kms.credentials, None):
        before = snapshot()
        for options in ["--init"], ["--init", "--new-store"], [*second, "--new-store"], second:
            status, said = kms.run(*options)
            assert status == 1 and f"Another envelope-kms runs with the key store in {kms.state}" in said, (options, status, said)
            assert snapshot() == before, f"{options} changed {snapshot().items() ^ before.items()}"
    kms.good("ListKeys")
    kms.good("ListKeys", transport="unix")
    kms.stop()
    assert kms.run("--init")[0] == 0
    kms.start()
    kms.kill()
    kms.start()


# ---------------------------------------------------------------- SIGHUP


def reloads():
    return [record for record in kms.audit() if record["eventName"] == "ConfigurationReload"]


def reload(*lines, **changed):
    """A changed kms.conf, and SIGHUP: the record of what came of it."""
    before = len(reloads())
    configure(*lines, **changed)
    kms.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(reloads()) > before or kms.process.poll() is not None)
    assert kms.process.poll() is None, f"SIGHUP ended the KMS: {kms.stderr()[-1000:]}"
    return reloads()[-1]


def logged(text):
    """The log may come after the record: a thread writes it."""
    wait_for(lambda: text in kms.stderr(), why=lambda: f"{text} is not in {kms.stderr()[-3000:]}")


def guest(name="guest"):
    """The credentials with one principal more."""
    key = f"AKIA{name.upper():0<16}"
    return read(kms.credentials).decode() + f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {name}s\n"


def interrupted(meanwhile, **how):
    """ListKeys over TLS; `meanwhile()` runs when half of the request is sent. Returns the reply."""

    def send(headers, body, transport="tls"):
        del kms.send  # `meanwhile()` may call, too
        connection = kms.connection(transport)
        connection.request("POST", "/", None, {**headers, "Content-Length": str(len(body))})
        connection.send(body[:10])
        meanwhile()
        connection.send(body[10:])
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    kms.send = send
    return kms.call("ListKeys", {"Limit": 100}, **how)


def polls():
    return sum(what == "anon_inode:[eventpoll]" for _, what in kms.descriptors())


def new_pair(name):
    """A certificate with its key, as an administrator makes them: the two texts."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{kms.dir}/{name}.key", "-out", f"{kms.dir}/{name}.pem"],
                   check=True, capture_output=True)
    return read(f"{kms.dir}/{name}.pem"), read(f"{kms.dir}/{name}.key")


@test("SIGHUP takes a new certificate; a call under way is answered on its connection, which then ends")
def _():
    configure()
    before = polls()
    certificate, key = new_pair("first")
    with contextlib.ExitStack() as stack:

        def renew():
            stack.enter_context(replaced(f"{kms.state}/ca.pem", certificate, 0o644))
            stack.enter_context(replaced(f"{kms.state}/tls-key.pem", key))
            assert "errorCode" not in reload(), reloads()[-1]
            kms.good("ListKeys")  # trusts the new certificate only
            assert polls() > before

        reply = interrupted(renew)
        assert reply.status == 200 and reply.headers["Connection"] == "close", (reply.status, reply.headers)
        wait_for(lambda: polls() == before)  # the old server is gone
        kms.good("ListKeys")
    assert "errorCode" not in reload(), reloads()[-1]
    kms.good("ListKeys")
    kms.good("ListKeys", transport="unix")
    wait_for(lambda: polls() == before)


def locked(path):
    """Does the KMS hold a lock on the file?"""
    inode = str(os.stat(path).st_ino)
    with open("/proc/locks", encoding="utf-8") as f:
        fields = [line.split() for line in f]
    return any(field[1] == "POSIX" and field[4] == str(kms.process.pid) and field[5].split(":")[2] == inode for field in fields)


@test("SIGHUP keeps sqlite's lock on the key store, so that a reader takes no log from the KMS, and no change is lost")
def _():
    database = f"{kms.state}/kms.sqlite"
    key = kms.new_key()["KeyId"]
    assert locked(database)
    assert "errorCode" not in reload(), reloads()[-1]
    assert locked(database), "SIGHUP dropped the lock"
    index = os.stat(f"{database}-shm").st_ino
    db = sqlite3.connect(database)
    assert db.execute("SELECT count(*) FROM keys").fetchone()[0] > 0
    db.close()
    assert os.path.exists(f"{database}-wal") and os.stat(f"{database}-shm").st_ino == index
    kms.good("DisableKey", {"KeyId": key})
    kms.kill()
    kms.start()
    assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Disabled"


@test("a profile without keys, such as a role of the agent, is no principal and no fault; half a pair is a fault")
def _():
    configure()
    with_keys = read(kms.credentials).decode()
    roles = ("[profile role]\nrole_arn = arn:aws:iam::111122223333:role/host\nsource_profile = enveloped\n"
             "[process]\ncredential_process = /usr/bin/true\naws_account_id = 111122223333\n[sso-session my sso]\nsso_region = us-east-1\n")
    for text in roles + with_keys, with_keys + roles:
        with replaced(kms.credentials, text):
            status, said = check()
            assert status == 0 and "The configuration is valid." in said, (status, said)
            note = f"{kms.credentials}: The profile [profile role] and 2 more have no pair of keys."
            assert said.count(note) == 1, said
            assert "errorCode" not in reload(), reloads()[-1]
            kms.good("ListKeys")
            kms.restart()
            assert kms.stderr().count(note) >= 1, kms.stderr()
            kms.good("ListKeys")
    for half in "aws_access_key_id = AKIA000000000001", "aws_secret_access_key = secret":
        with replaced(kms.credentials, with_keys + roles + f"[half]\n{half}\n"):
            status, said = check()
        assert status == 2 and said.count(f"{kms.credentials}: profile [half] needs") == 1, (status, said)
    with replaced(kms.credentials, roles):
        status, said = check()
    assert status == 2 and "names no principal" in said, (status, said)
    kms.restart()


@test("SIGHUP takes new principals, also from another file; one that was removed is refused from then on")
def _():
    keys = {"access_key": "AKIAGUEST00000000000", "secret_key": "guests"}
    kms.bad("UnrecognizedClientException", "ListKeys", **keys)
    write(f"{kms.dir}/others", guest())
    assert interrupted(lambda: reload(CredentialsFile=f"{kms.dir}/others"), **keys).status == 200
    kms.good("ListKeys", **keys)
    with replaced(f"{kms.dir}/others", read(kms.credentials)):
        reload(CredentialsFile=f"{kms.dir}/others")
        kms.bad("UnrecognizedClientException", "ListKeys", **keys)
        kms.good("ListKeys")
    assert "errorCode" not in reload()


@test("SIGHUP with a fault in the settings, or in a file that they name: refused, and the present ones stay in force")
def _():
    with open(f"{kms.dir}/stranger", "w", encoding="utf-8") as f:
        f.write(guest("else"))
    keys = {"access_key": "AKIAELSE000000000000", "secret_key": "elses"}

    def refused(fault, *lines, **changed):
        record = reload(*lines, **changed)
        assert record["errorCode"] == "InvalidConfiguration" and fault in record["errorMessage"], record
        logged(f"stays in force: {record['errorMessage']}")
        kms.good("ListKeys")
        kms.bad("UnrecognizedClientException", "ListKeys", **keys)

    os.chmod(f"{kms.dir}/stranger", 0o644)
    refused("Run chmod 600", CredentialsFile=f"{kms.dir}/stranger")
    os.chmod(f"{kms.dir}/stranger", 0o600)
    refused(f"{CONF}:9: Unknown key Rigion", "Rigion=us-east-1", CredentialsFile=f"{kms.dir}/stranger")
    refused(f"{CONF}:4: '70000' is not a port", CredentialsFile=f"{kms.dir}/stranger", ListenTcp=70000)
    with replaced(f"{kms.state}/tls-key.pem", new_pair("second")[1]), replaced(kms.credentials, guest("else")):
        refused("is not the key of the certificate")
    with replaced(kms.root_key, None):
        refused(f"{kms.root_key} cannot be opened", CredentialsFile=f"{kms.dir}/stranger")
    with replaced(kms.credentials, None):
        refused("cannot be read: No such file")
    assert "errorCode" not in reload()


@test("SIGHUP names the settings that take effect at the next restart, and keeps the present ones until then")
def _():
    record = reload(Region="eu-central-1", ListenTcp=0)
    assert record["serviceEventDetails"] == {"keptUntilRestart": ["Region", "ListenTcp"]}, json.dumps(record)
    logged(f"Region=eu-central-1 takes effect at the next restart of envelope-kms. Until then it is {REGION}.")
    logged(f"ListenTcp=0 takes effect at the next restart of envelope-kms. Until then it is {kms.port}.")
    kms.good("ListKeys")
    assert reload()["serviceEventDetails"] == {"keptUntilRestart": []}


@test("systemd learns when a reload begins and ends, and which fault refused it")
def _():
    path = f"{kms.dir}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(PATIENCE)

        def told(before):
            """The message that comes after those that begin with `before`."""
            while True:
                message = notify.recv(8192).decode()
                if not message.startswith(before):
                    return message

        kms.stop()
        os.environ["NOTIFY_SOCKET"] = path
        kms.start()
        del os.environ["NOTIFY_SOCKET"]
        assert told("WATCHDOG=1") == "READY=1"
        for lines, end in ([], "READY=1\nSTATUS="), (["Rigion=x"], f"READY=1\nSTATUS=The configuration is refused: {CONF}:9: Unknown key Rigion."):
            reload(*lines)
            begin = told("WATCHDOG=1")
            assert begin.startswith("RELOADING=1\nMONOTONIC_USEC="), begin
            message = told("WATCHDOG=1")
            assert message == end if not lines else message.startswith(end), message
        kms.stop()
    configure()
    kms.start()


@test("a removed access key is refused on the connection that it had; the connection stays")
def _():
    removed = {"access_key": "AKIAGUEST00000000000", "secret_key": "guests"}
    with replaced(kms.credentials, guest()):
        assert "errorCode" not in reload(), reloads()[-1]
        kept = {transport: kms.connection(transport) for transport in ("tls", "unix")}

        def on_kept(transport, **keys):
            headers, body = kms.signed("ListKeys", {}, transport, **keys)
            kept[transport].request("POST", "/", body, headers)
            response = kept[transport].getresponse()
            return Reply(response.status, response.headers, response.read())

        for transport, connection in kept.items():
            assert on_kept(transport, **removed).status == 200
            connection.auto_open = 0  # the next request must find the connection open
    begun = time.monotonic()
    configure()
    kms.process.send_signal(signal.SIGHUP)
    for transport, connection in kept.items():
        wait_for(lambda: on_kept(transport, **removed).error == "UnrecognizedClientException", step=0.01)
        tap.comment(f"{transport}: refused {time.monotonic() - begun:.3f} s after SIGHUP")
        for _ in range(3):
            assert on_kept(transport).status == 200
            assert on_kept(transport, **removed).error == "UnrecognizedClientException"
        connection.close()


@test("a full disk below the audit trail does not keep an access key in force that was removed")
def _():
    keys = {"access_key": "AKIAGUEST00000000000", "secret_key": "guests"}
    write(f"{kms.dir}/others", guest())
    kms.stop()
    configure(AuditFile="/dev/full", CredentialsFile=f"{kms.dir}/others")
    kms.start()
    kms.bad("KMSInternalException", "ListKeys", **keys)
    configure(AuditFile="/dev/full")
    before = kms.stderr().count("has been read again")
    kms.process.send_signal(signal.SIGHUP)
    wait_for(lambda: kms.stderr().count("has been read again") > before)
    kms.bad("UnrecognizedClientException", "ListKeys", **keys)
    kms.stop()
    configure()
    kms.start()


kms.close()
sys.exit(tap.finish())
