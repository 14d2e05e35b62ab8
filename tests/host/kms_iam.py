# SPDX-License-Identifier: MIT
#
# Users of IAM in envelope-kms: boto3 makes them, their access keys and their policies, and what a user may
# do follows at once.

import json
import os
import signal
import subprocess
import sys

from xml.etree import ElementTree

from boto3_client import client, connect, pages
from iam_client import RETRIES, denied, policy, refused, statement
from kms_daemon import ACCOUNT, REGION, STRANGER, Kms
from tap import Tap
from wait import wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
kms.add_stranger()
kms.stop()
kms.start(other_regions="eu-west-1")
admin, iam, sts = client(kms), client(kms, service="iam", **RETRIES), client(kms, service="sts")
VERSION = "2010-05-08"
made = 0


class User:
    """A user with an access key."""

    def __init__(self, *statements, name=None, by=iam):
        global made
        made += 1
        self.name = name or f"user-{made}"
        self.by = by
        self.user = by.create_user(UserName=self.name)["User"]
        self.arn = self.user["Arn"]
        self.key = by.create_access_key(UserName=self.name)["AccessKey"]
        kms.secrets.append(self.key["SecretAccessKey"])
        if statements:
            self.put(*statements)

    def put(self, *statements, name="rights"):
        self.by.put_user_policy(UserName=self.name, PolicyName=name, PolicyDocument=policy(*statements))

    def client(self, service="kms", **how):
        return connect(kms, service, self.key["AccessKeyId"], self.key["SecretAccessKey"], **RETRIES, **how)


def new_key():
    return admin.create_key()["KeyMetadata"]


@test("a user is made, found, listed in pages and deleted, in the shapes of boto3's model")
def _():
    made_user = iam.create_user(UserName="Anna", Path="/")["User"]
    assert made_user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/Anna" and made_user["UserId"].startswith("AIDA"), made_user
    assert len(made_user["UserId"]) == 21 and made_user["CreateDate"].tzinfo, made_user
    assert iam.get_user(UserName="anna")["User"] == made_user
    names = ["Anna"] + [f"page-{i}" for i in range(4)]
    for name in names[1:]:
        iam.create_user(UserName=name)
    seen = pages(iam, "list_users", 2)
    assert [len(p["Users"]) for p in seen] == [2, 2, 1], seen
    assert [u["UserName"] for p in seen for u in p["Users"]] == names
    assert iam.list_users(PathPrefix="/other/")["Users"] == []
    for name in names:
        iam.delete_user(UserName=name)
    refused("NoSuchEntity", iam.get_user, 404, UserName="Anna")
    refused("NoSuchEntity", iam.delete_user, 404, UserName="Nobody")


@test("what IAM refuses: a name twice, also in another case or of a profile; a user that still has something; bad input")
def _():
    user = User(statement("Allow", "kms:ListKeys"))
    refused("EntityAlreadyExists", iam.create_user, 409, UserName=user.name)
    refused("EntityAlreadyExists", iam.create_user, 409, UserName=user.name.upper())
    assert "profile" in refused("EntityAlreadyExists", iam.create_user, 409, UserName="admin")
    assert "profile" in refused("NoSuchEntity", iam.get_user, 404, UserName="admin")
    assert "access keys" in refused("DeleteConflict", iam.delete_user, 409, UserName=user.name)
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"])
    assert "policies" in refused("DeleteConflict", iam.delete_user, 409, UserName=user.name)
    iam.delete_user_policy(UserName=user.name, PolicyName="rights")
    iam.delete_user(UserName=user.name)
    refused("ValidationError", iam.create_user, 400, UserName="a b")
    refused("UnsupportedOperation", iam.create_user, UserName="a", Path="/team/")
    refused("UnsupportedOperation", iam.create_user, UserName="a", Tags=[{"Key": "k", "Value": "v"}])
    refused("ValidationError", iam.list_users, MaxItems=1001)
    refused("ValidationError", iam.list_users, Marker="!")
    refused("NoSuchEntity", iam.create_access_key, 404, UserName="nobody")
    assert "userName" in refused("ValidationError", iam.get_user)


@test("roles, sessions, groups and managed policies are refused by name")
def _():
    assert "no groups, roles" in refused("UnsupportedOperation", iam.create_role, RoleName="r", AssumeRolePolicyDocument="{}")
    refused("UnsupportedOperation", iam.create_group, GroupName="g")
    refused("UnsupportedOperation", iam.attach_user_policy, UserName="u", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert "no roles and no session tokens" in refused(
        "UnsupportedOperation", sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r", RoleSessionName="session")
    refused("UnsupportedOperation", sts.get_session_token)
    assert kms.audit()[-1]["eventName"] == "GetSessionToken" and kms.audit()[-1]["eventSource"] == "sts.amazonaws.com"


@test("who am I: a user, a profile, a principal of another account")
def _():
    user = User()
    assert user.client("sts").get_caller_identity()["Arn"] == user.arn
    assert user.client("sts").get_caller_identity()["UserId"] == user.user["UserId"]
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/admin"
    assert client(kms, "stranger", service="sts").get_caller_identity()["Account"] == STRANGER


@test("a user without policies may do nothing, not even with a key of the default policy, nor look at itself")
def _():
    key = new_key()["KeyId"]
    user = User()
    calls, own = user.client(), user.client("iam")
    for function, params in ((calls.describe_key, {"KeyId": key}), (calls.encrypt, {"KeyId": key, "Plaintext": b"x"}),
                             (calls.disable_key, {"KeyId": key}), (calls.put_key_policy, {"KeyId": key, "PolicyName": "default", "Policy": policy(
                                 statement("Allow", "kms:*", Principal="*"))}), (calls.create_key, {}), (calls.list_keys, {}),
                             (calls.list_aliases, {}), (calls.create_alias, {"AliasName": "alias/x", "TargetKeyId": key}),
                             (calls.generate_random, {"NumberOfBytes": 8})):
        denied(function, **params)
    message = denied(calls.create_key)
    assert message == (f"User: {user.arn} is not authorized to perform: kms:CreateKey on resource: * because no "
                       "identity-based policy allows the kms:CreateKey action"), message
    for function, params in ((own.get_user, {}), (own.create_user, {"UserName": "more"}), (own.list_users, {}),
                             (own.put_user_policy, {"UserName": user.name, "PolicyName": "p", "PolicyDocument": policy(
                                 statement("Allow", "*"))}), (own.create_access_key, {})):
        refused("AccessDenied", function, 403, **params)


@test("a policy counts from the next call on, and so does its end; a deny wins")
def _():
    key, other = new_key(), new_key()
    user = User(statement("Allow", "kms:Encrypt", "kms:Decrypt", resource=key["Arn"]))
    calls = user.client()
    sealed = calls.encrypt(KeyId=key["KeyId"], Plaintext=b"row")["CiphertextBlob"]
    assert calls.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"row"
    denied(calls.encrypt, KeyId=other["KeyId"], Plaintext=b"row")
    denied(calls.describe_key, KeyId=key["KeyId"])
    user.put(statement("Deny", "kms:Decrypt"), name="deny")
    assert "explicit deny in an identity-based policy" in denied(calls.decrypt, CiphertextBlob=sealed)
    iam.delete_user_policy(UserName=user.name, PolicyName="deny")
    assert calls.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"row"
    iam.delete_user_policy(UserName=user.name, PolicyName="rights")
    denied(calls.decrypt, CiphertextBlob=sealed)
    user.put(statement("Allow", "kms:*", Condition={"StringEquals": {"kms:EncryptionContext:App": "mine"}}))
    denied(calls.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    calls.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"App": "mine"})


@test("the policy of a key may name the user, and a grant gives it the key: nothing else is needed")
def _():
    key = new_key()
    user = User()
    calls = user.client()
    grant = admin.create_grant(KeyId=key["KeyId"], GranteePrincipal=user.arn, Operations=["Encrypt", "DescribeKey"])
    calls.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    denied(calls.disable_key, KeyId=key["KeyId"])
    admin.revoke_grant(KeyId=key["KeyId"], GrantId=grant["GrantId"])
    denied(calls.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    admin.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy(
        statement("Allow", "kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        statement("Allow", "kms:Encrypt", Principal={"AWS": user.arn})))
    calls.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    user.put(statement("Deny", "kms:Encrypt", resource=key["Arn"]))
    denied(calls.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    whole = admin.create_grant(KeyId=key["KeyId"], GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root", Operations=["DescribeKey"])
    denied(calls.describe_key, KeyId=key["KeyId"])
    user.put(statement("Allow", "kms:DescribeKey"))
    calls.describe_key(KeyId=key["KeyId"])
    admin.revoke_grant(KeyId=key["KeyId"], GrantId=whole["GrantId"])


@test("a default key is for the agent, and for users whose policies allow its use; another account needs both sides")
def _():
    user = User()
    sealed = client(kms, "enveloped").generate_data_key_without_plaintext(KeyId="alias/aws/rds", KeySpec="AES_256")
    denied(user.client().decrypt, CiphertextBlob=sealed["CiphertextBlob"])
    # Nobody makes a default key by a call that is denied.
    denied(user.client().encrypt, KeyId="alias/aws/dms", Plaintext=b"x")
    assert "alias/aws/dms" not in [a["AliasName"] for a in client(kms).list_aliases()["Aliases"]]
    user.put(statement("Allow", "kms:*"))
    assert user.client().decrypt(CiphertextBlob=sealed["CiphertextBlob"])["KeyId"] == sealed["KeyId"]
    denied(user.client().schedule_key_deletion, KeyId=sealed["KeyId"])
    key = new_key()
    theirs = client(kms, "stranger", service="iam", **RETRIES)
    there = User(by=theirs)
    assert there.arn == f"arn:aws:iam::{STRANGER}:user/{there.name}"
    admin.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy(
        statement("Allow", "kms:*", Principal={"AWS": [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{STRANGER}:root"]})))
    denied(there.client().encrypt, KeyId=key["Arn"], Plaintext=b"x")
    there.put(statement("Allow", "kms:Encrypt", resource=key["Arn"]))
    there.client().encrypt(KeyId=key["Arn"], Plaintext=b"x")
    refused("NoSuchEntity", iam.get_user, UserName=there.name)


@test("access keys: two at most, inactive or deleted ones are refused at once, a secret is in one answer alone")
def _():
    user = User(statement("Allow", "kms:ListKeys"))
    second = iam.create_access_key(UserName=user.name)["AccessKey"]
    kms.secrets.append(second["SecretAccessKey"])
    assert len(second["SecretAccessKey"]) == 40 and second["Status"] == "Active"
    assert "2" in refused("LimitExceeded", iam.create_access_key, 409, UserName=user.name)
    listed = iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"]
    assert [k["AccessKeyId"] for k in listed] == [user.key["AccessKeyId"], second["AccessKeyId"]], listed
    assert "SecretAccessKey" not in str(listed)
    user.client().list_keys()
    iam.update_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"], Status="Inactive")
    refused("UnrecognizedClientException", user.client().list_keys)
    refused("InvalidClientTokenId", user.client("sts").get_caller_identity, 403)
    connect(kms, "kms", second["AccessKeyId"], second["SecretAccessKey"]).list_keys()
    iam.update_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"], Status="Active")
    user.client().list_keys()
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"])
    refused("UnrecognizedClientException", user.client().list_keys)
    connect(kms, "kms", second["AccessKeyId"], second["SecretAccessKey"]).list_keys()
    refused("NoSuchEntity", iam.delete_access_key, 404, UserName=user.name, AccessKeyId=user.key["AccessKeyId"])
    refused("ValidationError", iam.update_access_key, UserName=user.name, AccessKeyId=second["AccessKeyId"], Status="Expired")
    wrong = connect(kms, "kms", second["AccessKeyId"], "x" * 40)
    refused("InvalidSignatureException", wrong.list_keys)


@test("policies of a user: read back as they were put, listed, at most 2,048 bytes without white space, checked in full")
def _():
    user = User()
    text = policy(statement("Allow", "kms:Decrypt", Sid="\u00e4 %+&=<>"))
    iam.put_user_policy(UserName=user.name, PolicyName="a", PolicyDocument=text)
    assert iam.get_user_policy(UserName=user.name, PolicyName="a")["PolicyDocument"] == json.loads(text)
    iam.put_user_policy(UserName=user.name, PolicyName="b", PolicyDocument=policy(statement("Deny", "*")))
    assert iam.list_user_policies(UserName=user.name)["PolicyNames"] == ["a", "b"]
    size = 2048 - sum(len("".join(t.split()).encode()) for t in (text, policy(statement("Deny", "*"))))
    whole = policy(statement("Allow", "kms:Encrypt", Sid="x"))
    whole = whole.replace('"x"', '"' + "x" * (size - len("".join(whole.split())) + 1) + '"')
    iam.put_user_policy(UserName=user.name, PolicyName="c", PolicyDocument=whole)
    refused("LimitExceeded", iam.put_user_policy, 409, UserName=user.name, PolicyName="c",
            PolicyDocument=whole.replace("xx", "xxx", 1))
    for bad, what in (("{", "one JSON object"), (policy(statement("Allow", "kms:*", Principal="*")), "names no principal"),
                      (policy(statement("Allow", "kms:*", Condition={"StringEquals": {"kms:Nothing": "x"}})), "Condition")):
        message = refused("MalformedPolicyDocument", iam.put_user_policy, 400, UserName=user.name, PolicyName="d",
                          PolicyDocument=bad)
        assert what in message, message
    refused("NoSuchEntity", iam.get_user_policy, 404, UserName=user.name, PolicyName="d")
    refused("ValidationError", iam.put_user_policy, UserName=user.name, PolicyName="a b", PolicyDocument=text)


@test("a policy about a user is asked for the name that the user has, whatever case the request writes")
def _():
    boss = User(name="Boss")
    keeper = User(statement("Allow", "iam:*"), statement("Deny", "iam:*", resource=boss.arn))
    own = keeper.client("iam")
    for name in "Boss", "BOSS", "boss":
        for function, params in (
                (own.create_access_key, {}), (own.get_user, {}), (own.delete_user, {}), (own.list_access_keys, {}),
                (own.update_access_key, {"AccessKeyId": boss.key["AccessKeyId"], "Status": "Inactive"}),
                (own.delete_access_key, {"AccessKeyId": boss.key["AccessKeyId"]}), (own.list_user_policies, {}),
                (own.put_user_policy, {"PolicyName": "p", "PolicyDocument": policy(statement("Allow", "*"))}),
                (own.get_user_policy, {"PolicyName": "p"}), (own.delete_user_policy, {"PolicyName": "p"})):
            refused("AccessDenied", function, 403, UserName=name, **params)
    keeper.put(statement("Allow", "iam:GetUser", resource=boss.arn))
    assert own.get_user(UserName="BOSS")["User"] == boss.user
    refused("AccessDenied", own.get_user, 403, UserName="nobody")


@test("rights over users are given like others, and are for this account alone")
def _():
    keeper = User(statement("Allow", "iam:*AccessKey*", resource=f"arn:aws:iam::{ACCOUNT}:user/app-*"),
                  statement("Allow", "iam:ListUsers"))
    own = keeper.client("iam")
    iam.create_user(UserName="app-1")
    own.create_access_key(UserName="app-1")
    assert "app-1" in [u["UserName"] for u in own.list_users()["Users"]]
    refused("AccessDenied", own.create_access_key, 403, UserName=keeper.name)
    refused("AccessDenied", own.put_user_policy, 403, UserName="app-1", PolicyName="p", PolicyDocument=policy(statement("Allow", "*")))
    refused("AccessDenied", own.get_user, 403, UserName="app-1")


@test("the first start gives the agent no right but the default keys: it manages no key and makes none, a grant gives it one")
def _():
    fresh = Kms(sys.argv[1])
    fresh.first_start_makes_all = True
    fresh.start()
    try:
        agent, root = client(fresh, "enveloped"), client(fresh)
        key = root.create_key()["KeyMetadata"]["KeyId"]
        for function, params in ((agent.disable_key, {"KeyId": key}), (agent.create_key, {}), (agent.list_keys, {}),
                                 (agent.schedule_key_deletion, {"KeyId": key}), (agent.encrypt, {"KeyId": key, "Plaintext": b"x"})):
            denied(function, **params)
        refused("AccessDenied", client(fresh, "enveloped", service="iam").create_user, 403, UserName="more")
        agent.generate_data_key_without_plaintext(KeyId="alias/aws/rds", KeySpec="AES_256")
        root.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/enveloped", Operations=["Encrypt"])
        agent.encrypt(KeyId=key, Plaintext=b"x")
        denied(agent.disable_key, KeyId=key)
        root.disable_key(KeyId=key)
    finally:
        fresh.stop()


@test("users survive a restart; a profile without rights has those that keys and grants give it")
def _():
    key = new_key()
    user = User(statement("Allow", "kms:ListKeys"))
    kms.stop()
    with open(kms.credentials, "a", encoding="utf-8") as f:
        f.write("[grants-only]\naws_access_key_id = AKIAGRANTSONLY000001\naws_secret_access_key = x\nenvelope_rights = none\n")
        f.write("[said-first]\nenvelope_rights = none\naws_access_key_id = AKIASAIDFIRST0000001\naws_secret_access_key = x\n")
        f.write("[all]\nenvelope_rights = all\naws_access_key_id = AKIAALL0000000000001\naws_secret_access_key = x\n")
    kms.start(other_regions="eu-west-1")
    user.client().list_keys()
    bare = client(kms, "grants-only")
    denied(bare.list_keys)
    denied(client(kms, "said-first").list_keys)
    client(kms, "all").list_keys()
    denied(bare.describe_key, KeyId=key["KeyId"])
    refused("AccessDenied", client(kms, "grants-only", service="iam").list_users, 403)
    admin.create_grant(KeyId=key["KeyId"], GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/grants-only", Operations=["DescribeKey"])
    bare.describe_key(KeyId=key["KeyId"])
    denied(bare.generate_data_key_without_plaintext, KeyId="alias/aws/rds", KeySpec="AES_256")
    with open(kms.credentials, "a", encoding="utf-8") as f:
        f.write("[wrong]\nenvelope_rights = some\n")
    status, said = kms.run("--check-config")
    assert status == 2 and "envelope_rights is 'all' or 'none'" in said, said
    with open(kms.credentials, encoding="utf-8") as f:
        good = f.read().replace("[wrong]\nenvelope_rights = some\n", "")
    for wrong, what in (("envelope_right = none\n", "Unknown key envelope_right"), ("Envelope_Rights = none\n", "Unknown key"),
                        ("envelope_rights = all\n", "given twice"),
                        ("[admin]\naws_access_key_id = AKIATWICE00000000001\naws_secret_access_key = x\n", "two sections")):
        with open(kms.credentials, "w", encoding="utf-8") as f:
            f.write(good + wrong)
        status, said = kms.run("--check-config")
        assert status == 2 and what in said, (wrong, said)
    twins = User()
    with open(kms.credentials, "w", encoding="utf-8") as f:
        f.write(f"{good}[{twins.name}]\naws_access_key_id = {twins.key['AccessKeyId']}\naws_secret_access_key = x\n")
    os.kill(kms.process.pid, signal.SIGHUP)
    for said in f"has the name of the user {twins.name}", f"has an access key of the user {twins.name}":
        wait_for(lambda said=said: said in kms.stderr())
    with open(kms.credentials, "w", encoding="utf-8") as f:
        f.write(good)
    before = len(kms.audit())
    os.kill(kms.process.pid, signal.SIGHUP)
    wait_for(lambda: len(kms.audit()) > before)


@test("a request of the Query protocol is read in one way only")
def _():
    good = {"Action": "ListUsers", "Version": VERSION}
    reply = kms.send(*kms.signed_form(good))
    assert reply.status == 200 and reply.text.startswith('<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'), reply.text
    for body in (b"Action=ListUsers&Action=ListUsers&Version=2010-05-08", b"Action=ListUsers&=x", b"Action=ListUsers&a=%",
                 b"Action=ListUsers&a=%zz", b"Action=ListUsers&a=%00", b"Action=ListUsers&a=\0", b"Action=ListUsers&a=%ff"):
        reply = kms.send(*kms.signed_form(body))
        assert reply.status == 400 and "<Code>MalformedInput</Code>" in reply.text, (body, reply.text)
    for body, code in ((b"", "UnknownOperation"), (b"Action=", "UnknownOperation"), (b"Action=List%20Users", "UnknownOperation"),
                       (b"Action=Decrypt", "InvalidAction"), (b"Action=Decrypt&Version=2010-05-08", "UnsupportedOperation")):
        reply = kms.send(*kms.signed_form(body))
        assert reply.status == 400 and f"<Code>{code}</Code>" in reply.text, (body, reply.text)
    # What XML does not have is no way to an answer that nobody can read.
    user = User()
    for action, params in (("DeleteAccessKey", {"AccessKeyId": "A" * 19 + "\x01"}),
                           ("PutUserPolicy", {"PolicyName": "p", "PolicyDocument": '{"Statement":{"\\u0001\\ufffe":1}}'})):
        reply = kms.send(*kms.signed_form({**good, "Action": action, "UserName": user.name, **params}))
        assert reply.status in (400, 404) and ElementTree.fromstring(reply.text).tag.endswith("ErrorResponse"), reply.text
    reply = kms.send(*kms.signed_form({**good, "Action": "CreateUser", "UserName": "tagged", "Tags.member.2.Key": "k"}))
    assert "<Code>UnsupportedOperation</Code>" in reply.text, reply.text
    # A user changes its own policies by its name alone.
    reply = kms.send(*kms.signed_form({**good, "Action": "DeleteUserPolicy", "PolicyName": "p"}, access_key=user.key["AccessKeyId"],
                           secret_key=user.key["SecretAccessKey"]))
    assert "Member must not be null" in reply.text, reply.text
    # A name with markup is data.
    reply = kms.send(*kms.signed_form({**good, "Action": "GetUser", "UserName": "<a>&"}))
    assert "<a>" not in reply.text and reply.status == 400, reply.text


@test("a form is signed for its service, in us-east-1 or a region that is served; strangers and other hands get nothing")
def _():
    good = {"Action": "ListUsers", "Version": VERSION}
    for how, code in (({"service": "kms"}, "SignatureDoesNotMatch"), ({"service": "sts"}, "SignatureDoesNotMatch"),
                      ({"secret_key": "wrong"}, "SignatureDoesNotMatch"), ({"access_key": "AKIA" + "X" * 16}, "InvalidClientTokenId"),
                      ({"region": "eu-north-1"}, "SignatureDoesNotMatch"), ({"clock": -3600}, "SignatureDoesNotMatch")):
        reply = kms.send(*kms.signed_form(good, **how))
        assert reply.status == 403 and f"<Code>{code}</Code>" in reply.text, (how, reply.text)
    for region in "us-east-1", "eu-west-1":
        assert kms.send(*kms.signed_form(good, region=region)).status == 200
    headers, body = kms.signed_form({"Action": "CreateUser", "UserName": "once", "Version": VERSION})
    assert kms.send(headers, body).status == 200
    reply = kms.send(headers, body)
    assert "<Code>Throttling</Code>" in reply.text, reply.text
    headers, body = kms.signed_form({"Action": "CreateUser", "UserName": "other", "Version": VERSION})
    reply = kms.send(headers, body.replace(b"other", b"OTHER"))
    assert "SignatureDoesNotMatch" in reply.text, reply.text
    headers, body = kms.signed_form({"Action": "CreateAccessKey", "UserName": "once", "Version": VERSION}, transport="unix")
    reply = kms.send(headers, body, "unix")
    assert "unix socket" in reply.text and "SecretAccessKey" not in reply.text, reply.text


@test("the trail has each change of a user with its caller, and no secret")
def _():
    user = User(statement("Allow", "kms:ListKeys"))
    iam.update_access_key(UserName=user.name, AccessKeyId=user.key["AccessKeyId"], Status="Inactive")
    records = [r for r in kms.audit() if (r.get("requestParameters") or {}).get("userName") == user.name]
    names = [r["eventName"] for r in records]
    assert names == ["CreateUser", "CreateAccessKey", "PutUserPolicy", "UpdateAccessKey"], names
    assert all(r["eventSource"] == "iam.amazonaws.com" and not r["readOnly"] for r in records)
    assert all(r["userIdentity"]["userName"] == "admin" for r in records)
    assert records[1]["responseElements"]["accessKey"]["accessKeyId"] == user.key["AccessKeyId"]
    assert "kms:ListKeys" in records[2]["requestParameters"]["policyDocument"]
    with open(kms.audit_file, encoding="utf-8") as f:
        trail = f.read()
    with open(f"{kms.state}/kms.sqlite", "rb") as f:
        store = f.read()
    for name in os.listdir(kms.state):
        with open(f"{kms.state}/{name}", "rb") as f:
            store += f.read()
    secrets = [s for s in kms.secrets if isinstance(s, str) and len(s) == 40]
    assert secrets
    for secret in secrets:
        assert secret not in trail and secret.encode() not in store and secret not in kms.stderr()
    assert user.key["AccessKeyId"] in trail


@test("Debian's aws makes a user and works as it")
def _():
    key = new_key()["KeyId"]
    keys = kms.profiles["admin"]
    env = {**os.environ, "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
           "AWS_CA_BUNDLE": f"{kms.state}/ca.pem", "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": ""}

    def aws(*words, **more):
        done = subprocess.run(["/usr/bin/aws", "--endpoint-url", f"https://127.0.0.1:{kms.port}", *words], env={**env, **more},
                              capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else done.stderr

    aws("iam", "create-user", "--user-name", "cli")
    pair = json.loads(aws("iam", "create-access-key", "--user-name", "cli"))["AccessKey"]
    user = {"AWS_ACCESS_KEY_ID": pair["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": pair["SecretAccessKey"]}
    assert "AccessDeniedException" in aws("kms", "describe-key", "--key-id", key, **user)
    aws("iam", "put-user-policy", "--user-name", "cli", "--policy-name", "look", "--policy-document",
        policy(statement("Allow", "kms:DescribeKey")))
    assert json.loads(aws("kms", "describe-key", "--key-id", key, **user))["KeyMetadata"]["KeyId"] == key
    assert json.loads(aws("sts", "get-caller-identity", **user))["Arn"].endswith(":user/cli")


@test("after all of it the trail is whole")
def _():
    assert kms.verify()["Whole"]


sys.exit(tap.finish())
