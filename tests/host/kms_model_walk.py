# SPDX-License-Identifier: MIT
#
# Walks AWS's model of the KMS API, which botocore ships: each call that the table in docs/kms.md has as served is
# made with each of its members, and answered as the model says; each constraint of the model is broken in turn, and
# refused with AWS's fault; each other call is refused by name. The table has each call of the model.

import base64
import json
import os
import re
import sys
import uuid

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import kms_api
import kms_sdk
from kms_daemon import ACCOUNT, Kms, b64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
kms.start()

NEWEST, SDK = os.environ.get("KMS_MODEL"), os.environ.get("KMS_SDK")
MODEL = kms_api.with_newer(kms_api.read(*[NEWEST] if NEWEST else []))
SHAPES = MODEL["shapes"]

# Faults of each call that the model does not list. UnsupportedOperationException is not among them.
COMMON = {"AccessDeniedException", "SerializationException", "ThrottlingException", "ValidationException"}

ADMIN, AGENT = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("admin", "enveloped"))
POLICY = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": "kms:*", "Resource": "*"}})
PUBLIC = rsa.generate_private_key(65537, 2048).public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
CONTEXT = {"dm-envelope:volume-id": "vol-1"}


def page_table():
    """The table of calls in docs/kms.md: {name: is it served?}"""
    with open("docs/kms.md", encoding="utf-8") as f:
        rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", f.read(), re.MULTILINE)
    assert len(dict(rows)) == len(rows), rows
    return {name: served == "yes" for name, served in rows}


TABLE = page_table()
SERVED = sorted(name for name, served in TABLE.items() if served)
OTHERS = sorted(name for name, served in TABLE.items() if not served)

# ---------------------------------------------------------------- valid requests


def new_alias():
    name = f"alias/{uuid.uuid4()}"
    kms.good("CreateAlias", {"AliasName": name, "TargetKeyId": KEY})
    return name


def new_grant():
    return kms.good("CreateGrant", {"KeyId": KEY, "GranteePrincipal": AGENT, "Operations": ["Encrypt"]})


def waiting_key():
    key = kms.new_key()["KeyId"]
    kms.good("ScheduleKeyDeletion", {"KeyId": key})
    return key


KEY, OTHER = (kms.new_key(Tags=[{"TagKey": "Team", "TagValue": "db"}])["KeyId"] for _i in range(2))
kms.good("CreateAlias", {"AliasName": "alias/first", "TargetKeyId": KEY})
kms.good("CreateAlias", {"AliasName": "alias/second", "TargetKeyId": OTHER})
GRANT = kms.good("CreateGrant", {"KeyId": KEY, "GranteePrincipal": AGENT, "RetiringPrincipal": ADMIN, "Operations": ["Encrypt"],
                                 "Constraints": {"EncryptionContextEquals": CONTEXT}})
kms.good("RotateKeyOnDemand", {"KeyId": KEY})
BLOB = kms.good("Encrypt", {"KeyId": KEY, "Plaintext": b64(b"data")})["CiphertextBlob"]

# A valid value of each member of a request, by its name: of the call, or else of all calls. A function makes one.
VALUES = {
    "AliasName": lambda: f"alias/{uuid.uuid4()}",
    "BypassPolicyLockoutSafetyCheck": False,
    "CiphertextBlob": BLOB,
    "Constraints": {"EncryptionContextSubset": CONTEXT, "EncryptionContextEquals": CONTEXT},
    "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
    "Description": "a key",
    "DestinationEncryptionContext": CONTEXT,
    "DestinationKeyId": OTHER,
    "DryRun": False,
    "EncryptionContext": {},
    "GrantId": GRANT["GrantId"],
    "GrantToken": GRANT["GrantToken"],
    "GrantTokens": [GRANT["GrantToken"]],
    "GranteePrincipal": AGENT,
    "IncludeKeyMaterial": "ALL_KEY_MATERIAL",
    "KeyId": KEY,
    "KeySpec": "AES_256",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "Limit": 1,
    "Marker": b64(b"!"),
    "MultiRegion": False,
    "Name": "a-grant",
    "NumberOfBytes": 16,
    "Operations": ["Encrypt"],
    "Origin": "AWS_KMS",
    "PendingWindowInDays": 7,
    "Plaintext": b64(b"data"),
    "Policy": POLICY,
    "PolicyName": "default",
    "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b64(PUBLIC)},
    "RetiringPrincipal": ADMIN,
    "RotationPeriodInDays": 90,
    "SourceEncryptionContext": {},
    "SourceKeyId": KEY,
    "TagKeys": ["Team"],
    "Tags": [{"TagKey": "Team", "TagValue": "storage"}],
    "TargetKeyId": KEY,
    **{f"{end}EncryptionAlgorithm": "SYMMETRIC_DEFAULT" for end in ("", "Source", "Destination")},
}
OF_CALL = {
    ("CancelKeyDeletion", "KeyId"): waiting_key,
    ("CreateKey", "KeySpec"): "SYMMETRIC_DEFAULT",
    ("DisableKey", "KeyId"): lambda: kms.new_key()["KeyId"],
    ("DeleteAlias", "AliasName"): new_alias,
    ("RetireGrant", "GrantToken"): lambda: new_grant()["GrantToken"],
    ("RevokeGrant", "GrantId"): lambda: new_grant()["GrantId"],
    ("ScheduleKeyDeletion", "KeyId"): lambda: kms.new_key()["KeyId"],
    ("UpdateAlias", "AliasName"): "alias/first",
}
# Members that a call needs, although the model does not say so.
NEEDED = {
    "CreateGrant": ["GranteePrincipal"],
    "Decrypt": ["CiphertextBlob"],
    "GenerateDataKey": ["KeySpec"],
    "GenerateDataKeyWithoutPlaintext": ["KeySpec"],
    "GenerateRandom": ["NumberOfBytes"],
    "ListRetirableGrants": ["RetiringPrincipal"],
    "ReEncrypt": ["CiphertextBlob"],
    "RetireGrant": ["GrantToken"],
}
# A member that takes the place of a needed one, with what it needs itself.
INSTEAD = {
    ("GenerateDataKey", "NumberOfBytes"): {"KeySpec": None},
    ("GenerateDataKeyWithoutPlaintext", "NumberOfBytes"): {"KeySpec": None},
    ("RetireGrant", "KeyId"): {"GrantToken": None, "GrantId": lambda: new_grant()["GrantId"]},
    ("RetireGrant", "GrantId"): {"GrantToken": None, "KeyId": KEY},
}
# Two constraints of a grant exclude each other.
ONE_OF_TWO = "GrantConstraints"
# Members of features that docs/kms.md says this KMS lacks.
LACKING = {"CustomKeyStoreId": "cks-1", "DryRunModifiers": ["IGNORE_CIPHERTEXT"], "GranteeServicePrincipal": "rds.amazonaws.com",
           "RetiringServicePrincipal": "rds.amazonaws.com", "XksKeyId": "key-1"}


def input_of(name):
    return SHAPES[MODEL["operations"][name]["input"]["shape"]]


def made(value):
    return value() if callable(value) else value


def value_of(name, member):
    return made(OF_CALL.get((name, member), VALUES.get(member, LACKING.get(member))))


def minimal(name):
    members = list(input_of(name).get("required", [])) + NEEDED.get(name, [])
    return {member: value_of(name, member) for member in members}


def with_member(name, member, value):
    """A request that is valid, if VALUE is."""
    if member == "GrantId" and name == "RetireGrant" and value == GRANT["GrantId"]:
        value = new_grant()["GrantId"]
    request = {**minimal(name), **{k: made(v) for k, v in INSTEAD.get((name, member), {}).items()}, member: value}
    return {k: v for k, v in request.items() if v is not None}


def good_values(name, member):
    """Each valid value that the model lists for MEMBER, or one."""
    value = value_of(name, member)
    shape = SHAPES[input_of(name)["members"][member]["shape"]]
    if shape["type"] == "boolean":
        return [True, False]
    if input_of(name)["members"][member]["shape"] == ONE_OF_TWO:
        return [{k: v} for k, v in value.items()]
    return [value]


# ---------------------------------------------------------------- answers


def errors_of(name):
    return kms_api.errors_of(MODEL["operations"][name]) | COMMON


def is_as_modelled(name, reply):
    output = MODEL["operations"][name].get("output", {}).get("shape")
    if output is None:
        return [] if reply.text == "" else [f"{name} has no answer: {reply.text}"]
    return kms_api.faults(MODEL, output, reply.json, name)


def refusal_is_as_modelled(name, reply, codes):
    """What is wrong with a refusal that must have one of CODES."""
    if len(reply.sent) > kms_api.BODY_MAX:
        codes = {"RequestEntityTooLargeException"}
    status = 413 if codes == {"RequestEntityTooLargeException"} else 400
    if reply.error in codes and reply.status == status and set(reply.json) == {"__type", "message"} and reply.message:
        return []
    return [f"{name}: expected {' or '.join(sorted(codes))}, seen {reply.status} {reply.text[:300]}"]


def call(name, params, **how):
    reply = kms.call(name, params, **how)
    reply.sent = json.dumps(params)
    return reply


def none(found):
    assert not found, f"{len(found)} faults:\n" + "\n".join(found[:60])


# ---------------------------------------------------------------- the table


@test("docs/kms.md has each call of AWS's model once, as served or not")
def _():
    assert SERVED and OTHERS and set(TABLE) == set(MODEL["operations"]), set(TABLE) ^ set(MODEL["operations"])


@test("docs/kms.md, the man page and the program agree on what is served")
def _():
    with open("userspace/kms/ops/ops.c", encoding="utf-8") as f:
        program = re.findall(r'^\t\{ "(\w+)", op_\w+, OP_\w+ \},$', f.read(), re.MULTILINE)
    with open("docs/man/envelope-kms.8.scd", encoding="utf-8") as f:
        section = re.search(r"^# OPERATIONS\n\n(.*?)\. ", f.read(), re.MULTILINE | re.DOTALL)[1]
    assert sorted(program) == SERVED, set(program) ^ set(SERVED)
    assert sorted(section.replace(",", " ").split()) == SERVED, set(section.replace(",", " ").split()) ^ set(SERVED)


if NEWEST:

    @test("kms_api_newer.py has what the newer model has")
    def _():
        # What Debian's model and this file lack is in the newer model alone.
        ours, theirs = (kms_api.essence(m, SERVED) for m in (kms_api.with_newer(kms_api.read()), MODEL))
        none([f"{name}: {ours.get(name)} is {theirs.get(name)} now" for name in sorted({*ours, *theirs})
              if ours.get(name) != theirs.get(name)])


if SDK:

    @test("the npm SDK has the same calls, members and enums")
    def _():
        sdk = kms_sdk.Sdk(SDK)
        assert sdk.operations == set(TABLE), sdk.operations ^ set(TABLE)
        found, compared = sdk.differences(kms_api.essence(MODEL, SERVED))
        assert compared > 200, compared
        none(found)


# ---------------------------------------------------------------- the walk

for operation in SERVED:

    @test(f"{operation}: the least request, and each of its members, is answered as the model says")
    def _(name=operation):
        found = []

        def ask(params):
            reply = call(name, params)
            found.extend([f"{name} {params}: {reply.status} {reply.text[:300]}"] if reply.status != 200 else is_as_modelled(name, reply))

        ask(minimal(name))
        for member in set(input_of(name)["members"]) - set(LACKING):
            for value in good_values(name, member):
                if (member, value) not in (("DryRun", True), ("MultiRegion", True)):
                    ask(with_member(name, member, value))
        none(found)

    @test(f"{operation}: a request that breaks the model is refused as by AWS")
    def _(name=operation):
        found = []
        shape = input_of(name)
        least = minimal(name)
        for member in [*shape.get("required", []), *NEEDED.get(name, [])]:
            for params in ({k: v for k, v in least.items() if k != member}, {**least, member: None}):
                found += refusal_is_as_modelled(f"{name} without {member}", call(name, params), {"ValidationException"})
        for member, part in shape["members"].items():
            good = value_of(name, member)
            assert good is not None, f"{name}: no value for {member}"
            for bad, codes, why in kms_api.bad_values(MODEL, part["shape"], good):
                params = {k: v for k, v in {**least, member: bad}.items() if v is not None}
                # A member that this KMS lacks is refused as such, whatever its value.
                also = {"UnsupportedOperationException"} if member in LACKING else set()
                found += refusal_is_as_modelled(f"{name} {member}: {why}", call(name, params), codes | also)
        none(found)


@test("a value of an enum that this KMS lacks, and a member that it lacks, is refused by a fault of the model")
def _():
    found = []
    for name in SERVED:
        for member, part in input_of(name)["members"].items():
            shape = SHAPES[part["shape"]]
            values = [LACKING[member]] if member in LACKING else shape.get("enum", [])
            for value in values:
                reply = call(name, with_member(name, member, value))
                codes = {"UnsupportedOperationException"} if member in LACKING else errors_of(name) - COMMON
                if reply.status != 200 or member in LACKING:
                    found += refusal_is_as_modelled(f"{name} {member} {value}", reply, codes)
    none(found)


@test("a string of the longest length that AWS allows, in letters of two bytes, is not too long")
def _():
    found = []
    for name in SERVED:
        for member, part in input_of(name)["members"].items():
            shape = SHAPES[part["shape"]]
            if shape["type"] == "string" and "max" in shape and "pattern" not in shape and member not in LACKING:
                reply = call(name, with_member(name, member, "\u00fc" * shape["max"]))
                if reply.status != 200 and ("length" in reply.message or reply.error not in errors_of(name)):
                    found.append(f"{name} {member}: {reply.text[:300]}")
    none(found)


@test("a dry run is refused as one, and changes nothing")
def _():
    names = [name for name in SERVED if "DryRun" in input_of(name)["members"]]
    assert len(names) >= 8, names
    key = kms.new_key()["KeyId"]
    terms = {"GranteePrincipal": AGENT, "Operations": ["Encrypt"]}
    grant = kms.good("CreateGrant", {"KeyId": key, **terms})
    own = {"CreateGrant": {"KeyId": key, **terms}, "RevokeGrant": {"KeyId": key, "GrantId": grant["GrantId"]},
           "RetireGrant": {"GrantToken": grant["GrantToken"]}}
    for name in names:
        none(refusal_is_as_modelled(name, call(name, {**own.get(name, minimal(name)), "DryRun": True}), {"DryRunOperationException"}))
    assert [g["GrantId"] for g in kms.good("ListGrants", {"KeyId": key})["Grants"]] == [grant["GrantId"]]


# ---------------------------------------------------------------- what is not served


def any_value(name):
    """A value that the shape NAME allows."""
    shape = SHAPES[name]
    kind = shape["type"]
    if kind == "structure":
        return {m: any_value(shape["members"][m]["shape"]) for m in shape.get("required", [])}
    if kind in ("list", "map"):
        return [any_value(shape["member"]["shape"])] if kind == "list" else {}
    if kind == "string":
        return shape["enum"][0] if "enum" in shape else "a" * max(shape.get("min", 1), 1)
    return {"blob": b64(bytes(16)), "boolean": True, "integer": shape.get("min", 1), "timestamp": 2000000000}[kind]


@test("a call that is not served is refused by name once it is authenticated, and the trail has it by name")
def _():
    for name in OTHERS:
        params = any_value(MODEL["operations"][name]["input"]["shape"])
        for sent in (params, {}, {"KeyId": 5}):
            message = kms.bad("UnsupportedOperationException", name, sent)
            assert message == f"{name} is not supported by this KMS.", message
        kms.bad("InvalidSignatureException", name, params, secret_key="wrong")
        named = [r["errorCode"] for r in kms.audit() if r["eventName"] == name]
        assert named == ["UnsupportedOperationException"] * 3, f"{name}: {named}"


@test("SIGTERM ends it, and no sanitizer has reported anything")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
