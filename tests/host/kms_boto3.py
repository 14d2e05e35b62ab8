# SPDX-License-Identifier: MIT
#
# boto3.client("kms") itself against envelope-kms: its types, exceptions, paginators and retries.

import datetime
import json
import sys

import boto3

from botocore.exceptions import ClientError, EndpointConnectionError, SSLError

import boto3_client

from boto3_client import client, pages
from kms_daemon import ACCOUNT, REGION, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
boto3_client.teach(f"{kms.dir}/models")
admin, agent = client(kms), client(kms, "enveloped")
CONTEXT = {"App": "db", "\u00e9": "\U0001f511"}
NOBODY = "11111111-2222-4333-8444-555555555555"
AGENT = f"arn:aws:iam::{ACCOUNT}:user/enveloped"
ADMINS_ONLY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}, "Action": "kms:*", "Resource": "*"}]})


def new_key(**params):
    return admin.create_key(**params)["KeyMetadata"]


def raises(error, function, **params):
    """The exception of the class ERROR, which FUNCTION raises; its code is the name of the class."""
    try:
        answer = function(**params)
    except error as fault:
        code = fault.response["Error"]["Code"]
        assert error is ClientError or code == error.__name__, code
        assert fault.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return fault
    except ClientError as fault:
        raise AssertionError(f"expected {error.__name__}, seen {fault!r}") from None
    raise AssertionError(f"expected {error.__name__}, seen {answer}")


def refused(code, function, **params):
    """As raises(), for a fault that AWS's model has no class for."""
    seen = raises(ClientError, function, **params).response["Error"]["Code"]
    assert seen == code, seen


@test("a key has boto3's types: dates with a zone, a bool, texts, and the id of the call that the trail has")
def _():
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    answer = admin.create_key(Description="made by boto3", Tags=[{"TagKey": "a", "TagValue": "1"}])
    key, call = answer["KeyMetadata"], answer["ResponseMetadata"]
    assert key["Enabled"] is True and key["KeyState"] == "Enabled" and key["KeyManager"] == "CUSTOMER"
    assert key["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}" and key["Description"] == "made by boto3"
    assert before < key["CreationDate"] <= datetime.datetime.now(datetime.timezone.utc), key["CreationDate"]
    assert kms.audit()[-1]["requestID"] == call["RequestId"], call
    assert admin.describe_key(KeyId=key["Arn"])["KeyMetadata"] == key
    gone = admin.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    left = gone["DeletionDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6, hours=23) < left <= datetime.timedelta(days=7), left
    assert gone["KeyState"] == "PendingDeletion" and admin.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    assert admin.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Enabled"] is False


@test("bytes come back as bytes: Encrypt, Decrypt, ReEncrypt and the four ways to a data key or random bytes")
def _():
    key, other = new_key()["KeyId"], new_key()["KeyId"]
    admin.create_alias(AliasName="alias/boto3", TargetKeyId=key)
    for plain in (b"\0", b"\xff" * 4096):
        sealed = admin.encrypt(KeyId="alias/boto3", Plaintext=plain, EncryptionContext=CONTEXT)
        assert sealed["KeyId"].endswith(key) and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
        opened = admin.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == plain and opened["KeyId"] == sealed["KeyId"]
    moved = admin.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext=CONTEXT, DestinationKeyId=other)
    assert moved["SourceKeyId"].endswith(key) and moved["KeyId"].endswith(other)
    assert admin.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other)["Plaintext"] == plain
    both = admin.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(both["Plaintext"]) == 32
    assert admin.decrypt(CiphertextBlob=both["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"] == both["Plaintext"]
    blind = admin.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in blind and len(admin.decrypt(CiphertextBlob=blind["CiphertextBlob"])["Plaintext"]) == 64
    assert len(admin.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024


@test("each fault is boto3's exception of that name")
def _():
    key, other = new_key()["KeyId"], new_key()["KeyId"]
    blob = admin.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    faults = admin.exceptions
    assert NOBODY in str(raises(faults.NotFoundException, admin.describe_key, KeyId=NOBODY))
    raises(faults.InvalidCiphertextException, admin.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT)
    raises(faults.InvalidCiphertextException, admin.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]))
    raises(faults.IncorrectKeyException, admin.decrypt, CiphertextBlob=blob, KeyId=other)
    admin.create_alias(AliasName="alias/taken", TargetKeyId=key)
    raises(faults.AlreadyExistsException, admin.create_alias, AliasName="alias/taken", TargetKeyId=other)
    raises(faults.InvalidAliasNameException, admin.create_alias, AliasName="alias/aws/mine", TargetKeyId=other)
    raises(faults.InvalidMarkerException, admin.list_keys, Marker="%")
    raises(faults.MalformedPolicyDocumentException, admin.put_key_policy, KeyId=key, PolicyName="default", Policy="{}")
    raises(faults.TagException, admin.tag_resource, KeyId=key, Tags=[{"TagKey": "aws:x", "TagValue": ""}])
    raises(faults.LimitExceededException, admin.tag_resource, KeyId=key,
           Tags=[{"TagKey": str(i), "TagValue": ""} for i in range(51)])
    raises(faults.InvalidGrantTokenException, admin.describe_key, KeyId=key, GrantTokens=["dG9rZW4="])
    raises(faults.InvalidGrantIdException, admin.revoke_grant, KeyId=key, GrantId="0")
    raises(faults.UnsupportedOperationException, admin.generate_random, NumberOfBytes=5, CustomKeyStoreId="cks-1")
    raises(faults.DryRunOperationException, admin.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)
    raises(faults.DryRunOperationException, admin.decrypt, CiphertextBlob=blob, DryRun=True)
    admin.disable_key(KeyId=key)
    raises(faults.DisabledException, admin.decrypt, CiphertextBlob=blob)
    raises(faults.DisabledException, admin.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)
    admin.schedule_key_deletion(KeyId=key)
    raises(faults.KMSInvalidStateException, admin.decrypt, CiphertextBlob=blob)
    raises(faults.KMSInvalidStateException, admin.enable_key, KeyId=key)
    mine = new_key(Policy=ADMINS_ONLY)["KeyId"]
    refused("AccessDeniedException", agent.encrypt, KeyId=mine, Plaintext=b"x")
    refused("ValidationException", admin.schedule_key_deletion, KeyId=other, PendingWindowInDays=6)
    kms.profiles["nobody"] = {"aws_access_key_id": "AKIANOBODY0000000001", "aws_secret_access_key": "x"}
    refused("UnrecognizedClientException", client(kms, "nobody").list_keys)


@test("a grant counts with its token, under its constraint alone, and ends by the token")
def _():
    key = new_key(Policy=ADMINS_ONLY)["KeyId"]
    grant = admin.create_grant(KeyId=key, GranteePrincipal=AGENT, RetiringPrincipal=AGENT, Operations=["Encrypt", "Decrypt"],
                               Constraints={"EncryptionContextEquals": {"App": "db"}})
    with_token = {"KeyId": key, "GrantTokens": [grant["GrantToken"]]}
    blob = agent.encrypt(**with_token, Plaintext=b"secret", EncryptionContext={"App": "db"})["CiphertextBlob"]
    assert agent.decrypt(**with_token, CiphertextBlob=blob, EncryptionContext={"App": "db"})["Plaintext"] == b"secret"
    refused("AccessDeniedException", agent.encrypt, **with_token, Plaintext=b"secret", EncryptionContext={"App": "web"})
    refused("AccessDeniedException", agent.generate_data_key, **with_token, KeySpec="AES_256")
    agent.retire_grant(GrantToken=grant["GrantToken"])
    refused("AccessDeniedException", agent.encrypt, KeyId=key, Plaintext=b"secret", EncryptionContext={"App": "db"})
    assert pages(admin, "list_grants", KeyId=key)[0]["Grants"] == []


@test("rotation: the period, the list and a turn on demand, and the older ciphertext opens")
def _():
    key = new_key()["KeyId"]
    blob = admin.encrypt(KeyId=key, Plaintext=b"older")["CiphertextBlob"]
    admin.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = admin.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is True and status["RotationPeriodInDays"] == 90
    ahead = status["NextRotationDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=89) < ahead <= datetime.timedelta(days=90), ahead
    assert admin.rotate_key_on_demand(KeyId=key)["KeyId"].endswith(key)
    rotations = admin.list_key_rotations(KeyId=key)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"], rotations
    assert isinstance(rotations[0]["RotationDate"], datetime.datetime)
    first, second = (admin.decrypt(CiphertextBlob=b)["KeyMaterialId"] for b in (
        blob, admin.encrypt(KeyId=key, Plaintext=b"newer")["CiphertextBlob"]))
    assert first != second and len(first) == len(second) == 64
    admin.disable_key_rotation(KeyId=key)
    assert admin.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False


@test("each paginator of boto3 that has a call here goes through more than two pages and leaves none out")
def _():
    key = new_key(Policy=ADMINS_ONLY, Tags=[{"TagKey": f"k{i}", "TagValue": str(i)} for i in range(7)])["KeyId"]
    names = {f"alias/paged/{i}" for i in range(7)}
    for name in names:
        admin.create_alias(AliasName=name, TargetKeyId=key)
    grants = {admin.create_grant(KeyId=key, GranteePrincipal=AGENT, RetiringPrincipal=AGENT, Name=f"g{i}",
                                 Operations=["Decrypt"])["GrantId"] for i in range(7)}
    keys = {key} | {new_key()["KeyId"] for _i in range(6)}
    listings = (("list_keys", {}, "Keys", "KeyId", keys), ("list_aliases", {"KeyId": key}, "Aliases", "AliasName", names),
                ("list_aliases", {}, "Aliases", "AliasName", names), ("list_grants", {"KeyId": key}, "Grants", "GrantId", grants),
                ("list_retirable_grants", {"RetiringPrincipal": AGENT}, "Grants", "GrantId", grants),
                ("list_resource_tags", {"KeyId": key}, "Tags", "TagKey", {f"k{i}" for i in range(7)}))
    for operation, params, member, name, wanted in listings:
        found = pages(admin, operation, 3, **params)
        seen = [entry[name] for page in found for entry in page[member]]
        assert len(found) > 2 and all(len(page[member]) == 3 for page in found[:-1]), (operation, [len(p[member]) for p in found])
        assert len(seen) == len(set(seen)) and wanted <= set(seen), (operation, seen)
        assert [page["Truncated"] for page in found] == [True] * (len(found) - 1) + [False], operation
        assert [entry[name] for entry in pages(admin, operation, **params)[0][member]] == seen[:100], operation
    assert [page["PolicyNames"] for page in pages(admin, "list_key_policies", 1, KeyId=key)] == [["default"]]


@test("boto3 tries again when the KMS is away, and the connection that it kept is closed")
def _():
    for mode in ("legacy", "standard"):
        calls = client(kms, retries={"mode": mode, "total_max_attempts": 3})
        before = {k["KeyId"] for page in pages(calls, "list_keys") for k in page["Keys"]}
        attempts = []

        def away_at_first(request, **_more):
            attempts.append(request.headers["amz-sdk-request"])
            if len(attempts) == 1:
                kms.stop()
            else:
                kms.start()

        calls.meta.events.register("before-send.kms.DescribeKey", away_at_first)
        answer = calls.describe_key(KeyId=sorted(before)[0])
        assert answer["ResponseMetadata"]["RetryAttempts"] == 1 and len(attempts) == 2, (mode, attempts)
        calls.meta.events.unregister("before-send.kms.DescribeKey", away_at_first)
        kms.restart()
        assert {k["KeyId"] for page in pages(calls, "list_keys") for k in page["Keys"]} == before


@test("boto3 makes a denied call once, and gives a KMS up that stays away")
def _():
    calls = client(kms, "enveloped", retries={"mode": "standard", "total_max_attempts": 3})
    mine = new_key(Policy=ADMINS_ONLY)["KeyId"]
    fault = raises(ClientError, calls.encrypt, KeyId=mine, Plaintext=b"x")
    assert fault.response["ResponseMetadata"]["RetryAttempts"] == 0, fault.response
    records = [r for r in kms.audit() if r["eventName"] == "Encrypt" and mine in json.dumps(r)]
    assert [r["errorCode"] for r in records] == ["AccessDeniedException"], records
    kms.stop()
    try:
        client(kms, retries={"mode": "standard", "total_max_attempts": 2}).list_keys()
        raise AssertionError("a KMS that does not run answered")
    except EndpointConnectionError:
        kms.start()


@test("boto3 does not talk to a KMS whose certificate it cannot check")
def _():
    calls = boto3.client("kms", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b",
                                      endpoint_url=f"https://127.0.0.1:{kms.port}", verify="/etc/ssl/certs/ca-certificates.crt")
    try:
        calls.list_keys()
        raise AssertionError("boto3 trusted the certificate")
    except SSLError as fault:
        assert "CERTIFICATE_VERIFY_FAILED" in str(fault), fault


@test("the trail names boto3 as the client, and has no plaintext")
def _():
    key = new_key()["KeyId"]
    admin.encrypt(KeyId=key, Plaintext=b"a secret of boto3's user")
    record = kms.audit()[-1]
    assert record["userAgent"].startswith("Boto3/"), record["userAgent"]
    with open(kms.audit_file, encoding="utf-8") as f:
        text = f.read()
    assert "YSBzZWNyZXQgb2YgYm90bzMncyB1c2Vy" not in text and "a secret of boto3" not in text


@test("SIGTERM ends the KMS with status 0")
def _():
    kms.end_cleanly()


sys.exit(tap.finish())
