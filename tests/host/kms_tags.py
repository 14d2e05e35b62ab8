# SPDX-License-Identifier: MIT
#
# Tags and descriptions of keys, and random bytes, through signed calls to envelope-kms.

import json
import os
import sqlite3
import subprocess
import sys

from kms_daemon import ACCOUNT, Kms, b64, unb64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
kms.add_stranger()
kms.restart()


def tag(key, value=""):
    return {"TagKey": key, "TagValue": value}


def tags(key, **more):
    return kms.good("ListResourceTags", {"KeyId": key["KeyId"], **more})["Tags"]


def add(key, *more):
    kms.good("TagResource", {"KeyId": key["KeyId"], "Tags": list(more)})


@test("a key has the tags that it was made with, ordered by key, also after a restart")
def _():
    key = kms.new_key(Tags=[tag("team", "storage"), tag("cost center", "42"), tag("\u00e9", "\U0001f511")])
    wanted = [tag("cost center", "42"), tag("team", "storage"), tag("\u00e9", "\U0001f511")]
    assert tags(key) == wanted
    kms.restart()
    assert tags(key) == wanted
    assert tags(kms.new_key()) == [] and tags(kms.new_key(Tags=[])) == []


@test("a tag with the key of another one replaces it, and others stay; removing one that is not there is fine")
def _():
    key = kms.new_key(Tags=[tag("a", "1"), tag("b", "2")])
    add(key, tag("b", "new"), tag("A", ""))
    assert tags(key) == [tag("A"), tag("a", "1"), tag("b", "new")]
    kms.good("UntagResource", {"KeyId": key["Arn"], "TagKeys": ["a", "never"]})
    assert tags(key) == [tag("A"), tag("b", "new")]
    kms.good("UntagResource", {"KeyId": key["Arn"], "TagKeys": ["A", "b"]})
    assert tags(key) == []
    assert kms.good("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"] == key


@test("a tag that AWS refuses is refused, and changes nothing")
def _():
    key = kms.new_key(Tags=[tag("a", "1")])
    long = [tag("k" * 128, "v" * 256), tag("\u00e9" * 128, "\u00e9" * 256)]
    add(key, *long)
    before = tags(key)
    for fault, wrong in (("ValidationException", [tag("")]), ("ValidationException", [tag("k" * 129)]),
                         ("ValidationException", [tag("k", "v" * 257)]), ("TagException", [tag("aws:x")]),
                         ("TagException", [tag("AWS:x")]), ("TagException", [tag("x"), tag("y"), tag("x", "2")]),
                         ("SerializationException", {}), ("SerializationException", ["x"]),
                         ("ValidationException", [{"TagKey": "x"}]), ("ValidationException", [{"TagValue": "x"}]),
                         ("SerializationException", [{"TagKey": 5, "TagValue": "x"}])):
        kms.bad(fault, "TagResource", {"KeyId": key["KeyId"], "Tags": [tag("fine"), *wrong] if isinstance(wrong, list) else wrong})
        kms.bad(fault, "CreateKey", {"Tags": wrong})
    for fault, wrong in (("ValidationException", [""]), ("TagException", ["aws:x"]), ("SerializationException", "a"),
                         ("SerializationException", [5])):
        kms.bad(fault, "UntagResource", {"KeyId": key["KeyId"], "TagKeys": wrong})
    kms.bad("ValidationException", "TagResource", {"KeyId": key["KeyId"]})
    kms.bad("ValidationException", "UntagResource", {"KeyId": key["KeyId"]})
    assert tags(key) == before


@test("a key has at most 50 tags, and pages of them leave none out")
def _():
    most = [tag(f"k{i:02}", str(i)) for i in range(50)]
    key = kms.new_key(Tags=most)
    kms.bad("LimitExceededException", "TagResource", {"KeyId": key["KeyId"], "Tags": [tag("one more")]})
    kms.bad("LimitExceededException", "CreateKey", {"Tags": [*most, tag("one more")]})
    # Refused by its length alone: the search for twins among thousands of tags would take the event loop for seconds.
    kms.bad("LimitExceededException", "TagResource", {"KeyId": key["KeyId"], "Tags": [tag("twin")] * 51})
    add(key, tag("k07", "again"))
    seen, marker = [], {}
    while True:
        page = kms.good("ListResourceTags", {"KeyId": key["KeyId"], "Limit": 13, **marker})
        seen += page["Tags"]
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert seen == [tag("k07", "again") if t["TagKey"] == "k07" else t for t in most]
    # The longest key is a marker too.
    key = kms.new_key(Tags=[tag("\U0001f511" * 128), tag("\U0001f511" * 127)])
    page = kms.good("ListResourceTags", {"KeyId": key["KeyId"], "Limit": 1})
    assert page["Truncated"] and page["Tags"] == [tag("\U0001f511" * 127)]
    page = kms.good("ListResourceTags", {"KeyId": key["KeyId"], "Limit": 1, "Marker": page["NextMarker"]})
    assert page == {"Tags": [tag("\U0001f511" * 128)], "Truncated": False}
    kms.bad("InvalidMarkerException", "ListResourceTags", {"KeyId": key["KeyId"], "Marker": "%"})
    kms.bad("ValidationException", "ListResourceTags", {"KeyId": key["KeyId"], "Limit": 51})


@test("tags and description follow the key's state, its policy and AWS's rules for managed keys")
def _():
    changes = (("TagResource", {"Tags": [tag("a")]}), ("UntagResource", {"TagKeys": ["a"]}),
               ("UpdateKeyDescription", {"Description": "new"}))
    key = kms.new_key()
    managed = kms.good("DescribeKey", {"KeyId": "alias/aws/rds"})["KeyMetadata"]
    kms.good("DisableKey", {"KeyId": key["KeyId"]})
    for operation, params in changes:
        kms.good(operation, {"KeyId": key["KeyId"], **params})
        kms.bad("AccessDeniedException", operation, {"KeyId": managed["KeyId"], **params})
        kms.bad("AccessDeniedException", operation, {"KeyId": key["Arn"], **params}, profile="stranger")
        kms.bad("NotFoundException", operation, {"KeyId": "alias/aws/rds", **params})
    kms.good("ListResourceTags", {"KeyId": managed["KeyId"]})
    kms.good("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    for operation, params in changes:
        kms.bad("KMSInvalidStateException", operation, {"KeyId": key["KeyId"], **params})
    assert tags(key) == []
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    no_tags = {**root, "Effect": "Deny", "Principal": "*", "Action": ["kms:*Resource*", "kms:UpdateKeyDescription"]}
    key = kms.new_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, no_tags]}))
    for operation, params in changes:
        kms.bad("AccessDeniedException", operation, {"KeyId": key["KeyId"], **params})
    kms.bad("AccessDeniedException", "ListResourceTags", {"KeyId": key["KeyId"]})


@test("a key keeps its policy beside its tags, and each of them when the other changes")
def _():
    def text(who):
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "kms:*", "Resource": "*"}]})

    first, second = text(f"arn:aws:iam::{ACCOUNT}:user/admin"), text(f"arn:aws:iam::{ACCOUNT}:root")
    key = kms.new_key(Policy=first, Tags=[tag("a", "1")])
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": second})
    add(key, tag("b", "2"))
    kms.restart()
    assert tags(key) == [tag("a", "1"), tag("b", "2")]
    assert kms.good("GetKeyPolicy", {"KeyId": key["KeyId"]})["Policy"] == second


@test("a version without tags refuses a key that has some, and drops none of them")
def _():
    key = kms.new_key(Tags=[tag("a")])
    plain = kms.new_key()
    with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
        records = {json.loads(r)["KeyId"]: json.loads(r) for r, in db.execute("SELECT record FROM keys")}
    assert records[key["KeyId"]]["Record"] == "key-with-tags", records[key["KeyId"]]
    assert records[plain["KeyId"]]["Record"] == "key" and "Tags" not in records[plain["KeyId"]]
    kms.good("UntagResource", {"KeyId": key["KeyId"], "TagKeys": ["a"]})
    with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
        records = {json.loads(r)["KeyId"]: json.loads(r) for r, in db.execute("SELECT record FROM keys")}
    assert records[key["KeyId"]]["Record"] == "key"


@test("UpdateKeyDescription changes the description and nothing else; an empty one is fine")
def _():
    key = kms.new_key(Description="one", Tags=[tag("a")])
    for description in ("two", ""):
        kms.good("UpdateKeyDescription", {"KeyId": key["Arn"], "Description": description})
        assert kms.good("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"] == {**key, "Description": description}
    assert tags(key) == [tag("a")]
    kms.bad("ValidationException", "UpdateKeyDescription", {"KeyId": key["KeyId"]})
    kms.bad("ValidationException", "UpdateKeyDescription", {"KeyId": key["KeyId"], "Description": "x" * 8193})
    kms.bad("SerializationException", "UpdateKeyDescription", {"KeyId": key["KeyId"], "Description": 5})


@test("the audit trail has the tags in CloudTrail's spelling")
def _():
    key = kms.new_key()
    add(key, tag("a", "1"))
    record = kms.audit()[-1]
    assert record["eventName"] == "TagResource" and record["readOnly"] is False
    assert record["requestParameters"] == {"keyId": key["KeyId"], "tags": [{"tagKey": "a", "tagValue": "1"}]}, record
    kms.good("UntagResource", {"KeyId": key["KeyId"], "TagKeys": ["a"]})
    assert kms.audit()[-1]["requestParameters"] == {"keyId": key["KeyId"], "tagKeys": ["a"]}


def recipient():
    """An RSA key: (path of the private key, its public key in base64)."""
    path = f"{kms.dir}/recipient.pem"
    subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path],
                   check=True, stderr=subprocess.DEVNULL)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
    return path, b64(der)


@test("GenerateRandom gives as many bytes as are asked for, other ones each time, and records none")
def _():
    seen = set()
    for size in (1, 32, 1024):
        for _i in range(2):
            plain = kms.good("GenerateRandom", {"NumberOfBytes": size})["Plaintext"]
            assert len(unb64(plain)) == size
            seen.add(plain)
    assert len(seen) >= 5
    record = kms.audit()[-1]
    assert record["eventName"] == "GenerateRandom" and record["readOnly"] is True and record["responseElements"] is None
    assert not [text for text in seen if len(text) > 40 and text in open(kms.audit_file, encoding="utf-8").read()]
    for wrong in ({}, {"NumberOfBytes": 0}, {"NumberOfBytes": 1025}):
        kms.bad("ValidationException", "GenerateRandom", wrong)
    kms.bad("SerializationException", "GenerateRandom", {"NumberOfBytes": "5"})
    kms.bad("UnsupportedOperationException", "GenerateRandom", {"NumberOfBytes": 5, "CustomKeyStoreId": "cks-1"})


@test("random bytes do not travel in clear over the unix socket, and do to a Recipient")
def _():
    kms.bad("ValidationException", "GenerateRandom", {"NumberOfBytes": 32}, transport="unix")
    private, public = recipient()
    reply = kms.good("GenerateRandom", {"NumberOfBytes": 32, "Recipient": {
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": public}}, transport="unix")
    assert list(reply) == ["CiphertextForRecipient"]
    opened = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", private],
                            input=unb64(reply["CiphertextForRecipient"]), check=True, stdout=subprocess.PIPE).stdout
    assert len(opened) == 32


kms.close()
assert not os.path.exists(kms.dir)
sys.exit(tap.finish())
