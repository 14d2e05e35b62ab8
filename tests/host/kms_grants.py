# SPDX-License-Identifier: MIT
#
# Grants of envelope-kms through signed calls: making, listing, retiring and revoking them, what they allow, and
# what a damaged key store makes of them. kms_grant_model.py has the rules themselves.

import base64
import json
import os
import sys
import time

import botocore.session

from kms_daemon import ACCOUNT, REGION, STRANGER, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
MANY = int(os.environ.get("ENVELOPE_GRANTS", "300"))

kms.start()
kms.add_stranger()
kms.restart()

ADMIN, AGENT_ARN = (f"arn:aws:iam::{ACCOUNT}:user/{n}" for n in ("admin", "enveloped"))
STRANGER_ARN = f"arn:aws:iam::{STRANGER}:user/stranger"
AGENT = {"profile": "enveloped"}
STRANGE = {"profile": "stranger"}
VOLUME = {"dm-envelope:volume-id": "vol-1", "aws:rds:db-id": "cluster-A"}


def policy(*statements):
    own = {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [own, *statements]})


def new_key(*statements):
    """A key of admin alone: the agent has no right to it but through a grant."""
    return kms.new_key(Policy=policy(*statements))


def grant(key, *operations, grantee=AGENT_ARN, who=None, **more):
    made = kms.good("CreateGrant", {"KeyId": key["Arn"], "GranteePrincipal": grantee, "Operations": list(operations), **more},
                    **(who or {}))
    assert set(made) == {"GrantId", "GrantToken"}, made
    kms.secrets.append(made["GrantToken"])
    return made


def listed(key, **more):
    out, more = [], {"KeyId": key["KeyId"], **more}
    while True:
        page = kms.good("ListGrants", more)
        out += page["Grants"]
        if not page["Truncated"]:
            return out
        more["Marker"] = page["NextMarker"]


def ids(grants):
    return [g["GrantId"] for g in grants]


def encrypt(key, context=None, **who):
    return kms.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "eA==", "EncryptionContext": context or {}}, **who)


def allowed(reply):
    assert reply.status == 200 or reply.error == "AccessDeniedException", reply.text
    return reply.status == 200


@test("a grant gives its operations to its grantee at once, also across a restart, until it is revoked")
def _():
    key, other = new_key(), new_key()
    assert not allowed(encrypt(key, **AGENT))
    made = grant(key, "Encrypt", "DescribeKey")
    for _i in range(2):
        assert allowed(encrypt(key, VOLUME, **AGENT)) and not allowed(encrypt(other, **AGENT))
        kms.good("DescribeKey", {"KeyId": key["KeyId"], "GrantTokens": [made["GrantToken"]]}, **AGENT)
        for denied in "DisableKey", "GetKeyPolicy", "ListGrants":
            kms.bad("AccessDeniedException", denied, {"KeyId": key["KeyId"]}, **AGENT)
        kms.restart()
    blob = encrypt(key).json["CiphertextBlob"]
    kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": blob}, **AGENT)
    kms.bad("AccessDeniedException", "RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]}, **AGENT)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    reply = encrypt(key, VOLUME, **AGENT)
    assert reply.error == "AccessDeniedException" and "because no resource-based policy allows" in reply.message, reply.text
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": key["KeyId"]}, **AGENT)
    kms.bad("NotFoundException", "RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    assert not listed(key)


@test("an explicit deny of the policy wins over each grant")
def _():
    deny = {"Effect": "Deny", "Principal": {"AWS": AGENT_ARN}, "Action": "kms:Encrypt", "Resource": "*"}
    key = new_key()
    grant(key, "Encrypt", "GenerateDataKey")
    assert allowed(encrypt(key, **AGENT))
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": policy(deny)})
    reply = encrypt(key, **AGENT)
    assert reply.error == "AccessDeniedException" and "explicit deny" in reply.message, reply.text
    kms.good("GenerateDataKey", {"KeyId": key["KeyId"], "KeySpec": "AES_256"}, **AGENT)


@test("constraints compare the encryption context: equal, or with all pairs; DescribeKey has none")
def _():
    key = new_key()
    made = grant(key, "Encrypt", "Decrypt", "DescribeKey", Constraints={"EncryptionContextEquals": VOLUME})
    wrong = {**VOLUME, "aws:rds:db-id": "cluster-B"}
    for context, holds in (VOLUME, True), ({**VOLUME, "more": "1"}, False), ({}, False), (wrong, False):
        assert allowed(encrypt(key, context, **AGENT)) == holds, context
    kms.good("DescribeKey", {"KeyId": key["KeyId"]}, **AGENT)
    blob = encrypt(key, VOLUME).json["CiphertextBlob"]
    kms.good("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": VOLUME}, **AGENT)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    grant(key, "Encrypt", Constraints={"EncryptionContextSubset": {"aws:rds:db-id": "cluster-A"}})
    for context, holds in (VOLUME, True), ({"aws:rds:db-id": "cluster-A"}, True), ({}, False), (wrong, False), \
            ({"AWS:rds:db-id": "cluster-A"}, False):
        assert allowed(encrypt(key, context, **AGENT)) == holds, context
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": key["KeyId"]}, **AGENT)


@test("a principal of another account uses the key by its ARN through a grant; a grant to an account is one to its users")
def _():
    key = new_key()
    grant(key, "Encrypt", "DescribeKey", grantee=STRANGER_ARN)
    assert allowed(encrypt(key, **STRANGE)) and not allowed(encrypt(key, **AGENT))
    kms.good("DescribeKey", {"KeyId": key["Arn"]}, **STRANGE)
    kms.bad("AccessDeniedException", "DisableKey", {"KeyId": key["Arn"]}, **STRANGE)
    other = new_key()
    grant(other, "Encrypt", grantee=f"arn:aws:iam::{ACCOUNT}:root")
    assert allowed(encrypt(other, **AGENT)) and not allowed(encrypt(other, **STRANGE))


@test("ReEncrypt needs a grant with ReEncryptFrom on one key and one with ReEncryptTo on the other")
def _():
    source, target = new_key(), new_key()
    blob = encrypt(source).json["CiphertextBlob"]
    again = {"CiphertextBlob": blob, "DestinationKeyId": target["KeyId"]}
    for key, operation in (source, "ReEncryptFrom"), (target, "ReEncryptTo"):
        kms.bad("AccessDeniedException", "ReEncrypt", again, **AGENT)
        grant(key, operation)
    kms.good("ReEncrypt", again, **AGENT)


@test("a grantee with CreateGrant hands on no more than it has, under constraints that are as strict")
def _():
    key = new_key()
    grant(key, "CreateGrant", "Encrypt", "Decrypt", Constraints={"EncryptionContextSubset": {"db": "1"}})
    for operations, constraints, holds in (
        (["Encrypt"], {"EncryptionContextSubset": {"db": "1"}}, True),
        (["Encrypt", "Decrypt"], {"EncryptionContextEquals": {"db": "1", "x": "y"}}, True),
        (["Encrypt"], {"EncryptionContextSubset": {"db": "2"}}, False),
        (["Encrypt"], {"EncryptionContextSubset": {"x": "y"}}, False),
        (["Encrypt"], {}, False),
        (["Encrypt", "DescribeKey"], {"EncryptionContextEquals": {"db": "1"}}, False),
    ):
        reply = kms.call("CreateGrant", {"KeyId": key["Arn"], "GranteePrincipal": STRANGER_ARN, "Operations": operations,
                                         "Constraints": constraints}, **AGENT)
        assert allowed(reply) == holds, (operations, constraints, reply.text)
    assert allowed(encrypt(key, {"db": "1"}, **STRANGE)) and not allowed(encrypt(key, **STRANGE))
    assert {g["IssuingAccount"] for g in listed(key)} == {f"arn:aws:iam::{ACCOUNT}:root"}


@test("a policy may allow CreateGrant for some grants alone, by its conditions")
def _():
    key = new_key({"Effect": "Allow", "Principal": {"AWS": AGENT_ARN}, "Action": "kms:CreateGrant", "Resource": "*",
                   "Condition": {"StringEquals": {"kms:GranteePrincipal": STRANGER_ARN,
                                                  "kms:GrantConstraintType": "EncryptionContextSubset"},
                                 "ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}})
    good = {"KeyId": key["KeyId"], "GranteePrincipal": STRANGER_ARN, "Operations": ["Encrypt"],
            "Constraints": {"EncryptionContextSubset": {"db": "1"}}}
    kms.good("CreateGrant", good, **AGENT)
    for change in {"GranteePrincipal": AGENT_ARN}, {"Operations": ["Encrypt", "DescribeKey"]}, {"Constraints": {}}:
        kms.bad("AccessDeniedException", "CreateGrant", {**good, **change}, **AGENT)


@test("the retiring principal, a grantee with RetireGrant, and whom the policy allows retire a grant; nobody else does")
def _():
    key = new_key()
    made = grant(key, "Encrypt", grantee=STRANGER_ARN, RetiringPrincipal=AGENT_ARN)
    named = {"KeyId": key["Arn"], "GrantId": made["GrantId"]}
    kms.bad("AccessDeniedException", "RetireGrant", named, **STRANGE)
    kms.bad("AccessDeniedException", "RetireGrant", {"GrantToken": made["GrantToken"]}, **STRANGE)
    # Who may not retire it learns nothing about which grants there are.
    kms.bad("AccessDeniedException", "RetireGrant", {**named, "GrantId": "0" * 64}, **STRANGE)
    assert kms.call("RetireGrant", {**named, "DryRun": True}, **AGENT).error == "DryRunOperationException"
    assert allowed(encrypt(key, **STRANGE))
    assert kms.call("RetireGrant", named, **AGENT).text == ""
    assert not allowed(encrypt(key, **STRANGE))
    kms.bad("NotFoundException", "RetireGrant", {"GrantToken": made["GrantToken"]}, **AGENT)
    kms.bad("NotFoundException", "RetireGrant", named)
    own = grant(key, "Encrypt", "RetireGrant", grantee=STRANGER_ARN)
    kms.good("RetireGrant", {"GrantToken": own["GrantToken"]}, **STRANGE)
    assert not allowed(encrypt(key, **STRANGE))
    kms.good("RetireGrant", {"KeyId": key["Arn"], "GrantId": grant(key, "Encrypt")["GrantId"]})
    for params in {}, named | {"GrantToken": made["GrantToken"]}, {"KeyId": key["Arn"]}, {"GrantId": made["GrantId"]}:
        kms.bad("ValidationException", "RetireGrant", params)
    assert not listed(key)


@test("a grant whose constraint has names that differ in case alone can be retired under each policy")
def _():
    key = kms.new_key()
    made = grant(key, "Encrypt", RetiringPrincipal=AGENT_ARN, Constraints={"EncryptionContextSubset": {"a": "1", "A": "2"}})
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": policy()})
    kms.good("RetireGrant", {"GrantToken": made["GrantToken"]}, **AGENT)
    assert not listed(key)


@test("CreateGrant again with a name and the same terms gives the same grant and another token; other terms make another grant")
def _():
    key = new_key()
    terms = {"Name": "volume:1", "Constraints": {"EncryptionContextSubset": VOLUME}, "RetiringPrincipal": ADMIN}
    first, second = grant(key, "Encrypt", "Decrypt", **terms), grant(key, "Decrypt", "Encrypt", **terms)
    assert first["GrantId"] == second["GrantId"] and first["GrantToken"] != second["GrantToken"]
    for token in first, second:
        kms.good("DescribeKey", {"KeyId": key["KeyId"], "GrantTokens": [token["GrantToken"]]})
    others = [grant(key, "Encrypt", **terms), grant(key, "Encrypt", "Decrypt", **{**terms, "Name": "volume:2"}),
              grant(key, "Encrypt", "Decrypt", **{**terms, "Constraints": {"EncryptionContextEquals": VOLUME}})]
    nameless = [grant(key, "Encrypt"), grant(key, "Encrypt")]
    assert len({g["GrantId"] for g in [first] + others + nameless}) == 6
    assert len(listed(key)) == 6
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": first["GrantId"]})
    assert grant(key, "Encrypt", "Decrypt", **terms)["GrantId"] != first["GrantId"]


@test("listings give each member of a grant, in pages, of a key, a grantee, an id or a retiring principal")
def _():
    key, other = new_key(), new_key()
    retiring = f"arn:aws:iam::{ACCOUNT}:role/retires"
    before = int(time.time())
    full = grant(key, "Encrypt", "DescribeKey", Name="n", RetiringPrincipal=retiring,
                 Constraints={"EncryptionContextEquals": VOLUME})
    made = [full] + [grant(key, "Decrypt", grantee=STRANGER_ARN) for _i in range(5)] + [grant(other, "Decrypt", RetiringPrincipal=retiring)]
    entry, = kms.good("ListGrants", {"KeyId": key["Arn"], "GrantId": full["GrantId"]})["Grants"]
    assert before <= entry.pop("CreationDate") <= time.time()
    assert entry == {"KeyId": key["Arn"], "GrantId": full["GrantId"], "Name": "n", "GranteePrincipal": AGENT_ARN,
                     "RetiringPrincipal": retiring, "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
                     "Operations": ["Encrypt", "DescribeKey"], "Constraints": {"EncryptionContextEquals": VOLUME}}, entry
    wanted = sorted(ids(made[:6]))
    for limit in {}, {"Limit": 1}, {"Limit": 4}, {"Limit": 6}:
        assert ids(listed(key, **limit)) == wanted, limit
    assert sorted(ids(listed(key, GranteePrincipal=STRANGER_ARN, Limit=2))) == sorted(ids(made[1:6]))
    assert not listed(key, GrantId=made[6]["GrantId"]) and not listed(key, GrantId=full["GrantId"], GranteePrincipal=STRANGER_ARN)
    retirable = kms.good("ListRetirableGrants", {"RetiringPrincipal": retiring}, **AGENT)
    assert sorted(ids(retirable["Grants"])) == sorted(ids([full, made[6]])) and not retirable["Truncated"]
    page = kms.good("ListRetirableGrants", {"RetiringPrincipal": retiring, "Limit": 1})
    rest = kms.good("ListRetirableGrants", {"RetiringPrincipal": retiring, "Limit": 1, "Marker": page["NextMarker"]})
    assert sorted(ids(page["Grants"] + rest["Grants"])) == sorted(ids(retirable["Grants"])) and not rest["Truncated"]
    kms.bad("AccessDeniedException", "ListRetirableGrants", {"RetiringPrincipal": retiring}, **STRANGE)
    kms.bad("AccessDeniedException", "ListGrants", {"KeyId": key["Arn"]}, **STRANGE)
    for operation, params in ("ListGrants", {"KeyId": key["KeyId"]}), ("ListRetirableGrants", {"RetiringPrincipal": ADMIN}):
        kms.bad("InvalidMarkerException", operation, {**params, "Marker": "%"})
        kms.bad("ValidationException", operation, {**params, "Limit": 101})


@test("malformed parameters are refused, and make no grant")
def _():
    key = new_key()
    good = {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": ["Encrypt"]}
    pairs = {str(i): "" for i in range(9)}
    for error, change in (
        ("ValidationException", {"KeyId": None}), ("ValidationException", {"GranteePrincipal": None}),
        ("ValidationException", {"Operations": None}), ("ValidationException", {"Operations": []}),
        ("ValidationException", {"Operations": ["DisableKey"]}), ("ValidationException", {"Operations": ["Encrypt", "Sign"]}),
        ("SerializationException", {"Operations": "Encrypt"}), ("SerializationException", {"Operations": [1]}),
        ("ValidationException", {"GranteePrincipal": "a b"}), ("ValidationException", {"GranteePrincipal": "a" * 257}),
        ("InvalidArnException", {"GranteePrincipal": "enveloped"}), ("InvalidArnException", {"GranteePrincipal": ACCOUNT}),
        ("InvalidArnException", {"GranteePrincipal": "rds.amazonaws.com"}),
        ("InvalidArnException", {"RetiringPrincipal": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x"}),
        ("SerializationException", {"RetiringPrincipal": 1}), ("ValidationException", {"RetiringPrincipal": ""}),
        ("ValidationException", {"Name": "a b"}), ("ValidationException", {"Name": ""}), ("ValidationException", {"Name": "n" * 257}),
        ("SerializationException", {"Constraints": []}), ("SerializationException", {"Constraints": {"EncryptionContextEquals": 1}}),
        ("SerializationException", {"Constraints": {"EncryptionContextEquals": {"a": 1}}}),
        ("ValidationException", {"Constraints": {"EncryptionContextEquals": {}}}),
        ("ValidationException", {"Constraints": {"EncryptionContextSubset": pairs}}),
        ("ValidationException", {"Constraints": {"EncryptionContextSubset": {"a": "v" * 385}}}),
        ("ValidationException", {"Constraints": {"EncryptionContextSubset": VOLUME, "EncryptionContextEquals": VOLUME}}),
        ("UnsupportedOperationException", {"Constraints": {"SourceArn": "arn:aws:s3:::b"}}),
        ("SerializationException", {"DryRun": "yes"}), ("NotFoundException", {"KeyId": "alias/any"}),
    ):
        kms.bad(error, "CreateGrant", {k: v for k, v in {**good, **change}.items() if v is not None})
    for null in None, {"EncryptionContextSubset": None}, {"EncryptionContextEquals": None}, \
            {"EncryptionContextEquals": VOLUME, "EncryptionContextSubset": None}:
        kms.bad("SerializationException", "CreateGrant", {**good, "Constraints": null})
    assert kms.call("CreateGrant", {**good, "DryRun": True}).error == "DryRunOperationException"
    for operation in "RevokeGrant", "ListGrants":
        kms.bad("InvalidGrantIdException", operation, {"KeyId": key["KeyId"], "GrantId": "0" * 63})
        kms.bad("ValidationException", operation, {"KeyId": key["KeyId"], "GrantId": "0" * 129})
    kms.bad("ValidationException", "RevokeGrant", {"KeyId": key["KeyId"]})
    kms.bad("InvalidGrantTokenException", "RetireGrant", {"GrantToken": base64.b64encode(os.urandom(60)).decode()})
    assert not listed(key)
    kms.bad("AccessDeniedException", "CreateGrant",
            {**good, "KeyId": kms.good("DescribeKey", {"KeyId": "alias/aws/rds"})["KeyMetadata"]["KeyId"]})


@test("requests, replies and faults of the five calls have the shapes of botocore's model")
def _():
    service = botocore.session.get_session().get_service_model("kms")
    key = new_key()
    calls = {
        "CreateGrant": ({"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": ["Encrypt"], "RetiringPrincipal": ADMIN,
                         "Name": "n", "Constraints": {"EncryptionContextSubset": VOLUME}},
                        {"GrantTokens": ["token"]}),
        "ListGrants": ({"KeyId": key["KeyId"], "Limit": 1}, {"Marker": "%"}),
        "ListRetirableGrants": ({"RetiringPrincipal": ADMIN, "Limit": 1}, {"Marker": "%"}),
        "RevokeGrant": ({"KeyId": key["KeyId"], "GrantId": None}, {"GrantId": "0"}),
        "RetireGrant": ({"GrantToken": None}, {"GrantToken": "token"}),
    }
    for name, (params, wrong) in calls.items():
        model = service.operation_model(name)
        if name in ("RevokeGrant", "RetireGrant"):
            made = grant(key, "Encrypt")
            params = {k: v or made.get(k) for k, v in params.items()}
        reply = kms.good(name, params)
        assert set(params) <= set(model.input_shape.members), (name, params)
        assert set(reply) <= set(model.output_shape.members if model.output_shape else {}), (name, reply)
        for entry in reply.get("Grants", []):
            shape = model.output_shape.members["Grants"].member
            assert set(entry) == set(shape.members) and set(entry["Constraints"]) <= set(shape.members["Constraints"].members), entry
        fault = kms.call(name, {**params, **wrong}).error
        assert fault in [e.name for e in model.error_shapes], (name, fault)
    declared = set(service.shape_for("GrantOperation").enum)
    for operation in declared:
        reply = kms.call("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": [operation]})
        symmetric = operation not in ("Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret")
        assert reply.status == (200 if symmetric else 400), (operation, reply.text)


@test("the states of a key: no grant on a disabled one or one that waits for deletion; the rest works")
def _():
    key = new_key()
    made, later = grant(key, "Encrypt"), grant(key, "Encrypt")
    terms = {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": ["Encrypt"]}
    kms.good("DisableKey", {"KeyId": key["KeyId"]})
    kms.bad("DisabledException", "CreateGrant", terms)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    kms.good("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    kms.bad("KMSInvalidStateException", "CreateGrant", terms)
    assert ids(listed(key)) == [later["GrantId"]]
    kms.good("RetireGrant", {"GrantToken": later["GrantToken"]})
    assert not listed(key)


@test("RevokeGrant and RetireGrant take the grants of their key alone")
def _():
    key, other = new_key(), new_key()
    made = grant(key, "Encrypt")
    for operation in "RevokeGrant", "RetireGrant":
        kms.bad("NotFoundException", operation, {"KeyId": other["Arn"], "GrantId": made["GrantId"]})
    assert ids(listed(key)) == [made["GrantId"]]


@test("a grant that is deleted, altered or put back in the database is no denial and no permission, but an internal error")
def _():
    key = new_key()
    made = grant(key, "Encrypt", Constraints={"EncryptionContextEquals": VOLUME})
    row = f"grant_id = '{made['GrantId']}'"
    kms.tamper("CREATE TABLE kept AS SELECT * FROM grants")
    for sql in (f"DELETE FROM grants WHERE {row}", f"UPDATE grants SET record = replace(record, 'cluster-A', 'cluster-B') WHERE {row}",
                f"UPDATE grants SET seal = zeroblob(length(seal)) WHERE {row}"):
        kms.tamper(sql)
        assert encrypt(key, VOLUME, **AGENT).error == "KMSInternalException", sql
        assert not allowed(encrypt(key, {"other": "1"}, **AGENT)), "no grant for this context: a denial"
        kms.bad("KMSInternalException", "RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
        kms.bad("KMSInternalException", "ListGrants", {"KeyId": key["KeyId"]})
        assert allowed(encrypt(key, VOLUME)), "the policy allows it"
        kms.tamper("INSERT OR REPLACE INTO grants SELECT * FROM kept")
    assert allowed(encrypt(key, VOLUME, **AGENT))
    # Another grant allows it: the damaged one does not matter.
    kms.tamper(f"DELETE FROM grants WHERE {row}")
    spare = grant(key, "Encrypt")
    assert allowed(encrypt(key, VOLUME, **AGENT))
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": spare["GrantId"]})
    kms.tamper("INSERT OR REPLACE INTO grants SELECT * FROM kept")
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    kms.tamper(f"INSERT INTO grants SELECT * FROM kept WHERE {row}")
    assert not allowed(encrypt(key, VOLUME, **AGENT)), "the row of a revoked grant gives nothing"
    kms.bad("NotFoundException", "RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    kms.bad("KMSInternalException", "ListGrants", {"KeyId": key["KeyId"]})
    kms.tamper(f"DELETE FROM grants WHERE {row}")
    assert not listed(key)


@test("tokens: of a wrong form, of another store, altered ones are refused in each call, a token of this store is taken")
def _():
    key = new_key()
    token = grant(key, "Encrypt")["GrantToken"]
    raw = bytearray(base64.b64decode(token))
    raw[40] ^= 1
    for bad in "token", base64.b64encode(raw).decode(), base64.b64encode(raw[:-1]).decode(), base64.b64encode(os.urandom(60)).decode():
        for operation, params in ("DescribeKey", {}), ("CreateGrant", {"GranteePrincipal": AGENT_ARN, "Operations": ["Encrypt"]}):
            kms.bad("InvalidGrantTokenException", operation, {"KeyId": key["KeyId"], "GrantTokens": [token, bad], **params})
    other = kms.another()
    other.start()
    foreign = other.good("CreateGrant", {"KeyId": other.new_key()["KeyId"], "GranteePrincipal": AGENT_ARN,
                                         "Operations": ["Encrypt"]})["GrantToken"]
    other.stop()
    other.close()
    kms.bad("InvalidGrantTokenException", "DescribeKey", {"KeyId": key["KeyId"], "GrantTokens": [foreign]})
    kms.good("DescribeKey", {"KeyId": key["KeyId"], "GrantTokens": [token] * 10})


@test("the audit trail names the grant of each call on grants, its terms, and no token")
def _():
    key = new_key()
    kms.audit()
    made = grant(key, "Encrypt", "Decrypt", Name="audited", RetiringPrincipal=ADMIN, Constraints={"EncryptionContextSubset": VOLUME})
    second = grant(key, "Encrypt", RetiringPrincipal=ADMIN)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    kms.good("RetireGrant", {"GrantToken": second["GrantToken"]})
    create, _other, revoke, retire = kms.audit()[-4:]
    assert [r["eventName"] for r in (create, revoke, retire)] == ["CreateGrant", "RevokeGrant", "RetireGrant"]
    assert create["requestParameters"] == {
        "keyId": key["Arn"], "granteePrincipal": AGENT_ARN, "retiringPrincipal": ADMIN, "operations": ["Encrypt", "Decrypt"],
        "name": "audited", "constraints": {"encryptionContextSubset": VOLUME}}, create
    assert create["responseElements"] == {"grantId": made["GrantId"]}, create
    assert revoke["requestParameters"] == {"keyId": key["KeyId"], "grantId": made["GrantId"]}, revoke
    assert [r["additionalEventData"]["grantId"] for r in (revoke, retire)] == [made["GrantId"], second["GrantId"]]
    assert retire["requestParameters"] is None, retire
    for record in create, revoke, retire:
        assert not record["readOnly"] and record["resources"][0]["ARN"] == key["Arn"], record


@test("a record in the trail is UTF-8, whatever names the client gives to members of its lists and constraints")
def _():
    key = new_key()
    blob = encrypt(key).json["CiphertextBlob"]
    name = "N" * 62 + "\u00e9" + "x" * 100
    kms.audit()
    kms.good("Decrypt", {"CiphertextBlob": blob, "Tags": [{name: 1}]})
    kms.bad("UnsupportedOperationException", "CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN,
                                                             "Operations": ["Encrypt"], "Constraints": {name: {}}})
    decrypt, create = kms.audit()[-2:]
    whole = "n" + name[1:]
    assert decrypt["requestParameters"]["tags"] == [{whole: 1}] and create["requestParameters"]["constraints"] == {whole: {}}


@test(f"{MANY} grants of one grantee on one key: each decision reads the grants of its context alone, and the key takes all along")
def _():
    key = new_key()
    for i in range(MANY):
        grant(key, "Encrypt", "DescribeKey", Constraints={"EncryptionContextEquals": {"volume": str(i)}})
    assert len(listed(key, Limit=100)) == MANY
    for i in 0, MANY // 2, MANY - 1:
        assert allowed(encrypt(key, {"volume": str(i)}, **AGENT))
    assert not allowed(encrypt(key, {"volume": "none"}, **AGENT))
    times = []
    for context in {"volume": str(MANY // 2)}, {"volume": "none"}:
        begun = time.monotonic()
        for _i in range(20):
            encrypt(key, context, **AGENT)
        times.append((time.monotonic() - begun) / 20)
    tap.comment(f"{times[0] * 1000:.1f} ms an allowed call, {times[1] * 1000:.1f} ms a denied one, TLS included")


test("no token and no secret is in the trail or the log")(lambda: kms.leaked_nothing(20))
test("the KMS ended cleanly")(kms.end_cleanly)
kms.close()
sys.exit(tap.finish())
