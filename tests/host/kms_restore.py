# SPDX-License-Identifier: MIT
#
# "store backup" and "store restore" of envelope-kms: a copy of the key store is made beside a running KMS, and
# put in its place when an administrator says what is meant.

import contextlib
import http.client
import os
import shutil
import sqlite3
import sys
import threading

from kms_daemon import Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()


def create_until_it_ends():
    with contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            kms.new_key()


def back_up(copy):
    status, _said, error = kms.admin("store", "backup", "--file", copy)
    return status, error


def restore(copy, *options, **changed):
    status, _said, error = kms.admin("store", "restore", "--file", copy, *options, **changed)
    return status, error


def restored():
    return [r["serviceEventDetails"] for r in kms.audit() if r["eventName"] == "RestoreKeyStore"]


@test("store backup copies the key store while the KMS makes changes; the restore of an old one needs an answer")
def _():
    copy = f"{kms.dir}/backup.sqlite"
    key = kms.new_key()["KeyId"]
    thread = threading.Thread(target=create_until_it_ends)
    thread.start()
    for n in range(3):
        assert back_up(f"{copy}.{n}")[0] == 0
    status, said = back_up(copy)
    assert status == 0 and os.stat(copy).st_mode & 0o777 == 0o600, (status, said)
    kept = open(copy, "rb").read()
    status, said = back_up(copy)
    assert status == 2 and "File exists" in said and open(copy, "rb").read() == kept, (status, said)
    assert [name for name in os.listdir(kms.dir) if name.startswith("backup.sqlite-")] == []
    later = kms.new_key()["KeyId"]
    kms.good("DisableKey", {"KeyId": key})
    status, said = restore(copy, "--accept-rollback")
    assert status == 1 and "Another envelope-kms runs" in said, (status, said)
    kms.kill()
    thread.join()
    before, marks = restored(), kms.undone()
    files = {name: open(f"{kms.state}/{name}", "rb").read() for name in os.listdir(kms.state)}
    status, said = restore(copy)
    assert status == 2 and "is an old copy" in said and "add --accept-rollback" in said, (status, said)
    # The record comes first: without it nothing is restored.
    assert restore(copy, "--accept-rollback", audit_file="/dev/full")[0] == 1
    assert files == {name: open(f"{kms.state}/{name}", "rb").read() for name in os.listdir(kms.state)}
    assert restored() == before
    status, said = restore(copy, "--accept-rollback")
    assert status == 0, (status, said)
    details = restored()[-1]
    assert len(restored()) == len(before) + 1 and details["file"] == copy and details["acceptRollback"], details
    assert details["storeChange"] < details["counterChange"], details
    assert kms.audit()[-1]["eventName"] == "AcceptRollback", kms.audit()[-1]
    kms.start()
    assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Enabled"
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": later})
    assert kms.undone() == marks, "no crash has undone the last change"


@test("a copy of the present store needs no answer, also when the store itself is lost or damaged")
def _():
    copy, store = f"{kms.dir}/present.sqlite", f"{kms.state}/kms.sqlite"
    key = kms.new_key()["KeyId"]
    assert back_up(copy)[0] == 0
    kms.kill()
    for damage in None, b"", b"x" * 8192, "away":
        if damage == "away":
            for name in os.listdir(kms.state):
                if name.startswith("kms.sqlite"):
                    os.unlink(f"{kms.state}/{name}")
        elif damage is not None:
            with open(store, "wb") as f:
                f.write(damage)
        status, said = restore(copy)
        assert status == 0, (damage, status, said)
        assert not restored()[-1]["acceptRollback"] and not os.path.exists(f"{store}.restore")
        kms.start()
        assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Enabled"
        assert kms.stop() == 0
        os.unlink(copy)
        assert back_up(copy)[0] == 0
    # Without its counter nobody knows whether a copy is old.
    os.unlink(f"{kms.state}-counter/kms.counter")
    status, said = restore(copy)
    assert status == 2 and "counter" in said and "--accept-rollback" in said, (status, said)
    assert restore(copy, "--accept-rollback")[0] == 0
    kms.start()
    kms.good("DescribeKey", {"KeyId": key})


@test("no copy that would not open replaces the key store")
def _():
    good, bad = f"{kms.dir}/good.sqlite", f"{kms.dir}/bad.sqlite"
    assert back_up(good)[0] == 0
    kms.stop()
    files = {name: open(f"{kms.state}/{name}", "rb").read() for name in os.listdir(kms.state)}
    for sql in "DELETE FROM sets", "DELETE FROM store", "UPDATE store SET record = replace(record, 'Version', 'Versiom')":
        shutil.copy(good, bad)
        with contextlib.closing(sqlite3.connect(bad)) as db, db:
            db.execute(sql)
        assert restore(bad, "--accept-rollback")[0] == 2, sql
    for text in b"", b"no database" * 1000:
        with open(bad, "wb") as f:
            f.write(text)
        assert restore(bad, "--accept-rollback")[0] != 0
    assert restore(f"{kms.dir}/none.sqlite", "--accept-rollback")[0] == 2
    assert kms.admin("store", "restore", "--accept-rollback")[0] == 2
    assert kms.admin("store", "backup")[0] == 2
    assert files == {name: open(f"{kms.state}/{name}", "rb").read() for name in os.listdir(kms.state)}
    kms.start()


@test("store backup of a store that would not open fails, and leaves no file")
def _():
    copy = f"{kms.dir}/damaged.sqlite"
    kms.stop()
    shutil.copy(f"{kms.state}/kms.sqlite", f"{kms.dir}/whole.sqlite")
    db = sqlite3.connect(f"{kms.state}/kms.sqlite")
    db.execute("DELETE FROM sets")
    db.commit()
    db.close()
    status, said = back_up(copy)
    assert status == 2 and "lost the set of its keys" in said, (status, said)
    assert not os.path.exists(copy)
    shutil.copy(f"{kms.dir}/whole.sqlite", f"{kms.state}/kms.sqlite")
    kms.start()


@test("SIGTERM ends it with status 0, and nothing is wrong with its memory")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
