# SPDX-License-Identifier: MIT
#
# The files of envelope-kms: key store, root key, credentials, kms.conf. They are kept over a
# restart, and refused after somebody has changed them.

import contextlib
import http.client
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kms_daemon import Kms, b64, unb64
from tap import Tap
from wait import wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

KILLS = int(os.environ.get("ENVELOPE_KILLS", "8"))

kms.start()


def create_until_it_ends():
    with contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            kms.new_key()


@test("files are private: root key, credentials, key store, TLS key")
def _():
    for path in (kms.root_key, kms.credentials, f"{kms.state}/kms.sqlite", f"{kms.state}/tls-key.pem"):
        assert os.stat(path).st_mode & 0o077 == 0, path


@test("a restart keeps keys, states, aliases and ciphertexts; a kill loses nothing either")
def _():
    key = kms.new_key(Description="survivor")["KeyId"]
    kms.good("CreateAlias", {"AliasName": "alias/survivor", "TargetKeyId": key})
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"kept")})["CiphertextBlob"]
    kms.restart()
    assert unb64(kms.good("Decrypt", {"CiphertextBlob": blob})["Plaintext"]) == b"kept"
    assert kms.good("DescribeKey", {"KeyId": "alias/survivor"})["KeyMetadata"]["Description"] == "survivor"
    kms.good("DisableKey", {"KeyId": key})
    kms.kill()
    kms.start()
    kms.bad("DisabledException", "Decrypt", {"CiphertextBlob": blob})


@test("a database row altered to enable a disabled key: KMSInternalException, never a plaintext")
def _():
    key = kms.new_key()["KeyId"]
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": "eA=="})["CiphertextBlob"]
    kms.good("DisableKey", {"KeyId": key})
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        changed = db.execute("UPDATE keys SET record = replace(record, 'Disabled', 'Enabled') WHERE key_id = ?",
                             (key,)).rowcount
    assert changed == 1
    kms.bad("KMSInternalException", "Decrypt", {"CiphertextBlob": blob})
    kms.bad("KMSInternalException", "EnableKey", {"KeyId": key})
    kms.restart()
    kms.bad("KMSInternalException", "Decrypt", {"CiphertextBlob": blob})
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        db.execute("UPDATE keys SET record = replace(record, 'Enabled', 'Disabled') WHERE key_id = ?", (key,))
    kms.bad("DisabledException", "Decrypt", {"CiphertextBlob": blob})


@test("a row that is lost, or whose key id has a flipped bit, is no denial; a store without its head serves nothing")
def _():
    key = kms.new_key()["KeyId"]
    kms.good("CreateAlias", {"AliasName": "alias/lost", "TargetKeyId": key})
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": "eA=="})["CiphertextBlob"]
    flipped = chr(ord(key[0]) ^ 1) + key[1:]
    store = f"{kms.state}/kms.sqlite"
    for damage, repair in (
        (f"UPDATE keys SET key_id = '{flipped}' WHERE key_id = '{key}'", f"UPDATE keys SET key_id = '{key}' WHERE key_id = '{flipped}'"),
        (f"CREATE TABLE kept AS SELECT * FROM keys; DELETE FROM keys WHERE key_id = '{key}'",
         f"INSERT INTO keys SELECT * FROM kept WHERE key_id = '{key}'; DROP TABLE kept"),
    ):
        with sqlite3.connect(store) as db:
            db.executescript(damage)
        for restart in False, True:
            if restart:
                kms.restart()
            kms.bad("KMSInternalException", "Decrypt", {"CiphertextBlob": blob})
            kms.bad("KMSInternalException", "DescribeKey", {"KeyId": key})
            kms.bad("KMSInternalException", "DescribeKey", {"KeyId": "alias/lost"})
            kms.bad("KMSInternalException", "ListKeys")
            kms.bad("NotFoundException", "DescribeKey", {"KeyId": "00000000-0000-4000-8000-000000000000"})
        with sqlite3.connect(store) as db:
            db.executescript(repair)
        kms.good("Decrypt", {"CiphertextBlob": blob})
    kms.stop()
    shutil.copy(store, f"{kms.dir}/kept.sqlite")
    for lost in "store", "sets":
        with sqlite3.connect(store) as db:
            db.execute(f"DELETE FROM {lost}")
        for options in [], ["--init"], ["--init", "--new-store"], ["--check-config"]:
            status, said = kms.run(*options)
            assert status == 2 and f"{store} has lost " in said, (lost, options, status, said)
        shutil.copy(f"{kms.dir}/kept.sqlite", store)
    kms.start()
    kms.good("Decrypt", {"CiphertextBlob": blob})


def make_older():
    """The key store as a version without a set of keys has left it."""
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        record = json.loads(db.execute("SELECT record FROM store").fetchone()[0])
        record = json.dumps({"Record": "store", "Version": 2, "Id": record["Id"], "Clock": record["Clock"]}).encode()
        nonce = os.urandom(12)
        with open(kms.root_key, "rb") as f:
            seal = nonce + AESGCM(f.read()).encrypt(nonce, b"", record)
        db.execute("UPDATE store SET record = ?, seal = ?", (record.decode(), seal))
        for table in "materials", "grants", "users", "sets":
            db.execute(f"DROP TABLE {table}")
        db.execute("DROP INDEX keys_by_rotation")
        db.execute("ALTER TABLE keys DROP COLUMN rotation")


@test("a key store of an older version is upgraded once, with a record; without the record it stays as it was")
def _():
    key = kms.new_key()["KeyId"]
    kms.stop()
    make_older()
    os.unlink(f"{kms.state}-counter/kms.counter")
    assert kms.run("--init")[0] == 0  # as the unit does first: leaves the store to the KMS
    status, said = kms.run(audit_file="/dev/full")
    assert status == 1 and "audit trail cannot be written" in said, (status, said)
    for _ in range(2):
        kms.start()
        kms.stop()
        records = [r for r in kms.audit() if r["eventName"] == "UpgradeKeyStore"]
        assert len(records) == 1 and records[0]["eventType"] == "AwsServiceEvent", records
    details = records[0]["serviceEventDetails"]
    assert details["fromVersion"] == 2 and details["damagedRecords"] == 0 and details["keys"] >= 1, details
    kms.start()
    kms.good("DescribeKey", {"KeyId": key})


@test("half of a TLS pair, as a power cut leaves it, is made anew with the other half, and logged")
def _():
    for lone, missing in (("tls-key.pem", "ca.pem"), ("ca.pem", "tls-key.pem")):
        kms.stop()
        os.unlink(f"{kms.state}/{missing}")
        before = open(f"{kms.state}/{lone}", "rb").read()
        kms.start()
        kms.good("ListKeys")
        assert open(f"{kms.state}/{lone}", "rb").read() != before
        assert f"{lone} exists without {kms.state}/{missing}" in kms.stderr()
    # A whole pair stays.
    before = [open(f"{kms.state}/{name}", "rb").read() for name in ("tls-key.pem", "ca.pem")]
    kms.restart()
    assert [open(f"{kms.state}/{name}", "rb").read() for name in ("tls-key.pem", "ca.pem")] == before
    assert os.stat(f"{kms.state}/tls-key.pem").st_mode & 0o777 == 0o600


@test("another root key is refused at start; a missing one is not made anew over an old store")
def _():
    kms.stop()
    other = f"{kms.dir}/other.key"
    with open(other, "wb") as f:
        f.write(os.urandom(32))
    os.chmod(other, 0o600)
    status, text = kms.run(root_key=other)
    assert status == 2 and "does not open" in text, (status, text)
    missing = f"{kms.dir}/missing.key"
    status, text = kms.run(root_key=missing)
    assert status == 2 and "missing" in text and not os.path.exists(missing), (status, text)
    os.chmod(other, 0o644)
    status, text = kms.run(root_key=other)
    assert status == 2 and "chmod 600" in text, (status, text)
    with open(other, "wb") as f:
        f.write(b"short")
    os.chmod(other, 0o600)
    status, text = kms.run(root_key=other)
    assert status == 2 and "32 bytes" in text, (status, text)
    kms.start()


@test("a lost key store is not replaced by an empty one, which would deny every key")
def _():
    kms.stop()
    os.rename(f"{kms.state}/kms.sqlite", f"{kms.state}/lost")
    status, text = kms.run()
    assert status == 2 and "key store" in text and "--new-store" in text, (status, text)
    assert kms.run("--init")[0] == 2
    assert not os.path.exists(f"{kms.state}/kms.sqlite")
    # A file that a failed disk or a failed copy left without its contents.
    open(f"{kms.state}/kms.sqlite", "w", encoding="ascii").close()
    status, text = kms.run("--init")
    assert status == 2 and "empty file" in text and not os.path.getsize(f"{kms.state}/kms.sqlite"), (status, text)
    assert kms.run("--init", "--new-store")[0] == 0
    os.unlink(f"{kms.state}/kms.sqlite")
    os.rename(f"{kms.state}/lost", f"{kms.state}/kms.sqlite")
    # The new store was counted meanwhile.
    assert kms.run()[0] == 2
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()


@test("an old copy of the key store serves nothing until an administrator accepts it, which is recorded")
def _():
    store, old, new = f"{kms.state}/kms.sqlite", f"{kms.dir}/old.sqlite", f"{kms.dir}/new.sqlite"
    key = kms.new_key()["KeyId"]
    kms.stop()
    shutil.copy(store, old)
    kms.start()
    kms.good("DisableKey", {"KeyId": key})
    kms.stop()
    shutil.copy(store, new)
    shutil.copy(old, store)
    for _ in range(2):
        status, said = kms.run()
        assert status == 2 and "is an old copy" in said and "--accept-rollback" in said, (status, said)
    # The present one needs no answer.
    shutil.copy(new, store)
    kms.start()
    assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Disabled"
    kms.stop()
    shutil.copy(old, store)
    assert kms.run("--accept-rollback", audit_file="/dev/full")[0] == 1
    assert kms.run()[0] == 2
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()
    assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Enabled"
    record = [r for r in kms.audit() if r["eventName"] == "AcceptRollback"][-1]
    assert record["serviceEventDetails"]["storeChange"] < record["serviceEventDetails"]["counterChange"], record
    # From now on the other one is the old one.
    kms.stop()
    shutil.copy(store, old)
    shutil.copy(new, store)
    assert kms.run()[0] == 2
    shutil.copy(old, store)
    os.unlink(f"{kms.state}-counter/kms.counter")
    status, said = kms.run()
    assert status == 2 and "counter" in said and "is lost" in said, (status, said)
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()


def change():
    """Number of the last change, as an agent sees it in the proof of an answer."""
    def bend(headers, body):
        headers["X-Envelope-Nonce"] = "0" * 32
        return body

    return int(kms.call("ListKeys", bend=bend).headers["x-envelope-kms-id"].split(" ")[1])


@test("an old copy of an older version is newer than what agents have seen, once it is accepted")
def _():
    kms.new_key()
    seen = change()
    assert seen > 1
    kms.stop()
    make_older()
    assert kms.run()[0] == 2
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()
    assert change() > seen, f"change {change()}, agents have seen {seen}"
    kms.good("ListKeys")


def one_change_behind(counter):
    """The counter as a kill between a change and its count leaves it: only the slot of the change before is whole."""
    with open(counter, "r+b") as f:
        numbers = []
        for slot in 0, 1:
            f.seek(slot * 4096)
            numbers.append(int(f.read(100).split()[1]))
        assert abs(numbers[0] - numbers[1]) == 1, numbers
        f.seek(numbers.index(max(numbers)) * 4096)
        f.write(bytes(200))


@test("a kill between the change and its counter locks nobody out")
def _():
    counter, store = f"{kms.state}-counter/kms.counter", f"{kms.state}/kms.sqlite"
    kms.new_key()
    kms.stop()
    shutil.copy(store, f"{kms.dir}/next.sqlite")
    one_change_behind(counter)
    shutil.copy(counter, f"{kms.dir}/counter")
    kms.start()
    kms.new_key()
    kms.stop()
    shutil.copy(f"{kms.dir}/counter", counter)  # two changes: no kill leaves that
    assert kms.run()[0] == 2
    shutil.copy(f"{kms.dir}/next.sqlite", store)
    kms.start()
    for _ in range(5):
        kms.kill()
        kms.start()
        kms.new_key()


@test("a change that a crash undid after its record is marked at the next start, once; no other change is")
def _():
    paths = kms.state, f"{kms.state}-counter"
    kms.restart()
    kms.good("DisableKey", {"KeyId": kms.new_key()["KeyId"]})
    before = kms.undone()
    for crash in False, True:
        for _ in range(2):
            (kms.kill if crash else kms.stop)()
            kms.start()
    assert kms.undone() == before, kms.undone()
    # A kill between record and change leaves the record alone.
    kms.stop()
    for path in paths:
        shutil.copytree(path, f"{kms.dir}/kept/{os.path.basename(path)}")
    kms.start()
    lost = kms.new_key()["KeyId"]
    kms.kill()
    for path in paths:
        shutil.rmtree(path)
        shutil.copytree(f"{kms.dir}/kept/{os.path.basename(path)}", path)
    recorded = kms.audit()[-1]
    assert recorded["eventName"] == "CreateKey" and "errorCode" not in recorded, recorded
    for _ in range(2):
        kms.start()
        kms.bad("NotFoundException", "DescribeKey", {"KeyId": lost})
        assert kms.undone() == [*before, {"undoneEventID": recorded["eventID"], "undoneEventName": "CreateKey",
                                      "undoneRequestID": recorded["requestID"]}], kms.undone()
        kms.kill()
    mark = [r for r in kms.audit() if r["eventName"] == "ChangeUndone"][-1]
    assert mark["resources"] == recorded["resources"], mark
    kms.start()
    kms.new_key()


def lines_of_trail():
    """The KMS may be in the middle of one more."""
    with open(kms.audit_file, "rb") as f:
        return f.read().count(b"\n")


@test("after kills at any moment each recorded key exists, or its record is marked as undone")
def _():
    start = len(kms.audit())
    for i in range(KILLS):
        thread = threading.Thread(target=create_until_it_ends)
        thread.start()
        seen = lines_of_trail()
        wait_for(lambda seen=seen: lines_of_trail() > seen + i % 3, step=0.001)
        kms.kill()
        thread.join()
        with open(kms.audit_file, "rb") as f:
            torn = not f.read().endswith(b"\n")
        assert not torn, "half a line"
        kms.start()
    keys = {key["KeyId"] for key in kms.good("ListKeys", {"Limit": 1000})["Keys"]}
    marked = {details["undoneEventID"] for details in kms.undone()}
    tap.comment(f"{len(marked)} changes undone by {KILLS} kills")
    for record in kms.audit()[start:]:
        if record["eventName"] == "CreateKey":
            made = record["responseElements"]["keyMetadata"]["keyId"] in keys
            assert made != (record["eventID"] in marked), (made, record)


@test("credentials that others can read, or that are incomplete, are refused at start")
def _():
    kms.stop()
    bad = f"{kms.dir}/bad-credentials"
    for text, says, mode in (("", "names no principal", 0o600), ("[a]\naws_access_key_id=AKIA000000000001\n", "needs", 0o600),
                             ("[a b]\naws_access_key_id=AKIA0000000000001\naws_secret_access_key=abcdefgh\n", "profile name", 0o600), ("[a]\nx\n", "Key=value", 0o600),
                             ("[a]\n", "chmod 600", 0o644)):
        with open(bad, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(bad, mode)
        status, error = kms.run(credentials=bad)
        assert status == 2 and says in error, (text, status, error)
    kms.start()


@test("a second KMS on the same socket is refused and the first keeps serving")
def _():
    status, text = kms.run(listen_tcp="0", state_dir=f"{kms.dir}/second", root_key=f"{kms.dir}/second.key")
    assert status == 2 and "Address already in use" in text, (status, text)
    kms.good("ListKeys", transport="unix")


@test("--init makes missing files, and does no harm twice; --help and --version; bad usage exits 2")
def _():
    paths = {"state_dir": f"{kms.dir}/new/state", "root_key": f"{kms.dir}/new/etc/root.key",
             "credentials": f"{kms.dir}/new/etc/credentials", "audit_file": f"{kms.dir}/new/log/audit"}
    status, text = kms.run("--init", **paths)
    assert status == 0, text
    before = {p: open(p, "rb").read() for p in (paths["root_key"], paths["credentials"], paths["state_dir"] + "/ca.pem")}
    assert len(before[paths["root_key"]]) == 32 and b"[enveloped]" in before[paths["credentials"]]
    status, text = kms.run("--init", **paths)
    assert status == 0 and all(open(p, "rb").read() == b for p, b in before.items())
    secret = [line.split()[-1] for line in before[paths["credentials"]].decode().splitlines() if "secret" in line]
    assert len(set(secret)) == 2 and not any(s in text for s in secret)
    for option, says in (("--help", "Usage: envelope-kms"), ("--version", "envelope-kms ")):
        done = subprocess.run([kms.program, option], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and says in done.stdout
    for wrong in (["--nonsense"], ["extra"], ["--listen-tcp=70000"], ["--region=US"], ["--account=1"],
                  ["--config=/nonexistent"], ["--listen-unix=", "--listen-tcp=0"]):
        status, text = kms.run(*wrong, **paths)
        assert status == 2 and text, (wrong, status, text)


@test("kms.conf is read, the command line wins, a wrong line is named")
def _():
    conf = f"{kms.dir}/kms.conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f"# test\nRegion=eu-central-1\nStateDirectory={kms.dir}/conf-state\nRootKeyFile={kms.dir}/conf.key\n"
                f"CredentialsFile={kms.dir}/conf-credentials\nAuditFile={kms.dir}/conf-audit\n")
    done = subprocess.run([kms.program, f"--config={conf}", "--init", f"--root-key={kms.dir}/line.key"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.path.exists(f"{kms.dir}/line.key") and not os.path.exists(f"{kms.dir}/conf.key")
    assert "eu-central-1" in open(f"{kms.dir}/conf-credentials", encoding="utf-8").read()
    with open(conf, "a", encoding="utf-8") as f:
        f.write("Nonsense=1\n")
    done = subprocess.run([kms.program, f"--config={conf}", "--init"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"{conf}:7: Unknown key Nonsense" in done.stderr, done.stderr


kms.close()
sys.exit(tap.finish())
