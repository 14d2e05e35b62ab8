# SPDX-License-Identifier: MIT
#
# Revocations while somebody reads the key store, writes to it, or has filled its disk.
# ENVELOPE_CHANGES gives another number of revocations on the full disk, of which the reserve has room for 10,000.

import json
import os
import re
import sqlite3
import subprocess
import sys
import time

from kms_daemon import ACCOUNT, Kms, b64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
CHANGES = int(os.environ.get("ENVELOPE_CHANGES", "100"))
MIB = 1 << 20
GRANTEE = f"arn:aws:iam::{ACCOUNT}:user/admin"

# A key store that another process has made and closed keeps its reserve when it is copied from outside.
kms.first_start_makes_all = True
kms.start()


def reader():
    """A shell that somebody forgot in the middle of a transaction."""
    db = sqlite3.connect(f"{kms.state}/kms.sqlite", isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM keys").fetchall()
    return db


def revoke(key, times):
    """Disables KEY again and again. Each call is a change of its own, with a signature of its own."""
    for _ in range(times):
        kms.good("DisableKey", {"KeyId": key})


def state(key):
    return kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"]


def grants(key, count):
    """Makes COUNT grants on KEY. Each has a context of its own."""
    terms = {"KeyId": key, "GranteePrincipal": GRANTEE, "Operations": ["Decrypt", "DescribeKey"], "RetiringPrincipal": GRANTEE}
    return [kms.good("CreateGrant", {**terms, "Name": f"g{i}", "Constraints": {"EncryptionContextEquals": {"volume": str(i)}}})
            for i in range(count)]


def revoke_grants(key, made, count):
    """Revokes and retires COUNT of the grants MADE on KEY, in turn."""
    for i in range(count):
        grant = made.pop()
        if i % 2:
            kms.good("RevokeGrant", {"KeyId": key, "GrantId": grant["GrantId"]})
        else:
            kms.good("RetireGrant", {"GrantToken": grant["GrantToken"]})


def granted(key):
    return len(kms.good("ListGrants", {"KeyId": key, "Limit": 100})["Grants"])


@test("log and index of the key store are private")
def _():
    kms.new_key()
    for end in "", "-wal", "-shm":
        assert os.stat(f"{kms.state}/kms.sqlite{end}").st_mode & 0o777 == 0o600, end


@test("a reader that stays holds up no change, and the KMS starts and stops beside it")
def _():
    first, second = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
    db = reader()
    revoke(first, 30)
    kms.good("ScheduleKeyDeletion", {"KeyId": second})
    third = kms.new_key()["KeyId"]
    kms.restart()
    revoke(third, 1)
    assert (state(first), state(second), state(third)) == ("Disabled", "PendingDeletion", "Disabled")
    kms.kill()
    kms.start()
    assert (state(first), state(second), state(third)) == ("Disabled", "PendingDeletion", "Disabled")
    fourth = kms.new_key()["KeyId"]
    revoke_grants(fourth, grants(fourth, 4), 4)
    assert granted(fourth) == 0
    db.execute("COMMIT")
    db.close()
    revoke(third, 1)


@test("while another program writes to the store, changes fail at once, and the KMS goes on to serve")
def _():
    key = kms.new_key()["KeyId"]
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"x")})["CiphertextBlob"]
    db = sqlite3.connect(f"{kms.state}/kms.sqlite", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    for _ in range(20):
        assert "locked" in kms.bad("KMSInternalException", "DisableKey", {"KeyId": key})
        kms.good("Decrypt", {"CiphertextBlob": blob})
    took = time.monotonic() - begun
    assert took < 60, f"20 changes held the KMS up for {took:.0f} s"
    db.execute("ROLLBACK")
    db.close()
    kms.good("DisableKey", {"KeyId": key})


@test("the main file without its log is an old copy")
def _():
    key = kms.new_key()["KeyId"]
    kms.good("DisableKey", {"KeyId": key})
    kms.kill()
    os.rename(f"{kms.state}/kms.sqlite-wal", f"{kms.dir}/log")
    os.unlink(f"{kms.state}/kms.sqlite-shm")
    status, said = kms.run()
    assert status == 2 and "is an old copy" in said, (status, said)
    os.rename(f"{kms.dir}/log", f"{kms.state}/kms.sqlite-wal")
    kms.start()
    assert state(key) == "Disabled"


def owned(end):
    """The bytes of the disk that a file of the key store has."""
    return os.stat(f"{kms.state}/kms.sqlite{end}").st_blocks * 512


@test("after another program has copied the log into the database, the next change takes the reserve again")
def _():
    kms.new_key()
    before = owned(""), owned("-wal")
    db = sqlite3.connect(f"{kms.state}/kms.sqlite", isolation_level=None)
    assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.close()
    after = owned(""), owned("-wal")
    assert after[0] < before[0] - 4 * MIB and after[1] < before[1] - 4 * MIB, (before, after)
    kms.new_key()
    after = owned(""), owned("-wal")
    assert after[0] >= before[0] - MIB and after[1] >= before[1] - MIB, (before, after)


def fill(path):
    """Leaves no byte to any other file of the disk."""
    with open(path, "ab", buffering=0) as f:
        for size in MIB, 4096, 512, 1:
            try:
                while True:
                    f.write(b"f" * size)
            except OSError:
                pass
        os.fsync(f.fileno())


def mounted(kind, mount):
    """A file system of 64 MiB below MOUNT."""
    os.mkdir(mount)
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", mount], check=True)
        return
    with open(f"{mount}.img", "wb") as f:
        f.truncate(64 * MIB)
    # Blocks as on a disk that is larger, or small ones, and none for root alone: the KMS runs as root.
    block = "1024" if kind == "ext4-1k" else "4096"
    subprocess.run(["mkfs.ext4", "-q", "-b", block, "-m", "0", f"{mount}.img"], check=True)
    subprocess.run(["mount", "-o", "loop", f"{mount}.img", mount], check=True)


def iam(action, **params):
    reply = kms.form("iam", action, UserName="anna", **params)
    assert reply.status == 200, reply.text
    return reply.text


def new_user():
    """The access key of a user with a policy."""
    iam("CreateUser")
    iam("PutUserPolicy", PolicyName="rights", PolicyDocument=json.dumps(
        {"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}))
    made = iam("CreateAccessKey")
    return {tag: re.search(f"<{tag}>(.*)</{tag}>", made).group(1) for tag in ("AccessKeyId", "SecretAccessKey")}


def end_user(pair):
    """Takes a user's rights, then its access key, on a full disk."""
    how = {"access_key": pair["AccessKeyId"], "secret_key": pair["SecretAccessKey"]}
    kms.good("ListKeys", **how)
    text = json.dumps({"Statement": {"Sid": "", "Effect": "Deny", "Action": "*", "Resource": "*"}})
    largest = 2048 - len(json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}))
    iam("PutUserPolicy", PolicyName="none", PolicyDocument=text.replace('"Sid": ""', f'"Sid": "{"x" * (largest - len(text))}"'))
    kms.bad("AccessDeniedException", "ListKeys", **how)
    iam("DeleteUserPolicy", PolicyName="none")
    kms.good("ListKeys", **how)
    iam("PutUserPolicy", PolicyName="none", PolicyDocument=text)
    iam("UpdateAccessKey", AccessKeyId=pair["AccessKeyId"], Status="Inactive")
    kms.bad("UnrecognizedClientException", "ListKeys", **how)
    # What gives rights, or may give some, waits: a policy that allows, and one in place of another.
    allows = json.dumps({"Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
                                       {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})
    for action, params in (("UpdateAccessKey", {"AccessKeyId": pair["AccessKeyId"], "Status": "Active"}),
                           ("PutUserPolicy", {"PolicyName": "more", "PolicyDocument": allows}),
                           ("PutUserPolicy", {"PolicyName": "none", "PolicyDocument": text.replace("*", "kms:Encrypt", 1)}),
                           ("CreateUser", {"UserName": "more"}), ("CreateAccessKey", {})):
        reply = kms.form("iam", action, **{"UserName": "anna", **params})
        assert reply.status == 500 and "full" in reply.text, (action, reply.text)
    iam("DeleteAccessKey", AccessKeyId=pair["AccessKeyId"])
    for name in "rights", "none":
        iam("DeleteUserPolicy", PolicyName=name)
    iam("DeleteUser")


def refused(key):
    for operation, params in (("CreateKey", {}), ("EnableKey", {"KeyId": key}), ("CreateAlias", {"AliasName": "alias/x", "TargetKeyId": key}),
                              ("CreateGrant", {"KeyId": key, "GranteePrincipal": GRANTEE, "Operations": ["Decrypt"]})):
        message = kms.bad("KMSInternalException", operation, params)
        assert "full" in message, message


def revoke_on_a_full_disk(kind):
    mount = f"{kms.dir}/{kind}"
    mounted(kind, mount)
    where = {"state_dir": f"{mount}/state", "counter_file": f"{mount}/counter", "root_key": f"{mount}/root.key"}
    kms.stop()
    own, kms.state = kms.state, where["state_dir"]
    kms.start(**where)
    first, second, third, granting = (kms.new_key()["KeyId"] for _ in range(4))
    granted_here = grants(granting, 50)
    pair = new_user()
    assert owned("-shm") >= os.path.getsize(f"{kms.state}/kms.sqlite-shm"), "the index has holes"
    fill(f"{mount}/fill")
    # The file and the log have a little room ahead of their reserve.
    made = 0
    while kms.call("CreateKey").status == 200:
        made += 1
        assert made < 600, "CreateKey uses the reserve"
        fill(f"{mount}/fill")
    refused(granting)
    # A few large policies would use up the room of all other revocations.
    policy = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}})
    message = kms.bad("KMSInternalException", "PutKeyPolicy", {"KeyId": third, "Policy": policy.ljust(4097)})
    assert "full" in message, message
    kms.good("PutKeyPolicy", {"KeyId": third, "Policy": policy.ljust(4096)})
    revoke(first, CHANGES // 2)
    end_user(pair)
    revoke_grants(granting, granted_here, 20)
    refused(granting)
    assert kms.stop() == 0
    fill(f"{mount}/fill")
    kms.start(**where)
    refused(granting)
    revoke(second, CHANGES // 4)
    revoke_grants(granting, granted_here, 10)
    kms.kill()
    fill(f"{mount}/fill")
    kms.start(**where)
    db = reader()
    revoke(second, CHANGES // 4)
    revoke_grants(granting, granted_here, 10)
    db.close()
    kms.good("ScheduleKeyDeletion", {"KeyId": third})
    assert (state(first), state(second), state(third)) == ("Disabled", "Disabled", "PendingDeletion")
    assert granted(granting) == len(granted_here) == 10
    os.unlink(f"{mount}/fill")
    kms.good("EnableKey", {"KeyId": first})
    kms.stop()
    kms.state = own
    kms.start()
    subprocess.run(["umount", mount], check=True)


for KIND in "tmpfs", "ext4", "ext4-1k":
    test(f"on a full disk ({KIND}) keys are disabled and scheduled for deletion, grants revoked and retired, users ended, also after a restart, and no other change is made")(
        lambda kind=KIND: revoke_on_a_full_disk(kind))

test("the KMS ended cleanly")(kms.end_cleanly)
kms.close()
sys.exit(tap.finish())
