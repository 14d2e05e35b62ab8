# SPDX-License-Identifier: MIT
#
# Rules of AWS that one sees with the right tools alone: rights that a call needs beside its own, and what
# the Query protocol of IAM says of a version, of pages and of white space.

import json
import sys

from boto3_client import client, connect
from iam_client import RETRIES, denied, policy, refused, statement
from kms_daemon import ACCOUNT, REGION, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
admin, iam = client(kms, **RETRIES), client(kms, service="iam", **RETRIES)
VERSION = "2010-05-08"


def user(name, *statements):
    """A user with these rights: its client of the KMS."""
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    kms.secrets.append(key["SecretAccessKey"])
    give(name, *statements)
    return connect(kms, "kms", key["AccessKeyId"], key["SecretAccessKey"], **RETRIES)


def give(name, *statements):
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy(*statements))


def new_key():
    return admin.create_key()["KeyMetadata"]


@test("a key with tags is made by those alone who may tag keys")
def _():
    tags = [{"TagKey": "team", "TagValue": "db"}]
    makes = statement("Allow", "kms:CreateKey")
    calls = user("tagger", makes)
    calls.create_key()
    before = len(admin.list_keys()["Keys"])
    message = denied(calls.create_key, Tags=tags)
    assert f"kms:TagResource on resource: arn:aws:kms:{REGION}:{ACCOUNT}:key/*" in message, message
    give("tagger", makes, statement("Allow", "kms:TagResource", resource=new_key()["Arn"]))
    denied(calls.create_key, Tags=tags)
    assert len(admin.list_keys()["Keys"]) == before + 1
    for resource in "*", f"arn:aws:kms:*:{ACCOUNT}:key/*":
        give("tagger", makes, statement("Allow", "kms:TagResource", resource=resource))
        key = calls.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
        assert admin.list_resource_tags(KeyId=key)["Tags"] == tags
    give("tagger", makes, statement("Allow", "kms:*"), statement("Deny", "kms:TagResource"))
    denied(calls.create_key, Tags=tags)
    # Who may tag keys, and make none, makes none.
    give("tagger", statement("Allow", "kms:TagResource"))
    assert "kms:CreateKey" in denied(calls.create_key, Tags=tags)


@test("aliases need the right for the alias and for each of the keys, ReEncrypt for both keys")
def _():
    one, two = new_key(), new_key()
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/side"
    calls = user("aliases", statement("Deny", "kms:*"))

    def only(action, *resources):
        give("aliases", statement("Allow", *([action] if isinstance(action, str) else action), resource=list(resources)))

    def needs(action, resources, function, **params):
        for missing in resources:
            only(action, *(r for r in resources if r != missing))
            denied(function, **params)
        only(action, *resources)
        return function(**params)

    needs("kms:CreateAlias", [alias, one["Arn"]], calls.create_alias, AliasName="alias/side", TargetKeyId=one["KeyId"])
    needs("kms:UpdateAlias", [alias, one["Arn"], two["Arn"]], calls.update_alias, AliasName="alias/side", TargetKeyId=two["KeyId"])
    needs("kms:DeleteAlias", [alias, two["Arn"]], calls.delete_alias, AliasName="alias/side")
    sealed = admin.encrypt(KeyId=one["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    needs("kms:ReEncrypt*", [one["Arn"], two["Arn"]], calls.re_encrypt, CiphertextBlob=sealed, DestinationKeyId=two["KeyId"])
    for missing, actions in (("From", ["kms:ReEncryptTo"]), ("To", ["kms:ReEncryptFrom"])):
        only(actions, one["Arn"], two["Arn"])
        assert f"ReEncrypt{missing}" in denied(calls.re_encrypt, CiphertextBlob=sealed, DestinationKeyId=two["KeyId"])


@test("a version that the service does not have has no operation, in the words of AWS, once the request is signed")
def _():
    for version in "2010-05-09", "2011-06-16", "x" * 100, "":
        reply = kms.send(*kms.signed_form({"Action": "ListUsers", "Version": version}))
        assert reply.status == 400 and "<Code>InvalidAction</Code>" in reply.text and "<Type>Sender</Type>" in reply.text, reply.text
        assert f"Could not find operation ListUsers for version {version[:64]}<" in reply.text, reply.text
    # STS has its version, and no such operation.
    reply = kms.send(*kms.signed_form({"Action": "ListUsers", "Version": "2011-06-15"}, service="sts"))
    assert "<Code>UnsupportedOperation</Code>" in reply.text, reply.text
    reply = kms.send(*kms.signed_form({"Action": "CreateUser", "UserName": "versionless"}))
    assert "Could not find operation CreateUser for version NO_VERSION_SPECIFIED<" in reply.text, reply.text
    reply = kms.send(*kms.signed_form({"Action": "AssumeRole", "Version": "2010-01-01"}))
    assert "<Code>InvalidAction</Code>" in reply.text, reply.text
    reply = kms.send(*kms.signed_form({"Action": "ListUsers", "Version": "2010-01-01"}, secret_key="wrong"))
    assert "<Code>SignatureDoesNotMatch</Code>" in reply.text, reply.text
    refused("NoSuchEntity", iam.get_user, 404, UserName="versionless")


@test("white space does not count in the 2,048 bytes of a user's policies, and all else does")
def _():
    iam.create_user(UserName="white")
    text = policy(statement("Allow", "kms:Decrypt", Sid="x"))
    black = len("".join(text.split()))
    most = text.replace('"x"', '"' + "x" * (2048 - black + 1) + '"')
    wide = most.replace(" ", " \t\n\r" * 200)
    assert len(wide) > 8192
    iam.put_user_policy(UserName="white", PolicyName="p", PolicyDocument=wide)
    kms.stop()
    kms.start()
    assert iam.get_user_policy(UserName="white", PolicyName="p")["PolicyDocument"] == json.loads(wide)
    message = refused("LimitExceeded", iam.put_user_policy, 409, UserName="white", PolicyName="p",
                      PolicyDocument=most.replace("xx", "xxx", 1))
    assert "2048" in message, message
    # What is kept and read has a bound, too.
    spaces = text + " " * (32768 - len(text))
    iam.put_user_policy(UserName="white", PolicyName="p", PolicyDocument=spaces)
    refused("LimitExceeded", iam.put_user_policy, 409, UserName="white", PolicyName="q",
            PolicyDocument=policy(statement("Deny", "*")))


@test("a fault about MaxItems names MaxItems")
def _():
    for most in 0, 1001, "x":
        reply = kms.send(*kms.signed_form({"Action": "ListUsers", "Version": VERSION, "MaxItems": str(most)}))
        assert "<Code>ValidationError</Code>" in reply.text and "maxItems" in reply.text and "Limit" not in reply.text, reply.text


@test("SIGTERM ends the KMS with status 0 and no sanitizer report")
def _():
    kms.end_cleanly()


sys.exit(tap.finish())
