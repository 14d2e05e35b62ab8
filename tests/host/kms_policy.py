# SPDX-License-Identifier: MIT
#
# Key policies of envelope-kms through signed calls: putting, reading and listing them, and what they allow to
# the users of the key's account and of another one. kms_policy_model.py has the evaluation itself.

import json
import os
import re
import sqlite3
import sys

from kms_daemon import ACCOUNT, REGION, STRANGER, Kms, b64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
kms.add_stranger()
for user in ("auditor", "recovery", "custodian"):
    kms.add_user(user)
kms.restart()

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ADMIN = f"arn:aws:iam::{ACCOUNT}:user/admin"
AGENT_ARN = f"arn:aws:iam::{ACCOUNT}:user/enveloped"
AGENT = {"profile": "enveloped"}
STRANGE = {"profile": "stranger"}


def allow(who, *actions, effect="Allow", **more):
    return {"Effect": effect, "Principal": {"AWS": who}, "Action": list(actions), "Resource": "*", **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [allow(ADMIN, "kms:*"), *statements]})


def new_key(*statements):
    return kms.new_key(Policy=policy(*statements))


def put(key, *statements):
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "PolicyName": "default", "Policy": policy(*statements)})


def encrypt(key, context=None, **who):
    return kms.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "eA==", "EncryptionContext": context or {}}, **who)


@test("a key without a policy has AWS's default one, and each user of the account may use and manage the key")
def _():
    key = kms.new_key()
    seen = kms.good("GetKeyPolicy", {"KeyId": key["KeyId"], "PolicyName": "default"}, **AGENT)
    assert seen["PolicyName"] == "default"
    statement, = json.loads(seen["Policy"])["Statement"]
    assert statement == {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": ROOT},
                         "Action": "kms:*", "Resource": "*"}, statement
    assert kms.good("ListKeyPolicies", {"KeyId": key["Arn"]}) == {"PolicyNames": ["default"], "Truncated": False}
    for operation in ("DisableKey", "EnableKey", "DescribeKey"):
        kms.good(operation, {"KeyId": key["KeyId"]}, **AGENT)
    # What the default policy says is what an explicit one of the same words does.
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": seen["Policy"]})
    kms.good("DisableKey", {"KeyId": key["KeyId"]}, **AGENT)
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": key["Arn"]}, **STRANGE)


@test("the key store of a version without policies works as before: the agent keeps its keys")
def _():
    key = kms.new_key()
    blob = kms.good("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "eA=="})["CiphertextBlob"]
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        record = db.execute("SELECT record FROM keys WHERE key_id = ?", (key["KeyId"],)).fetchone()[0]
    assert "Policy" not in json.loads(record), record
    assert kms.good("Decrypt", {"CiphertextBlob": blob, "DryRun": False}, **AGENT)["Plaintext"] == "eA=="


@test("PutKeyPolicy takes a right away at once, also across a restart, and gives it back")
def _():
    key = new_key(allow(ROOT, "kms:*"))
    assert encrypt(key, **AGENT).status == 200
    put(key)
    for _i in range(2):
        reply = encrypt(key, **AGENT)
        assert reply.error == "AccessDeniedException", reply.text
        assert reply.message == (f"User: arn:aws:iam::{ACCOUNT}:user/enveloped is not authorized to perform: kms:Encrypt on "
                                 f"resource: {key['Arn']} because no resource-based policy allows the kms:Encrypt action")
        assert encrypt(key).status == 200
        kms.restart()
    put(key, allow(f"arn:aws:iam::{ACCOUNT}:user/enveloped", "kms:Encrypt"))
    assert encrypt(key, **AGENT).status == 200
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": key["KeyId"]}, **AGENT)
    kms.bad("AccessDeniedException", "GetKeyPolicy", {"KeyId": key["KeyId"]}, **AGENT)
    kms.bad("AccessDeniedException", "ListKeyPolicies", {"KeyId": key["KeyId"]}, **AGENT)


@test("an explicit deny wins, and says so")
def _():
    key = new_key(allow(ROOT, "kms:*"), allow(ROOT, "kms:Encrypt", effect="Deny",
                                              Condition={"StringNotEquals": {"kms:EncryptionContext:App": "db"}}))
    reply = encrypt(key, {"App": "web"}, **AGENT)
    assert reply.error == "AccessDeniedException" and "with an explicit deny in a resource-based policy" in reply.message
    assert encrypt(key, {"App": "db"}, **AGENT).status == 200
    assert encrypt(key, **AGENT).error == "AccessDeniedException"


@test("conditions see the encryption context, the address and the time of the call")
def _():
    for condition, holds in (({"StringLike": {"kms:EncryptionContext:App": "d?"}}, True),
                             ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["App", "Db"]}}, True),
                             ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["Db"]}}, False),
                             ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
                             ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}, False),
                             ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, True),
                             ({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, False),
                             ({"Null": {"kms:ViaService": True}}, True),
                             ({"Bool": {"kms:GrantIsForAWSResource": True}}, False),
                             ({"StringEquals": {"kms:CallerAccount": ACCOUNT}}, True),
                             ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/env*"}}, True)):
        key = new_key(allow("*", "kms:Encrypt", Condition=condition))
        reply = encrypt(key, {"App": "db"}, **AGENT)
        assert (reply.status == 200) == holds, (condition, reply.text)


@test("ReEncrypt needs ReEncryptFrom on one key and ReEncryptTo on the other")
def _():
    source, target = new_key(allow(ROOT, "kms:ReEncryptFrom")), new_key(allow(ROOT, "kms:ReEncryptTo"))
    blobs = [encrypt(k).json["CiphertextBlob"] for k in (source, target)]
    kms.good("ReEncrypt", {"CiphertextBlob": blobs[0], "DestinationKeyId": target["KeyId"]}, **AGENT)
    for blob, key, action in ((blobs[1], source, "ReEncryptFrom"), (blobs[0], source, "ReEncryptTo")):
        message = kms.bad("AccessDeniedException", "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": key["KeyId"]}, **AGENT)
        assert f"kms:{action} on" in message, message


@test("another account uses a key by its ARN if the policy names the account, and never manages the key")
def _():
    key = new_key(allow(f"arn:aws:iam::{STRANGER}:root", "kms:*"))
    blob = encrypt(key, **STRANGE).json["CiphertextBlob"]
    kms.good("Decrypt", {"CiphertextBlob": blob, "KeyId": key["Arn"]}, **STRANGE)
    kms.good("DescribeKey", {"KeyId": key["Arn"]}, **STRANGE)
    for operation in ("DisableKey", "GetKeyPolicy", "ListKeyPolicies", "ScheduleKeyDeletion"):
        kms.bad("AccessDeniedException", operation, {"KeyId": key["Arn"]}, **STRANGE)
    kms.bad("AccessDeniedException", "PutKeyPolicy", {"KeyId": key["Arn"], "Policy": policy()}, **STRANGE)
    kms.bad("AccessDeniedException", "ListAliases", {"KeyId": key["Arn"]}, **STRANGE)
    put(key)
    kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": blob, "KeyId": key["Arn"]}, **STRANGE)


@test("the lockout safety check refuses a policy that its author could not change again, unless it is bypassed")
def _():
    shut = json.dumps({"Statement": allow(f"arn:aws:iam::{ACCOUNT}:user/enveloped", "kms:*")})
    key = kms.new_key()
    for operation, params in (("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": shut}), ("CreateKey", {"Policy": shut})):
        before = len(kms.good("ListKeys")["Keys"])
        message = kms.bad("MalformedPolicyDocumentException", operation, params)
        assert message == "The new key policy will not allow you to update the key policy in the future."
        kms.bad("MalformedPolicyDocumentException", operation, {**params, "BypassPolicyLockoutSafetyCheck": False})
        kms.bad("SerializationException", operation, {**params, "BypassPolicyLockoutSafetyCheck": "true"})
        assert len(kms.good("ListKeys")["Keys"]) == before
    assert encrypt(key).status == 200, "a refused policy was kept"
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": shut, "BypassPolicyLockoutSafetyCheck": True})
    kms.bad("AccessDeniedException", "PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": policy()})
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": shut}, **AGENT)
    other = kms.new_key(Policy=shut, BypassPolicyLockoutSafetyCheck=True)
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": other["KeyId"]})


@test("wrong documents, names and sizes get AWS's faults, and the policy stays")
def _():
    key = new_key()
    for wrong, place in (("{}", "Statement: "), ("x", "Policy: "), ('{"Statement":[],"Statement":[]}', "Policy: "),
                         (policy(allow(ADMIN, "kms:*", Effects=1)), "Statement 2, Effects: "),
                         (policy(allow(ADMIN, "kms:*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o"}})), "Statement 2, Condition: "),
                         (policy(allow("arn:aws:iam::123456789012:user/*", "kms:*")), "Statement 2, Principal: ")):
        for operation, params in (("PutKeyPolicy", {"KeyId": key["KeyId"]}), ("CreateKey", {})):
            message = kms.bad("MalformedPolicyDocumentException", operation,
                              {**params, "Policy": wrong, "BypassPolicyLockoutSafetyCheck": True})
            assert message.startswith(place), message
    for params, fault in (({}, "ValidationException"), ({"Policy": ""}, "ValidationException"),
                          ({"Policy": 1}, "SerializationException"), ({"Policy": policy() + "\u0142"}, "ValidationException"),
                          ({"Policy": policy().ljust(32769)}, "LimitExceededException"),
                          ({"Policy": policy(), "PolicyName": "other"}, "NotFoundException"),
                          ({"Policy": policy(), "PolicyName": 1}, "SerializationException")):
        kms.bad(fault, "PutKeyPolicy", {"KeyId": key["KeyId"], **params})
    assert kms.bad("NotFoundException", "GetKeyPolicy", {"KeyId": key["KeyId"], "PolicyName": "other"}) == "No such policy exists"
    for operation in ("PutKeyPolicy", "GetKeyPolicy", "ListKeyPolicies"):
        params = {"Policy": policy()} if operation == "PutKeyPolicy" else {}
        kms.bad("NotFoundException", operation, {"KeyId": "alias/aws/rds", **params})
        kms.bad("NotFoundException", operation, {"KeyId": "00000000-0000-4000-8000-000000000000", **params})
    assert kms.good("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"] == policy()
    longest = policy().ljust(32768)
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": longest})
    assert kms.good("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"] == longest
    assert kms.good("ListKeyPolicies", {"KeyId": key["KeyId"], "Marker": b64(b"default")})["PolicyNames"] == []
    kms.bad("InvalidMarkerException", "ListKeyPolicies", {"KeyId": key["KeyId"], "Marker": "%%%"})


@test("the calls on policies work in each state of the key")
def _():
    key = kms.new_key()
    for operation in ("DescribeKey", "DisableKey", "ScheduleKeyDeletion"):
        kms.good(operation, {"KeyId": key["KeyId"]})
        put(key)
        assert kms.good("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"] == policy()
        kms.good("ListKeyPolicies", {"KeyId": key["KeyId"]})


@test("an AWS managed key has a policy for its use alone, which nobody can change")
def _():
    key = kms.good("DescribeKey", {"KeyId": "alias/aws/rds"})["KeyMetadata"]["KeyId"]
    text = kms.good("GetKeyPolicy", {"KeyId": key})["Policy"]
    assert "kms:*" not in text and json.loads(text)["Statement"][0]["Principal"] == {"AWS": ROOT} and f"{ACCOUNT}:user/enveloped" in text, text
    kms.bad("AccessDeniedException", "PutKeyPolicy", {"KeyId": key, "Policy": policy()})


@test("an alias leaves a key only if the key's policy allows it")
def _():
    kept = new_key(allow(f"arn:aws:iam::{ACCOUNT}:user/enveloped", "kms:CreateAlias"))
    free = kms.new_key()
    kms.good("CreateAlias", {"AliasName": "alias/kept", "TargetKeyId": kept["KeyId"]}, **AGENT)
    kms.bad("AccessDeniedException", "UpdateAlias", {"AliasName": "alias/kept", "TargetKeyId": free["KeyId"]}, **AGENT)
    kms.bad("AccessDeniedException", "DeleteAlias", {"AliasName": "alias/kept"}, **AGENT)
    assert kms.good("ListAliases", {"KeyId": kept["KeyId"]}, **AGENT)["Aliases"][0]["AliasName"] == "alias/kept"
    kms.good("UpdateAlias", {"AliasName": "alias/kept", "TargetKeyId": free["KeyId"]})
    kms.good("DeleteAlias", {"AliasName": "alias/kept"}, **AGENT)


@test("names of a context that differ in case alone are denied by a policy, since a condition cannot tell them apart")
def _():
    key = new_key(allow(ROOT, "kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:App": "db"}}))
    assert encrypt(key, {"App": "db", "Other": "x"}, **AGENT).status == 200
    assert encrypt(key, {"App": "web", "app": "db"}, **AGENT).error == "AccessDeniedException"


@test("a policy is sealed with its key: nobody without the root key can change or remove it")
def _():
    key = new_key()
    store = f"{kms.state}/kms.sqlite"
    for change in ("replace(record, 'admin', 'other')", "json_remove(record, '$.Policy')"):
        with sqlite3.connect(store) as db:
            kept = db.execute("SELECT record FROM keys WHERE key_id = ?", (key["KeyId"],)).fetchone()[0]
            db.execute(f"UPDATE keys SET record = {change} WHERE key_id = ?", (key["KeyId"],))
            assert db.execute("SELECT record FROM keys WHERE key_id = ?", (key["KeyId"],)).fetchone()[0] != kept
        for who in ({}, AGENT):
            kms.bad("KMSInternalException", "DescribeKey", {"KeyId": key["KeyId"]}, **who)
        with sqlite3.connect(store) as db:
            db.execute("UPDATE keys SET record = ? WHERE key_id = ?", (kept, key["KeyId"]))
    kms.good("DescribeKey", {"KeyId": key["KeyId"]})


@test("the audit trail has the policy that was put, and who put it")
def _():
    key = kms.new_key()
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "PolicyName": "default", "Policy": policy(),
                              "BypassPolicyLockoutSafetyCheck": False})
    record = kms.audit()[-1]
    assert record["eventName"] == "PutKeyPolicy" and record["readOnly"] is False and record["responseElements"] is None
    assert record["requestParameters"] == {"keyId": key["KeyId"], "policyName": "default", "policy": policy(),
                                           "bypassPolicyLockoutSafetyCheck": False}, record
    assert record["userIdentity"]["arn"] == ADMIN and record["resources"][0]["ARN"] == key["Arn"]
    kms.good("GetKeyPolicy", {"KeyId": key["KeyId"]})
    assert kms.audit()[-1]["eventName"] == "GetKeyPolicy" and kms.audit()[-1]["readOnly"] is True


GUIDE = {
    # policy of docs/kms.md: (user, operation, encryption context, is it allowed?)
    "managed": [("admin", "DescribeKey", None, True), ("admin", "TagResource", None, True), ("admin", "Decrypt", {}, False),
                ("admin", "Encrypt", {}, False), ("enveloped", "DescribeKey", None, False), ("enveloped", "Decrypt", {}, False),
                ("admin", "CreateGrant", "enveloped", True), ("admin", "CreateGrant", "admin", False)],
    "auditor": [("auditor", "DescribeKey", None, True), ("auditor", "GetKeyPolicy", None, True), ("auditor", "ListGrants", None, True),
                ("auditor", "Decrypt", {}, False), ("auditor", "DisableKey", None, False), ("recovery", "DescribeKey", None, False)],
    "recovery": [("recovery", "Decrypt", {"dm-envelope:header-sha256": "00"}, True), ("recovery", "Decrypt", {}, False),
                 ("recovery", "DescribeKey", None, False), ("auditor", "Decrypt", {"dm-envelope:header-sha256": "00"}, False)],
    "one-cluster": [("enveloped", "Decrypt", {"aws:rds:db-id": "cluster-RESOURCE-ID"}, True), ("enveloped", "Decrypt", {}, False),
                    ("enveloped", "Decrypt", {"aws:rds:db-id": "cluster-OTHER"}, False), ("enveloped", "DescribeKey", None, True)],
    "custodian": [("admin", "ScheduleKeyDeletion", None, False), ("admin", "DisableKey", None, True),
                  ("enveloped", "ScheduleKeyDeletion", None, False), ("custodian", "Decrypt", {}, False),
                  ("custodian", "ScheduleKeyDeletion", None, True), ("custodian", "CancelKeyDeletion", None, True)],
    "other-account": [("stranger", "DescribeKey", None, True), ("stranger", "Decrypt", {}, True),
                      ("stranger", "DisableKey", None, False)],
}


def guide_policies():
    """The policies of docs/kms.md: {name: list of its statements}"""
    with open("docs/kms.md", encoding="utf-8") as f:
        found = re.findall(r"^\*\*`([\w-]+)\.json`.*?^```json\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)
    out = {name: json.loads(text) for name, text in found}
    return {name: p if isinstance(p, list) else p.get("Statement", [p]) for name, p in out.items()}


@test("each policy of the operator's guide gives what the guide says, and no more")
def _():
    policies = guide_policies()
    assert sorted(policies) == sorted(GUIDE), sorted(policies)
    for name, tries in GUIDE.items():
        key = kms.new_key()
        contexts = {json.dumps(c, sort_keys=True) for _u, o, c, _a in tries if o == "Decrypt"}
        blobs = {c: encrypt(key, json.loads(c)).json["CiphertextBlob"] for c in contexts}
        statements = policies["managed"] + (policies[name] if name != "managed" else [])
        kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})})
        if name == "one-cluster":
            kms.good("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": ["Decrypt", "DescribeKey"]})
        for user, operation, detail, allowed in tries:
            params = {"KeyId": key["Arn"]}
            if operation in ("Encrypt", "Decrypt"):
                params["EncryptionContext"] = detail
            if operation == "Decrypt":
                params["CiphertextBlob"] = blobs[json.dumps(detail, sort_keys=True)]
            elif operation == "CreateGrant":
                params.update(GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/{detail}", Operations=["Decrypt"])
            params.update({"Encrypt": {"Plaintext": "eA=="}, "TagResource": {"Tags": []}}.get(operation, {}))
            reply = kms.call(operation, params, profile=user)
            expected = 200 if allowed else "AccessDeniedException"
            assert expected in (reply.status, reply.error), (name, user, operation, detail, reply.text)


@test("a policy of many wildcards is evaluated in time for the client")
def _():
    stars = "*a" * 2000 + "*b"
    key = new_key(allow(ROOT, "kms:Encrypt", Condition={"StringLike": {"kms:EncryptionContext:App": [stars] * 4}}))
    assert encrypt(key, {"App": "a" * 8000}, **AGENT).error == "AccessDeniedException"


@test("SIGTERM ends it, and no sanitizer has reported anything")
def _():
    kms.end_cleanly()


kms.close()
assert not os.path.exists(kms.dir)
sys.exit(tap.finish())
