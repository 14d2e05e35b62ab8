# SPDX-License-Identifier: MIT
#
# The sequences of calls of programs that keep their keys in AWS's KMS, made with boto3 against envelope-kms.
#
# The sequences were read in the sources of the programs; no code is theirs:
#   Terraform's AWS provider, internal/service/kms: key.go (00a35305, of 2026), tags_gen.go (01606926),
#     grant.go (01f43111), alias.go (01c08000) and find.go (076b89bb)
#   OpenBao's auto-unseal, go-kms-wrapping, wrappers/awskms/awskms.go (45b7a210); HashiCorp's Vault has the same calls
#   SOPS, kms/keysource.go (15e36f97, after 3.9.4, and 065d5a7c, which decrypts without KeyId)
# A wait of Terraform ends when it has seen the state five times in a row, and fails here at the first other state:
# this KMS has no propagation.

import json
import os
import sys

from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from botocore.exceptions import ClientError

import boto3_client

from boto3_client import client, pages
from kms_daemon import ACCOUNT, REGION, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
kms.add_user("bao")
kms.restart()
boto3_client.teach(f"{kms.dir}/models")
calls = client(kms)
AGENT = f"arn:aws:iam::{ACCOUNT}:user/enveloped"
IN_A_ROW = 5


def policy(*principals, sid="all"):
    return {"Version": "2012-10-17", "Statement": [
        {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "kms:*", "Resource": "*"}]}


def normal(document):
    """As Terraform writes a policy: compact, with the members in the order of their names."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


ROOT = f"arn:aws:iam::{ACCOUNT}:root"
FIRST, SECOND = policy(ROOT), policy(ROOT, AGENT, sid="both")


def until(what, wanted, function, *arguments):
    for _i in range(IN_A_ROW):
        seen = function(*arguments)
        assert seen == wanted, f"{what}: expected {wanted}, seen {seen}"


def raises(error, function, **params):
    """The message of the fault. boto3 has a class of its own for each fault of AWS's model."""
    try:
        function(**params)
    except ClientError as fault:
        assert type(fault).__name__ == error, f"expected {error}, seen {fault!r}"
        return fault.response["Error"]["Message"]
    raise AssertionError(f"expected {error}")


class TerraformKey:
    """aws_kms_key."""

    def __init__(self, **params):
        params.setdefault("KeySpec", "SYMMETRIC_DEFAULT")
        params.setdefault("KeyUsage", "ENCRYPT_DECRYPT")
        self.id = calls.create_key(**params)["KeyMetadata"]["KeyId"]

    def metadata(self):
        """What DescribeKey has. A key pending deletion counts as deleted: None."""
        found = calls.describe_key(KeyId=self.id)["KeyMetadata"]
        return None if found["KeyState"] == "PendingDeletion" else found

    def policy(self):
        return json.loads(calls.get_key_policy(KeyId=self.id, PolicyName="default")["Policy"])

    def rotation(self):
        status = calls.get_key_rotation_status(KeyId=self.id)
        return status["KeyRotationEnabled"], status.get("RotationPeriodInDays")

    def tags(self):
        return {tag["TagKey"]: tag["TagValue"] for page in pages(calls, "list_resource_tags", KeyId=self.id)
                for tag in page["Tags"]}

    def read(self):
        """The read of each plan."""
        found = self.metadata()
        assert found["Origin"] == "AWS_KMS" and found["MultiRegion"] is False and found["KeyId"] == self.id, found
        return {"Description": found["Description"], "Enabled": found["Enabled"], "Policy": self.policy(),
                "Rotation": self.rotation(), "Tags": self.tags()}

    def rotate(self, days):
        if days:
            calls.enable_key_rotation(KeyId=self.id, RotationPeriodInDays=days)
        else:
            calls.disable_key_rotation(KeyId=self.id)
        until("rotation", (bool(days), days or None), self.rotation)

    def enable(self, enabled):
        (calls.enable_key if enabled else calls.disable_key)(KeyId=self.id)
        until("Enabled", enabled, lambda: self.metadata()["Enabled"])

    def describe(self, text):
        calls.update_key_description(KeyId=self.id, Description=text)
        until("Description", text, lambda: self.metadata()["Description"])

    def put_policy(self, document):
        calls.put_key_policy(KeyId=self.id, PolicyName="default", Policy=normal(document))
        until("Policy", document, self.policy)

    def tag(self, old, new):
        calls.untag_resource(KeyId=self.id, TagKeys=[k for k in old if k not in new])
        calls.tag_resource(KeyId=self.id, Tags=[{"TagKey": k, "TagValue": v} for k, v in new.items() if old.get(k) != v])
        until("Tags", new, self.tags)

    def delete(self, days):
        calls.schedule_key_deletion(KeyId=self.id, PendingWindowInDays=days)
        assert self.metadata() is None


def as_tags(pairs):
    return [{"TagKey": k, "TagValue": v} for k, v in pairs.items()]


@test("Terraform's aws_kms_key: apply, plan without a difference, change each argument, destroy")
def _():
    old, new = {"team": "storage", "cost": "42"}, {"team": "databases", "stage": "live"}
    key = TerraformKey(Description="one", Policy=normal(FIRST), Tags=as_tags(old))
    key.rotate(90)
    until("Policy", FIRST, key.policy)
    until("Tags", old, key.tags)
    assert key.read() == {"Description": "one", "Enabled": True, "Policy": FIRST, "Rotation": (True, 90), "Tags": old}
    key.tag(old, new)
    key.rotate(365)
    key.describe("two")
    key.put_policy(SECOND)
    key.enable(False)
    assert key.read() == {"Description": "two", "Enabled": False, "Policy": SECOND, "Rotation": (True, 365), "Tags": new}
    key.enable(True)
    key.rotate(None)
    key.delete(7)
    # A second destroy, and one of a key that is gone: Terraform takes both for done.
    said = raises("KMSInvalidStateException", calls.schedule_key_deletion, KeyId=key.id, PendingWindowInDays=7)
    assert "is pending deletion" in said, said
    raises("NotFoundException", calls.schedule_key_deletion, KeyId="11111111-2222-4333-8444-555555555555")


@test("Terraform's aws_kms_key by its defaults, and made disabled; a wrong policy is the fault that it waits for")
def _():
    key = TerraformKey()
    found = key.read()
    assert found["Policy"]["Statement"][0]["Principal"] == {"AWS": ROOT} and found["Tags"] == {}, found
    assert (found["Description"], found["Enabled"], found["Rotation"]) == ("", True, (False, None)), found
    key.enable(False)
    raises("DisabledException", calls.enable_key_rotation, KeyId=key.id)
    wrong = normal(policy("AIDAOFADELETEDUSER000"))
    raises("MalformedPolicyDocumentException", calls.create_key, Policy=wrong)
    raises("MalformedPolicyDocumentException", calls.put_key_policy, KeyId=key.id, PolicyName="default", Policy=wrong)
    calls.schedule_key_deletion(KeyId=key.id)
    assert key.metadata() is None


@test("Terraform's aws_kms_alias: found on the third page of all aliases, moved to another key, destroyed")
def _():
    def find(name):
        listed = pages(calls, "list_aliases")
        found = [(number, alias) for number, page in enumerate(listed) for alias in page["Aliases"] if alias["AliasName"] == name]
        return found[0] if found else (len(listed), None)

    one, two, three = (TerraformKey().id for _i in range(3))
    name = "alias/zz-terraform"
    raises("NotFoundException", calls.create_alias, AliasName=name, TargetKeyId="11111111-2222-4333-8444-555555555555")
    for number in range(102):
        calls.create_alias(AliasName=f"alias/others/{number:03}", TargetKeyId=(one, two, three)[number % 3])
    calls.create_alias(AliasName=name, TargetKeyId=one)
    page, alias = find(name)
    assert page >= 2 and alias["TargetKeyId"] == one, (page, alias)
    assert alias["AliasArn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}", alias
    calls.update_alias(AliasName=name, TargetKeyId=two)
    assert find(name)[1]["TargetKeyId"] == two
    calls.delete_alias(AliasName=name)
    assert find(name)[1] is None
    raises("NotFoundException", calls.delete_alias, AliasName=name)


@test("Terraform's aws_kms_grant: found on the third page of the key's grants, revoked or retired, and gone")
def _():
    def find(grant):
        listed = pages(calls, "list_grants", KeyId=key, Limit=100)
        found = [(number, entry) for number, page in enumerate(listed) for entry in page["Grants"] if entry["GrantId"] == grant]
        assert len(found) <= 1, found
        return found[0] if found else (len(listed), None)

    key = TerraformKey(Policy=normal(FIRST)).id
    # The fault for which Terraform tries CreateGrant again.
    raises("InvalidArnException", calls.create_grant, KeyId=key, GranteePrincipal="arn:aws:iam::123456789012:AIDAGONE",
           Operations=["Decrypt"])
    wanted = {"GranteePrincipal": AGENT, "RetiringPrincipal": f"arn:aws:iam::{ACCOUNT}:user/admin",
              "Operations": ["Decrypt", "DescribeKey"], "Constraints": {"EncryptionContextSubset": {"App": "db"}}}
    made = [calls.create_grant(KeyId=key, Name=f"g{i}", **wanted)["GrantId"] for i in range(205)]
    listed = pages(calls, "list_grants", KeyId=key, Limit=100)
    assert [find(page["Grants"][-1]["GrantId"])[0] for page in listed] == [0, 1, 2]
    entry = find(made[-1])[1]
    assert {k: entry[k] for k in wanted} == wanted and entry["Name"] == "g204", entry
    calls.revoke_grant(KeyId=key, GrantId=made[0])
    calls.retire_grant(KeyId=key, GrantId=made[1])
    for grant in made[:2]:
        assert find(grant)[1] is None
        raises("NotFoundException", calls.revoke_grant, KeyId=key, GrantId=grant)


class Seal:
    """OpenBao's awskms seal. Go's first SDK names no call: two equal calls of a second have one signature."""

    def __init__(self, key):
        self.calls = client(kms, "bao")
        self.calls.meta.events.register("before-sign.kms", self.unname)
        self.key = key
        self.current = self.calls.describe_key(KeyId=key)["KeyMetadata"]["KeyId"]

    @staticmethod
    def unname(request, **_more):
        del request.headers["amz-sdk-invocation-id"]
        del request.headers["amz-sdk-request"]

    def wrap(self, plain):
        data_key, nonce = os.urandom(32), os.urandom(12)
        answer = self.calls.encrypt(KeyId=self.key, Plaintext=data_key)
        self.current = answer["KeyId"]
        return {"Ciphertext": AESGCM(data_key).encrypt(nonce, plain, None), "Iv": nonce, "KeyId": answer["KeyId"],
                "WrappedKey": answer["CiphertextBlob"]}

    def unwrap(self, blob):
        data_key = self.calls.decrypt(CiphertextBlob=blob["WrappedKey"])["Plaintext"]
        return AESGCM(data_key).decrypt(blob["Iv"], blob["Ciphertext"], None)


@test("OpenBao's auto-unseal: sealed, unsealed by three nodes at once and after a restart, and sealed anew by another key")
def _():
    mine = policy(f"arn:aws:iam::{ACCOUNT}:user/admin", f"arn:aws:iam::{ACCOUNT}:user/bao")
    one, two = TerraformKey(Policy=normal(mine)).id, TerraformKey(Policy=normal(mine)).id
    calls.create_alias(AliasName="alias/unseal", TargetKeyId=one)
    seal = Seal("alias/unseal")
    assert seal.current == one, seal.current
    root = os.urandom(48)
    blob = seal.wrap(root)
    assert blob["KeyId"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{one}", blob["KeyId"]
    with ThreadPoolExecutor(3) as nodes:
        assert list(nodes.map(lambda node: node.unwrap(blob), [Seal("alias/unseal") for _node in range(3)])) == [root] * 3
    kms.restart()
    assert Seal(one).unwrap(blob) == root
    calls.update_alias(AliasName="alias/unseal", TargetKeyId=two)
    seal = Seal("alias/unseal")
    again = seal.wrap(seal.unwrap(blob))
    assert again["KeyId"].endswith(two) and seal.unwrap(again) == root and seal.unwrap(blob) == root
    calls.disable_key(KeyId=two)
    assert two in raises("DisabledException", seal.unwrap, blob=again)
    raises("NotFoundException", Seal, key="alias/never-made")
    calls.enable_key(KeyId=two)
    assert seal.unwrap(again) == root


@test("SOPS: a data key under a context of pairs, opened with and without the key's ARN, and rotated")
def _():
    def pairs(text):
        """The --encryption-context of SOPS."""
        return dict(pair.split(":") for pair in text.split(","))

    arn = calls.describe_key(KeyId=TerraformKey().id)["KeyMetadata"]["Arn"]
    context = pairs("Role:web,Environment:production")
    data_key = os.urandom(32)
    enc = calls.encrypt(KeyId=arn, Plaintext=data_key, EncryptionContext=context)["CiphertextBlob"]
    assert calls.decrypt(CiphertextBlob=enc, EncryptionContext=context)["Plaintext"] == data_key
    turned = dict(reversed(context.items()))
    assert calls.decrypt(KeyId=arn, CiphertextBlob=enc, EncryptionContext=turned)["Plaintext"] == data_key
    for wrong in (pairs("Role:web"), pairs("Role:db,Environment:production"), {}):
        raises("InvalidCiphertextException", calls.decrypt, CiphertextBlob=enc, EncryptionContext=wrong)
    # A file with two keys opens with either. updatekeys and rotate encrypt the same or a new data key again.
    other = calls.describe_key(KeyId=TerraformKey().id)["KeyMetadata"]["Arn"]
    second = calls.encrypt(KeyId=other, Plaintext=data_key, EncryptionContext={})["CiphertextBlob"]
    calls.disable_key(KeyId=arn)
    raises("DisabledException", calls.decrypt, KeyId=arn, CiphertextBlob=enc, EncryptionContext=context)
    assert calls.decrypt(KeyId=other, CiphertextBlob=second, EncryptionContext={})["Plaintext"] == data_key
    raises("IncorrectKeyException", calls.decrypt, KeyId=arn, CiphertextBlob=second)


@test("SIGTERM ends the KMS with status 0")
def _():
    kms.end_cleanly()


sys.exit(tap.finish())
