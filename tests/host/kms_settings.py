# SPDX-License-Identifier: MIT
#
# The settings of envelope-kms, and the files that they name: checked before they count.

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

from kms_daemon import ACCOUNT, REGION, Kms
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
    for folder, _, names in os.walk(kms.dir):
        for path in [folder, *(f"{folder}/{name}" for name in names)]:
            st = os.lstat(path)
            text = b""
            if os.path.isfile(path) and not path.endswith("/stderr"):
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
        (f"{kms.state}/kms.sqlite", "no database, but a text of some length" * 50, 0o600, "file is not a database"),
        (certificate, "nonsense", 0o644, f"{certificate} holds no certificate"),
        (key, "nonsense", 0o600, f"{key} holds no private key"),
        (key, read(other), 0o600, f"{key} is not the key of the certificate {certificate}"),
        (key, None, 0, f"{key} cannot be opened: No such file"),
        (kms.credentials, None, 0, f"{kms.credentials} cannot be read: No such file"),
        (kms.credentials, read(kms.credentials), 0o640, "Run chmod 600"),
        (kms.credentials, "[one]\naws_access_key_id = AKIA000000000001\n[two]\n\nx = y\n", 0o600, "profile [one] needs"),
        (kms.credentials, "[one]\naws_access_key_id = AKIA000000000001\n[two]\n\nx = y\n", 0o600, "profile [two] needs"),
    ):
        with replaced(path, text, mode):
            status, said = check()
        assert status == 2 and said.count(fault) == 1, f"expected {fault}, seen {status} {said}"
    os.symlink(kms.audit_file, f"{kms.dir}/link")
    for changed, fault in (
        ({"AuditFile": f"{kms.dir}/link"}, "Too many levels of symbolic links"),
        ({"AuditFile": kms.state}, "Is a directory"),
        ({"AuditFile": f"{other}/audit"}, "Not a directory"),
        ({"ListenUnix": f"{other}/kms.sock"}, f"{other}: Not a directory"),
        ({"ListenUnix": "", "ListenTcp": 0}, "There is no socket to listen on"),
        ({"StateDirectory": f"{kms.dir}/elsewhere"}, f"The key store {kms.dir}/elsewhere/kms.sqlite is missing"),
    ):
        configure(**changed)
        status, said = check()
        assert status == 2 and said.count(fault) == 1, f"expected {fault}, seen {status} {said}"
    configure()
    for option in "--init", "--new-store":
        status, said = kms.run("--check-config", option)
        assert status == 2 and "Give it without --init" in said, (status, said)


@test("--check-config leaves a change that a power cut interrupted to the next start")
def _():
    kms.stop()
    with sqlite3.connect(f"{kms.state}/kms.sqlite", isolation_level=None) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("CREATE TABLE torn (text)")
        for _ in range(100):
            db.execute("INSERT INTO torn VALUES (?)", ("x" * 5000,))
        shutil.copytree(kms.state, f"{kms.dir}/torn")
        db.execute("ROLLBACK")
    assert os.path.getsize(f"{kms.dir}/torn/kms.sqlite-journal") > 512
    configure(StateDirectory=f"{kms.dir}/torn")
    status, said = check()
    assert status == 0, (status, said)
    status, said = kms.run("--init")
    assert status == 0, (status, said)
    configure()
    kms.start()


@test("a key is made while a check or a backup reads the key store: the KMS waits for the end of the reading")
def _():
    replies = []
    db = sqlite3.connect(f"{kms.state}/kms.sqlite", isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM keys").fetchall()
    call = threading.Thread(target=lambda: replies.append(kms.call("CreateKey")))
    call.start()
    wait_for(lambda: replies or "nanosleep" in read(f"/proc/{kms.process.pid}/wchan").decode(), step=0.01)
    db.execute("COMMIT")
    db.close()
    call.join()
    assert replies[0].status == 200, replies[0].text


kms.close()
sys.exit(tap.finish())
