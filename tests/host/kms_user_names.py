# SPDX-License-Identifier: MIT
#
# The policy of a key and a grant name a user of IAM. What they give is that user's: a later user of the
# name gets nothing, and the name of a user that is gone is its unique id, as in AWS.

import json
import sys

from boto3_client import client, connect
from iam_client import RETRIES, denied, refused
from kms_daemon import ACCOUNT, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
admin, iam = client(kms, **RETRIES), client(kms, service="iam", **RETRIES)


def arn(name):
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}, *statements]})


def allow(principal, *actions):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions), "Resource": "*"}


def user(name):
    """Makes the user. Returns its unique id, and its client of the KMS."""
    made = iam.create_user(UserName=name)["User"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    kms.secrets.append(key["SecretAccessKey"])
    return made["UserId"], connect(kms, "kms", key["AccessKeyId"], key["SecretAccessKey"], **RETRIES)


def delete(name):
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def new_key():
    return admin.create_key()["KeyMetadata"]["KeyId"]


def named(key):
    """The principals of the policy of KEY, of its statements behind the first."""
    shown = json.loads(admin.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    return [s["Principal"]["AWS"] for s in shown["Statement"][1:]]


@test("a user that is made under the name of a deleted one gets nothing of its grants and policies, also after a restart")
def _():
    given, granted = new_key(), new_key()
    text = policy(allow([arn("eve"), arn("enveloped")], "kms:Encrypt"), allow(arn("eve"), "kms:DescribeKey"))
    first, calls = user("eve")
    admin.put_key_policy(KeyId=given, PolicyName="default", Policy=text)
    made = admin.create_key(Policy=text)["KeyMetadata"]["KeyId"]
    grant = admin.create_grant(KeyId=granted, GranteePrincipal=arn("eve"), RetiringPrincipal=arn("eve"), Operations=["Encrypt"])
    for key in given, made, granted:
        calls.encrypt(KeyId=key, Plaintext=b"x")
    assert admin.get_key_policy(KeyId=given, PolicyName="default")["Policy"] == text
    assert admin.list_grants(KeyId=granted)["Grants"][0]["GranteePrincipal"] == arn("eve")
    delete("eve")
    second, calls = user("eve")
    assert second != first

    def nothing():
        for key in given, made, granted:
            denied(calls.encrypt, KeyId=key, Plaintext=b"x")
        denied(calls.describe_key, KeyId=given)
        denied(calls.retire_grant, KeyId=granted, GrantId=grant["GrantId"])
        denied(calls.retire_grant, GrantToken=grant["GrantToken"])
        for key in given, made:
            assert named(key) == [[first, arn("enveloped")], first], named(key)
        listed = admin.list_grants(KeyId=granted)["Grants"]
        assert [(g["GranteePrincipal"], g["RetiringPrincipal"]) for g in listed] == [(first, first)], listed

    nothing()
    kms.stop()
    kms.start()
    nothing()
    # The id of nobody is no principal, as in AWS. What names the user again is for the new one.
    shown = admin.get_key_policy(KeyId=given, PolicyName="default")["Policy"]
    refused("MalformedPolicyDocumentException", admin.put_key_policy, KeyId=given, PolicyName="default", Policy=shown)
    admin.put_key_policy(KeyId=given, PolicyName="default", Policy=text)
    calls.encrypt(KeyId=given, Plaintext=b"x")
    assert named(given) == [[arn("eve"), arn("enveloped")], arn("eve")]
    again = admin.create_grant(KeyId=granted, GranteePrincipal=arn("eve"), Operations=["Encrypt"])
    calls.encrypt(KeyId=granted, Plaintext=b"x")
    assert len(admin.list_grants(KeyId=granted, GranteePrincipal=arn("eve"))["Grants"]) == 2
    admin.revoke_grant(KeyId=granted, GrantId=grant["GrantId"])
    calls.encrypt(KeyId=granted, Plaintext=b"x")
    admin.revoke_grant(KeyId=granted, GrantId=again["GrantId"])
    denied(calls.encrypt, KeyId=granted, Plaintext=b"x")


@test("a grant that is made again by its name is the new user's, and not the one of the deleted user")
def _():
    key = new_key()
    terms = {"KeyId": key, "GranteePrincipal": arn("named"), "Operations": ["Encrypt"], "Name": "one"}
    user("named")
    first = admin.create_grant(**terms)["GrantId"]
    assert admin.create_grant(**terms)["GrantId"] == first
    delete("named")
    _id, calls = user("named")
    second = admin.create_grant(**terms)["GrantId"]
    assert second != first
    calls.encrypt(KeyId=key, Plaintext=b"x")


@test("a policy and a grant for a user or a profile that does not exist are refused, and later ones get nothing by its name")
def _():
    key = new_key()
    before = admin.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    for name in "nobody", "ADMIN", "team/admin":
        text = policy(allow(arn(name), "kms:Encrypt"))
        message = refused("MalformedPolicyDocumentException", admin.put_key_policy, KeyId=key, PolicyName="default", Policy=text)
        assert arn(name) in message, message
        refused("MalformedPolicyDocumentException", admin.create_key, Policy=text)
        refused("InvalidArnException", admin.create_grant, KeyId=key, GranteePrincipal=arn(name), Operations=["Encrypt"])
        message = refused("InvalidArnException", admin.create_grant, KeyId=key, GranteePrincipal=arn("admin"),
                          RetiringPrincipal=arn(name), Operations=["Encrypt"])
        assert "RetiringPrincipal" in message, message
    assert admin.get_key_policy(KeyId=key, PolicyName="default")["Policy"] == before
    # The case of a name counts in an ARN. Roles, and accounts that are not served, are nobody here.
    user("Case")
    refused("InvalidArnException", admin.create_grant, KeyId=key, GranteePrincipal=arn("case"), Operations=["Encrypt"])
    for other in (f"arn:aws:iam::{ACCOUNT}:role/app", f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one",
                  "arn:aws:iam::999999999999:user/them", "arn:aws:iam::999999999999:root"):
        admin.create_grant(KeyId=key, GranteePrincipal=other, Operations=["Encrypt"])
        admin.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(allow(other, "kms:Encrypt")))


@test("a caller that may not use a key does not learn from CreateGrant which users exist")
def _():
    key = new_key()
    _id, calls = user("curious")
    for name in "curious", "nobody":
        denied(calls.create_grant, KeyId=key, GranteePrincipal=arn(name), Operations=["Encrypt"])
        denied(calls.put_key_policy, KeyId=key, PolicyName="default", Policy=policy(allow(arn(name), "kms:Encrypt")))


@test("SIGTERM ends the KMS with status 0 and no sanitizer report")
def _():
    kms.end_cleanly()


sys.exit(tap.finish())
