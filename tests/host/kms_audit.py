# SPDX-License-Identifier: MIT
#
# No change without a record: envelope-kms with an audit trail that takes nothing, or half a line;
# the journal's copies; and the records of changes that the KMS makes by itself.

import contextlib
import hashlib
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import threading

from kms_daemon import ACCOUNT, REGION, Kms, b64
from tap import Tap
from wait import wait_for

DAY = 86400
kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test


def arn(key_id):
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}"


class Journal:
    """Listens in place of journald, and keeps the record of each entry."""

    def __init__(self):
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        os.makedirs("/run/systemd/journal")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/run/systemd/journal/socket")
        self.entries = []
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            fields = dict(line.split("=", 1) for line in self.socket.recv(1 << 20).decode().splitlines())
            if "ENVELOPE_RECORD" in fields:
                self.entries.append((fields["MESSAGE"], json.loads(fields["ENVELOPE_RECORD"])))

    def of(self, request_id):
        def entry():
            return next((seen for seen in list(self.entries) if seen[1].get("requestID") == request_id), None)

        return wait_for(entry, step=0.02, why=f"the journal has nothing of {request_id}")


def rows():
    """Every row of the key store, sealed."""
    with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
        return [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in ("keys", "aliases")]


def limit_files(size):
    resource.prlimit(kms.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill(path):
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(bytes(4096))


def of(folder):
    with open(f"{folder}/audit.jsonl", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class FullDisk:
    """The trail takes only `left` bytes more. The key store is smaller than the trail, so it can grow."""

    def __init__(self, left=0):
        self.left = left

    def __enter__(self):
        size = os.stat(kms.audit_file).st_size
        assert size > 2 * os.stat(f"{kms.state}/kms.sqlite").st_size + 100000
        limit_files(size + self.left)

    def __exit__(self, *_):
        limit_files(resource.RLIM_INFINITY)


def lines():
    with open(kms.audit_file, "rb") as trail:
        return trail.read().split(b"\n")


def is_json(line):
    try:
        json.loads(line)
        return True
    except ValueError:
        return False


journal = Journal()
with open(kms.audit_file, "w", encoding="utf-8") as padding:
    for _i in range(24):  # more than the files of the key store have
        padding.write(json.dumps({"eventName": "Padding", "text": "x" * 1000000}) + "\n")
kms.start()
enabled, disabled, doomed = (kms.new_key(Description=name)["KeyId"] for name in ("enabled", "disabled", "doomed"))
kms.good("DisableKey", {"KeyId": disabled})
kms.good("ScheduleKeyDeletion", {"KeyId": doomed, "PendingWindowInDays": 7})
for alias in ("alias/moved", "alias/gone"):
    kms.good("CreateAlias", {"AliasName": alias, "TargetKeyId": enabled})
blob = kms.good("Encrypt", {"KeyId": enabled, "Plaintext": b64(b"secret")})["CiphertextBlob"]

# One of each kind. In this order all of them succeed.
CHANGES = [
    ("CreateKey", {"Description": "new"}),
    ("CreateAlias", {"AliasName": "alias/new", "TargetKeyId": enabled}),
    ("UpdateAlias", {"AliasName": "alias/moved", "TargetKeyId": disabled}),
    ("DeleteAlias", {"AliasName": "alias/gone"}),
    ("EnableKey", {"KeyId": disabled}),
    ("CancelKeyDeletion", {"KeyId": doomed}),
    ("DisableKey", {"KeyId": enabled}),
    ("PutKeyPolicy", {"KeyId": enabled, "Policy": json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}})}),
    ("ScheduleKeyDeletion", {"KeyId": enabled}),
    ("DescribeKey", {"KeyId": "alias/aws/rds"}),
]


@test("on a full disk no change of any kind is made")
def _():
    before = rows()
    for operation, params in CHANGES:
        with FullDisk():
            message = kms.bad("KMSInternalException", operation, params)
        assert "audit trail" in message, message
        assert rows() == before, f"{operation} was made without a record"
    # After a restart the store still has no change; nor has it with a trail that never takes a byte.
    kms.stop()
    kms.start(audit_file="/dev/full")
    for operation, params in CHANGES:
        kms.bad("KMSInternalException", operation, params)
    kms.restart()
    assert rows() == before
    assert kms.good("DescribeKey", {"KeyId": doomed})["KeyMetadata"]["KeyState"] == "PendingDeletion"


@test("on a full disk no plaintext is given")
def _():
    for operation, params in (("Decrypt", {"CiphertextBlob": blob}),
                              ("GenerateDataKey", {"KeyId": enabled, "KeySpec": "AES_256"})):
        with FullDisk():
            reply = kms.call(operation, params)
        assert reply.status == 500 and "Plaintext" not in reply.json, reply.text
        assert "Plaintext" in kms.good(operation, params)


@test("the journal has the record that the file did not take, as one of a refused call")
def _():
    with FullDisk():
        reply = kms.call("EnableKey", {"KeyId": disabled})
        denied = kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": doomed})
        renewal = kms.call("Decrypt", {"CiphertextBlob": blob, "DryRun": True})
    # Neither gives anything away, so neither waits for the trail: a denial and a renewal.
    assert denied.error == "IncorrectKeyException" and renewal.error == "DryRunOperationException"
    message, record = journal.of(reply.headers["x-amzn-RequestId"])
    assert record["eventName"] == "EnableKey" and record["errorCode"] == "KMSInternalException", record
    assert record["requestParameters"] == {"keyId": disabled} and record["responseElements"] is None
    assert message == "EnableKey by admin: KMSInternalException"
    _message, record = journal.of(denied.headers["x-amzn-RequestId"])
    assert record["errorCode"] == "IncorrectKeyException", record
    _message, record = journal.of(renewal.headers["x-amzn-RequestId"])
    assert record["errorCode"] == "DryRunOperationException", record
    kms.good("ListKeys")
    reply = kms.call("Decrypt", {"CiphertextBlob": blob})
    message, record = journal.of(reply.headers["x-amzn-RequestId"])
    assert message == "Decrypt by admin: allowed" and record == kms.audit()[-1]


@test("half a line gets its end, and the file has the number of missing records")
def _():
    kms.good("ListKeys")
    start = len(lines()) - 1
    with FullDisk(left=50):
        kms.bad("KMSInternalException", "ListKeys")
        kms.bad("KMSInternalException", "ListKeys")
    kms.good("ListAliases")
    half, gap, whole, end = lines()[start:]
    assert len(half) == 50 and not is_json(half) and end == b"", half
    gap, whole = json.loads(gap), json.loads(whole)
    assert gap["eventName"] == "AuditTrailGap" and gap["eventType"] == "AwsServiceEvent"
    assert gap["serviceEventDetails"]["recordsMissing"] == 2 and "large" in gap["serviceEventDetails"]["reason"]
    assert whole["eventName"] == "ListAliases"
    # A line that a power cut has torn gets its end, too.
    kms.stop()
    os.truncate(kms.audit_file, os.stat(kms.audit_file).st_size - 100)
    start = len(lines()) - 1
    kms.start()
    kms.good("ListKeys")
    half, cut, whole, end = lines()[start:]
    assert not is_json(half) and json.loads(whole)["eventName"] == "ListKeys" and end == b""
    # The host did not go down, so it was no power cut.
    assert json.loads(cut)["eventName"] == "AuditTrailCut", cut
    # Repair the file for the other tests.
    kept = [line for line in lines() if is_json(line)]
    with open(kms.audit_file, "wb") as trail:
        trail.write(b"\n".join(kept) + b"\n")


@test("a change that the key store cannot keep is recorded as one that failed")
def _():
    kms.restart()  # empties the log
    for _i in range(8):
        kms.new_key(Description="y" * 8000)
    os.rename(kms.audit_file, f"{kms.audit_file}.kept")  # the log is now the larger one
    before, size = rows(), os.stat(f"{kms.state}/kms.sqlite-wal").st_size
    limit_files(size)
    kms.bad("KMSInternalException", "CreateKey", {"Description": "y" * 8000})
    limit_files(resource.RLIM_INFINITY)
    assert rows() == before
    last = kms.audit()[-1]
    assert last["eventName"] == "CreateKey" and last["errorCode"] == "KMSInternalException", last
    assert last["responseElements"] is None
    os.rename(f"{kms.audit_file}.kept", kms.audit_file)


def service_event(record, key_id):
    assert record["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}, record
    assert record["eventType"] == "AwsServiceEvent" and record["eventSource"] == "kms.amazonaws.com"
    assert record["sourceIPAddress"] == record["userAgent"] == "AWS Internal"
    assert record["requestParameters"] is None and record["readOnly"] is False
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn(key_id)}]
    for field in ("eventVersion", "eventTime", "awsRegion", "eventID", "recipientAccountId"):
        assert record[field], field


@test("a caller without a good signature writes little into the trail")
def _():
    big = {"KeyId": enabled, "Plaintext": "eA==", "EncryptionContext": {"a": "x" * 6000}}
    kms.good("Encrypt", big)
    assert kms.audit()[-1]["requestParameters"]["encryptionContext"] == big["EncryptionContext"]
    for how in ({"secret_key": "wrong"}, {"access_key": "AKIAUNKNOWN000000001"}):
        reply = kms.call("Encrypt", big, **how)
        record = kms.audit()[-1]
        assert record["requestID"] == reply.headers["x-amzn-RequestId"] and record["errorCode"] == reply.error
        assert record["requestParameters"] is None and len(json.dumps(record)) < 2000, record


@test("strangers who flood the KMS are counted: few records, each of them valid UTF-8")
def _():
    calls, single = 400, 8  # strangers.h
    kms.restart()
    start = len(kms.audit())
    forged = b"AWS4-HMAC-SHA256 Credential=AKIA\xff\xfe/20260101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0"
    connection = kms.connection("tls")
    for _i in range(calls // 2):
        for headers in {"Authorization": forged}, {}:
            connection.request("POST", "/", b"", {"User-Agent": b"\xff" * 2000, "X-Amz-Date": "20260101T000000Z",
                                                  "X-Amz-Target": "TrentService.ListKeys", **headers})
            assert connection.getresponse().read()
    connection.close()

    def seen():
        records = kms.audit()[start:]
        sums = [r["serviceEventDetails"] for r in records if r["eventName"] == "UnauthenticatedCalls"]
        return [r for r in records if r["userIdentity"].get("type") == "Unknown"], sums

    def counted():
        records, sums = seen()
        return len(records) + sum(s["callsWithoutRecord"] for s in sums)

    wait_for(lambda: counted() >= calls, why=lambda: f"{counted()} of {calls} calls are counted")
    records, sums = seen()
    assert counted() == calls and len(records) <= single * len(sums), (len(records), sums)
    assert all(sum(s["errorCodes"].values()) == s["callsWithoutRecord"] for s in sums), sums
    assert set().union(*(s["errorCodes"] for s in sums)) == {"UnrecognizedClientException", "MissingAuthenticationTokenException"}, (sums, records[0])
    assert records[0]["userIdentity"] == {"type": "Unknown", "accessKeyId": "AKIA??"}, records[0]
    kms.bad("InvalidSignatureException", "ListKeys", secret_key="wrong")
    wait_for(lambda: kms.audit()[-1]["errorCode"] == "InvalidSignatureException")


@test("a default key has its own CreateKey, before the record of its first use")
def _():
    start = len(kms.audit())
    reply = kms.call("GenerateDataKeyWithoutPlaintext", {"KeyId": "alias/aws/dms", "KeySpec": "AES_256"})
    made, used = kms.audit()[start:]
    key_id = reply.json["KeyId"].split("/")[-1]
    assert made["eventName"] == "CreateKey" and used["eventName"] == "GenerateDataKeyWithoutPlaintext"
    service_event(made, key_id)
    assert made["responseElements"]["keyMetadata"]["keyId"] == key_id
    assert made["responseElements"]["keyMetadata"]["keyManager"] == "AWS"
    assert made["serviceEventDetails"] == {"aliasName": "alias/aws/dms", "requestID": used["requestID"]}
    kms.good("DescribeKey", {"KeyId": "alias/aws/dms"})
    assert [r["eventName"] for r in kms.audit()[start:]].count("CreateKey") == 1


@test("the end of a waiting period is a DeleteKey, and waits for its record")
def _():
    kms.stop()
    kms.pass_time(31 * DAY)
    kms.start(audit_file="/dev/full")
    wait_for(lambda: "cannot be destroyed" in kms.stderr() or doomed not in str(rows()))
    assert doomed in str(rows()), "a key was destroyed without a record"
    kms.stop()
    start = len(kms.audit())
    kms.start()
    wait_for(lambda: doomed not in str(rows()), why="the KMS has not destroyed the key that is due")
    wait_for(lambda: "destroyed 1 key" in kms.stderr())
    log = kms.stderr()
    assert log.rindex("serving region") < log.rindex("destroyed 1 key"), "a key is destroyed before the KMS serves"
    records = [r for r in kms.audit()[start:] if r["eventName"] == "DeleteKey"]
    assert len(records) == 1, records
    service_event(records[0], doomed)
    assert records[0]["responseElements"] == {"keyId": arn(doomed)}
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": doomed})


@test("the running KMS destroys a due key, too")
def _():
    overdue, later = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
    kms.good("ScheduleKeyDeletion", {"KeyId": overdue, "PendingWindowInDays": 7})
    kms.good("ScheduleKeyDeletion", {"KeyId": later})
    kms.stop()
    kms.pass_time(7 * DAY - 3)
    kms.start()
    wait_for(lambda: overdue not in str(rows()), why="the KMS has not destroyed the key that is due")
    assert later in str(rows())
    assert [r["resources"][0]["ARN"] for r in kms.audit() if r["eventName"] == "DeleteKey"][-1] == arn(overdue)


@test("on a full disk keys are disabled, get a policy, lose grants and are scheduled for deletion, each with its record, and no other change is made")
def _():
    folder, reserve = f"{kms.dir}/small", 10000 * 2176  # kms_audit.h
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={reserve + (4 << 20)}", "none", folder], check=True)
    kms.stop()
    kms.start(audit_file=f"{folder}/audit.jsonl")
    first, second = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
    terms = {"KeyId": second, "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/enveloped", "Operations": ["Decrypt"]}
    grants = [kms.good("CreateGrant", terms) for _i in range(2)]
    assert kms.form("iam", "CreateUser", UserName="anna").status == 200
    fill(f"{folder}/fill")
    for size in 8000, 0:  # the file has a little room ahead
        statuses = (kms.call("ListKeys", {"EncryptionContext": {"a": "x" * size}}).status for _i in range(200))
        assert 500 in statuses, "the reserve is used"
    start = len(of(folder))

    def refused():
        for operation, params in ("CreateKey", {}), ("EnableKey", {"KeyId": first}), ("DescribeKey", {"KeyId": second}):
            message = kms.bad("KMSInternalException", operation, params)
            assert "No space left on device" in message, message

    refused()
    kms.bad("KMSInternalException", "CreateGrant", terms)
    kms.bad("NotFoundException", "DisableKey", {"KeyId": "00000000-0000-4000-8000-000000000000"})
    for _i in range(20):
        kms.good("DisableKey", {"KeyId": first})
        refused()
    # A record with the largest policy is too large for the reserve, one with the policy's hash is not.
    policy = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}, "Action": "kms:*", "Resource": "*"}})
    policy += " " * (32768 - len(policy))
    kms.good("PutKeyPolicy", {"KeyId": first, "Policy": policy})
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": first}, profile="enveloped")
    params = of(folder)[-1]["requestParameters"]
    assert params == {"keyId": first, "policySha256": hashlib.sha256(policy.encode()).hexdigest(), "policyBytes": 32768}, params
    # So is one of the largest policy of a user.
    text = json.dumps({"Statement": {"Sid": "", "Effect": "Deny", "Action": "*", "Resource": "*"}})
    text = text.replace('"Sid": ""', f'"Sid": "{"x" * (2048 - len(text))}"')
    reply = kms.form("iam", "PutUserPolicy", UserName="anna", PolicyName="none", PolicyDocument=text)
    assert reply.status == 200, reply.text
    params = of(folder)[-1]["requestParameters"]
    assert (params["policySha256"], params["policyBytes"]) == (hashlib.sha256(text.encode()).hexdigest(), 2048), params
    kms.good("RevokeGrant", {"KeyId": second, "GrantId": grants[0]["GrantId"]})
    kms.good("RetireGrant", {"GrantToken": grants[1]["GrantToken"]})
    kms.good("ScheduleKeyDeletion", {"KeyId": second})
    assert kms.stop() == 0
    kms.start(audit_file=f"{folder}/audit.jsonl")
    refused()
    kms.good("DisableKey", {"KeyId": first})
    made = [r["eventName"] for r in of(folder)[start:] if "errorCode" not in r]
    assert made == ["DisableKey"] * 20 + ["PutKeyPolicy", "PutUserPolicy", "RevokeGrant", "RetireGrant", "ScheduleKeyDeletion", "DisableKey"], made
    os.unlink(f"{folder}/fill")
    assert kms.good("DescribeKey", {"KeyId": first})["KeyMetadata"]["KeyState"] == "Disabled"
    gap = of(folder)[-2]
    assert gap["eventName"] == "AuditTrailGap" and "No space" in gap["serviceEventDetails"]["reason"], gap
    # A file that logrotate has moved away gives its part of the disk back.
    os.rename(f"{folder}/audit.jsonl", f"{folder}/moved")
    kms.good("ListKeys")
    assert os.stat(f"{folder}/moved").st_blocks * 512 < 1 << 20
    assert reserve <= os.stat(f"{folder}/audit.jsonl").st_blocks * 512
    kms.restart()


@test("with room on the disk each of those changes is made")
def _():
    changes = [(operation, params) for operation, params in CHANGES if operation != "CancelKeyDeletion"]
    for operation, params in changes:
        before = rows()
        kms.good(operation, params)
        assert rows() != before, f"{operation} changed nothing"
        assert kms.audit()[-1]["eventName"] == operation and "errorCode" not in kms.audit()[-1]


kms.close()
sys.exit(tap.finish())
