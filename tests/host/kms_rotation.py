# SPDX-License-Identifier: MIT
#
# Rotation of keys, on demand and by the timer, through signed calls to envelope-kms.

import contextlib
import json
import os
import re
import shutil
import sqlite3
import sys
import time

from kms_daemon import ACCOUNT, REGION, STRANGER, Kms, b64, unb64, wait_for
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

DAY = 86400
CHANGES = (("EnableKeyRotation", {}), ("DisableKeyRotation", {}), ("RotateKeyOnDemand", {}))
CONTEXT = {"dm-envelope:volume-id": "vol-1"}

kms.start()
kms.add_stranger()
kms.restart()


def encrypt(key_id, plain=b"plain"):
    return kms.good("Encrypt", {"KeyId": key_id, "Plaintext": b64(plain), "EncryptionContext": CONTEXT})["CiphertextBlob"]


def decrypt(blob, plain=b"plain"):
    """The id of the material that decrypts BLOB."""
    answer = kms.good("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": CONTEXT})
    assert unb64(answer["Plaintext"]) == plain
    return answer["KeyMaterialId"]


def rotate(key_id):
    assert kms.good("RotateKeyOnDemand", {"KeyId": key_id}) == {"KeyId": key_id.rpartition("/")[2]}


def current(key_id):
    return kms.good("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["CurrentKeyMaterialId"]


def materials(key_id, **more):
    return kms.good("ListKeyRotations", {"KeyId": key_id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", **more})["Rotations"]


def status(key_id):
    answer = kms.good("GetKeyRotationStatus", {"KeyId": key_id})
    assert answer.pop("KeyId") == key_id
    return answer


def materials_in_store(key_id):
    """The number of rows, without a call that the trail would record."""
    with contextlib.closing(sqlite3.connect(f"{kms.state}/kms.sqlite")) as db:
        return db.execute("SELECT count(*) FROM materials WHERE key_id = ?", (key_id,)).fetchone()[0]


def rotations_recorded(key_id):
    return [r for r in kms.audit() if r["eventName"] == "RotateKey" and r["resources"][0]["ARN"].endswith(key_id)]


# ---------------------------------------------------------------- on demand


@test("a rotated key opens what each of its materials has sealed, and seals with the current one, also after a restart")
def _():
    key = kms.new_key()
    first = key["CurrentKeyMaterialId"]
    assert re.fullmatch("[0-9a-f]{64}", first)
    blobs = [encrypt(key["KeyId"])]
    ids = [first]
    for _i in range(3):
        rotate(key["Arn"])
        ids.append(current(key["KeyId"]))
        blobs.append(encrypt(key["KeyId"]))
    assert len(set(ids)) == 4 and len({len(b) for b in blobs}) == 1
    for _i in range(2):
        assert [decrypt(b) for b in blobs] == ids
        made = kms.good("GenerateDataKey", {"KeyId": key["KeyId"], "KeySpec": "AES_256", "EncryptionContext": CONTEXT})
        assert made["KeyMaterialId"] == ids[3] == decrypt(made["CiphertextBlob"], unb64(made["Plaintext"]))
        assert kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": key["KeyId"], "KeySpec": "AES_128"})["KeyMaterialId"] == ids[3]
        assert [m["KeyMaterialId"] for m in materials(key["KeyId"])] == ids
        kms.restart()
    kms.good("Decrypt", {"CiphertextBlob": blobs[0], "EncryptionContext": CONTEXT, "KeyId": key["KeyId"]})


@test("ReEncrypt moves a ciphertext to the current material, and names both")
def _():
    key, other = kms.new_key(), kms.new_key()
    blob = encrypt(key["KeyId"])
    rotate(key["KeyId"])
    for target in key, other:
        moved = kms.good("ReEncrypt", {"CiphertextBlob": blob, "SourceEncryptionContext": CONTEXT,
                                       "DestinationKeyId": target["KeyId"], "DestinationEncryptionContext": CONTEXT})
        assert moved["SourceKeyMaterialId"] == key["CurrentKeyMaterialId"]
        assert moved["DestinationKeyMaterialId"] == current(target["KeyId"]) == decrypt(moved["CiphertextBlob"])


@test("no altered ciphertext of a rotated key decrypts, nor one that names another of its materials")
def _():
    key = kms.new_key()["KeyId"]
    rotate(key)
    rotate(key)
    blob = unb64(encrypt(key))
    for i in range(len(blob)):
        bent = b64(blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1:])
        reply = kms.call("Decrypt", {"CiphertextBlob": bent, "EncryptionContext": CONTEXT, "KeyId": key})
        assert reply.error in ("InvalidCiphertextException", "IncorrectKeyException"), f"byte {i}: {reply.text}"
    for number in 0, 1, 3, 65535:
        kms.bad("InvalidCiphertextException", "Decrypt",
                {"CiphertextBlob": b64(blob[:2] + number.to_bytes(2, "big") + blob[4:]), "EncryptionContext": CONTEXT})
    decrypt(b64(blob))  # negative control


@test("ListKeyRotations: rotations alone or all materials, oldest first, in pages")
def _():
    key = kms.new_key()["KeyId"]
    assert kms.good("ListKeyRotations", {"KeyId": key}) == {"Rotations": [], "Truncated": False}
    before = int(time.time())
    rotate(key)
    rotate(key)
    listed = materials(key)
    assert set(listed[0]) == {"KeyId", "KeyMaterialId", "KeyMaterialState"}
    assert [m["KeyMaterialState"] for m in listed] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    for entry in listed[1:]:
        assert entry["RotationType"] == "ON_DEMAND" and entry["KeyId"] == key
        assert before <= entry["RotationDate"] <= time.time()
    for which in {}, {"IncludeKeyMaterial": "ROTATIONS_ONLY"}:
        assert kms.good("ListKeyRotations", {"KeyId": key, **which})["Rotations"] == listed[1:]
    seen, marker = [], {}
    for more in True, True, False:
        page = kms.good("ListKeyRotations", {"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1, **marker})
        assert len(page["Rotations"]) == 1 and page["Truncated"] == more and ("NextMarker" in page) == more
        seen += page["Rotations"]
        marker = {"Marker": page.get("NextMarker")}
    assert seen == listed
    kms.bad("InvalidMarkerException", "ListKeyRotations", {"KeyId": key, "Marker": "%"})
    for bad in {"Limit": 0}, {"Limit": 1001}, {"IncludeKeyMaterial": "ALL"}:
        kms.bad("ValidationException", "ListKeyRotations", {"KeyId": key, **bad})


@test("a key is rotated on demand 25 times, which is AWS's quota, and by the timer after that")
def _():
    key = kms.new_key()["KeyId"]
    first = encrypt(key)
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 90})
    for _i in range(25):
        rotate(key)
    assert str(25) in kms.bad("LimitExceededException", "RotateKeyOnDemand", {"KeyId": key})
    assert len(materials(key)) == 26
    kms.stop()
    kms.pass_time(91 * DAY)
    kms.start()
    wait_for(lambda: len(materials(key)) == 27)
    assert materials(key)[26]["RotationType"] == "AUTOMATIC"
    decrypt(first)
    kms.bad("LimitExceededException", "RotateKeyOnDemand", {"KeyId": key})


@test("rotation follows the key's state, its account and AWS's rules for managed keys")
def _():
    key = kms.new_key()
    rotate(key["KeyId"])
    managed = kms.good("DescribeKey", {"KeyId": "alias/aws/rds"})["KeyMetadata"]
    kms.good("DisableKey", {"KeyId": key["KeyId"]})
    for operation, params in CHANGES:
        kms.bad("DisabledException", operation, {"KeyId": key["KeyId"], **params})
        kms.bad("AccessDeniedException", operation, {"KeyId": managed["KeyId"], **params})
        kms.bad("AccessDeniedException", operation, {"KeyId": key["Arn"], **params}, profile="stranger")
        kms.bad("NotFoundException", operation, {"KeyId": "alias/aws/rds", **params})
        kms.bad("NotFoundException", operation, {"KeyId": "00000000-0000-4000-8000-000000000000", **params})
        kms.bad("ValidationException", operation, params)
    assert len(materials(key["KeyId"])) == 2 and status(key["KeyId"]) == {"KeyRotationEnabled": False}
    kms.good("ScheduleKeyDeletion", {"KeyId": key["KeyId"]})
    for operation, params in CHANGES:
        assert "is pending deletion" in kms.bad("KMSInvalidStateException", operation, {"KeyId": key["KeyId"], **params})
    assert len(materials(key["KeyId"])) == 2 and status(key["KeyId"]) == {"KeyRotationEnabled": False}
    # AWS rotates its own keys each year.
    assert len(materials(managed["KeyId"])) == 1 and status(managed["KeyId"])["RotationPeriodInDays"] == 365
    for operation in "GetKeyRotationStatus", "ListKeyRotations":
        kms.bad("AccessDeniedException", operation, {"KeyId": key["Arn"]}, profile="stranger")
        kms.bad("NotFoundException", operation, {"KeyId": "alias/aws/rds"})


@test("a default key arms the timer of the rotations on its first use")
def _():
    other = kms.another()

    def head():
        with contextlib.closing(sqlite3.connect(f"file:{other.state}/kms.sqlite?mode=ro", uri=True)) as db:
            return json.loads(db.execute("SELECT record FROM store").fetchone()[0])

    try:
        other.start()
        wait_for(lambda: head()["AllDue"])  # a first start's own change
        before = head()["Change"]
        other.good("DescribeKey", {"KeyId": "alias/aws/dms"})
        # The timer finds a rotation that is to come, and saves the clock.
        wait_for(lambda: head()["Change"] == before + 2)
        assert other.stop() == 0
    finally:
        other.close()


# ---------------------------------------------------------------- policies


@test("policies give and deny each call, and may ask for kms:RotationPeriodInDays")
def _():
    admin = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}
    agent = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/enveloped"}
    stranger = {"AWS": f"arn:aws:iam::{STRANGER}:root"}
    everything = {"Effect": "Allow", "Principal": admin, "Action": "kms:*", "Resource": "*"}

    def policy(*statements):
        return json.dumps({"Statement": [everything, *statements]})

    key = kms.new_key(Policy=policy(
        {"Effect": "Allow", "Principal": agent, "Action": "kms:EnableKeyRotation", "Resource": "*",
         "Condition": {"NumericLessThanEquals": {"kms:RotationPeriodInDays": "180"}}},
        {"Effect": "Allow", "Principal": stranger, "Action": "kms:*KeyRotation*", "Resource": "*"}))
    enable = {"KeyId": key["KeyId"]}
    kms.good("EnableKeyRotation", {**enable, "RotationPeriodInDays": 180}, profile="enveloped")
    for params in {"RotationPeriodInDays": 181}, {}:
        kms.bad("AccessDeniedException", "EnableKeyRotation", {**enable, **params}, profile="enveloped")
    for operation in "DisableKeyRotation", "RotateKeyOnDemand", "GetKeyRotationStatus", "ListKeyRotations":
        kms.bad("AccessDeniedException", operation, enable, profile="enveloped")
    # AWS lets another account see the status alone.
    arn = {"KeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}"}
    assert kms.good("GetKeyRotationStatus", arn, profile="stranger")["RotationPeriodInDays"] == 180
    for operation in "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations":
        kms.bad("AccessDeniedException", operation, arn, profile="stranger")
    # A policy may ask that a period is given at all.
    kms.good("PutKeyPolicy", {**enable, "Policy": policy(
        {"Effect": "Deny", "Principal": "*", "Action": "kms:EnableKeyRotation", "Resource": "*",
         "Condition": {"Null": {"kms:RotationPeriodInDays": "true"}}})})
    kms.bad("AccessDeniedException", "EnableKeyRotation", enable)
    kms.good("EnableKeyRotation", {**enable, "RotationPeriodInDays": 365})
    # The example of docs/key-policies.md.
    kms.good("PutKeyPolicy", {**enable, "Policy": policy(
        {"Effect": "Deny", "Principal": "*", "Action": ["kms:EnableKeyRotation", "kms:DisableKeyRotation"],
         "Resource": "*", "Condition": {"NumericNotEqualsIfExists": {"kms:RotationPeriodInDays": "180"}}})})
    for params in {}, {"RotationPeriodInDays": 365}:
        kms.bad("AccessDeniedException", "EnableKeyRotation", {**enable, **params})
    kms.bad("AccessDeniedException", "DisableKeyRotation", enable)
    kms.good("EnableKeyRotation", {**enable, "RotationPeriodInDays": 180})


# ---------------------------------------------------------------- automatic


@test("EnableKeyRotation: 90 to 2560 days, 365 by default; the same period again leaves the date")
def _():
    key = kms.new_key()["KeyId"]
    assert status(key) == {"KeyRotationEnabled": False}
    for days in 89, 2561, 0, -1:
        kms.bad("ValidationException", "EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": days})
    kms.bad("SerializationException", "EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": "90"})
    assert status(key) == {"KeyRotationEnabled": False}
    for params, days in (({}, 365), ({"RotationPeriodInDays": 90}, 90), ({"RotationPeriodInDays": 2560}, 2560)):
        before = int(time.time())
        kms.good("EnableKeyRotation", {"KeyId": key, **params})
        seen = status(key)
        date = seen.pop("NextRotationDate")
        assert seen == {"KeyRotationEnabled": True, "RotationPeriodInDays": days}
        assert before - 2 <= date - days * DAY <= time.time() + 2
    kms.stop()
    kms.pass_time(10 * DAY)
    kms.start()
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 2560})
    assert status(key)["NextRotationDate"] < time.time() + 2551 * DAY
    # A rotation on demand does not move the automatic one.
    rotate(key)
    assert status(key)["NextRotationDate"] < time.time() + 2551 * DAY
    kms.good("EnableKeyRotation", {"KeyId": key})
    assert status(key)["NextRotationDate"] > time.time() + 364 * DAY
    for _i in range(2):
        kms.good("DisableKeyRotation", {"KeyId": key})
        assert status(key) == {"KeyRotationEnabled": False}


@test("a key is rotated when its period is over, with a record before it, and again a period later")
def _():
    key = kms.new_key()["KeyId"]
    still = kms.new_key()["KeyId"]
    blob = encrypt(key)
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 100})
    ids = [current(key)]
    for _i in range(2):
        kms.stop()
        kms.pass_time(99 * DAY)
        kms.start()
        assert len(materials(key)) == len(ids)
        kms.stop()
        kms.pass_time(DAY)
        kms.start(audit_file="/dev/full")
        wait_for(lambda: "cannot be rotated" in kms.stderr())
        kms.stop()
        assert materials_in_store(key) == len(ids) - 1, "a key was rotated without a record"
        open(f"{kms.dir}/stderr", "w", encoding="utf-8").close()
        kms.start()
        wait_for(lambda: len(materials(key)) == len(ids) + 1)
        ids.append(current(key))
    assert decrypt(blob) == ids[0] and decrypt(encrypt(key)) == ids[2]
    assert [m.get("RotationType") for m in materials(key)] == [None, "AUTOMATIC", "AUTOMATIC"]
    records = rotations_recorded(key)
    assert [r["serviceEventDetails"] for r in records] == [
        {"rotationType": "AUTOMATIC", "keyOrigin": "AWS_KMS", "previousKeyMaterialId": ids[i], "currentKeyMaterialId": ids[i + 1]}
        for i in range(2)]
    assert all(r["eventType"] == "AwsServiceEvent" and not r["readOnly"] for r in records)
    assert len(materials(still)) == 1


@test("an automatic rotation that a crash undid is marked, and made again")
def _():
    key = kms.new_key()["KeyId"]
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 90})
    kms.stop()
    kms.pass_time(90 * DAY)
    shutil.copytree(kms.state, f"{kms.dir}/before")
    shutil.copytree(f"{kms.state}-counter", f"{kms.dir}/before-counter")
    kms.start()
    wait_for(lambda: rotations_recorded(key))
    wait_for(lambda: materials_in_store(key) == 1)
    last = kms.audit()[-1]
    kms.stop()
    for folder in "", "-counter":  # what the disk has if the power fails before the change is kept
        shutil.rmtree(kms.state + folder)
        os.rename(f"{kms.dir}/before{folder}", kms.state + folder)
    kms.start()
    wait_for(lambda: materials_in_store(key) == 1)
    undone = [r["serviceEventDetails"] for r in kms.audit() if r["eventName"] == "ChangeUndone"]
    assert [u["undoneEventName"] for u in undone] == ["RotateKey"], undone
    assert undone[0]["undoneEventID"] == last["eventID"]
    assert len(rotations_recorded(key)) == 2


@test("a disabled key is not rotated, and is at once when it is enabled again; a deletion taken back keeps the setting")
def _():
    key = kms.new_key()["KeyId"]
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 90})
    other = kms.new_key()["KeyId"]
    kms.good("EnableKeyRotation", {"KeyId": other, "RotationPeriodInDays": 90})
    kms.good("DisableKey", {"KeyId": key})
    assert status(key) == {"KeyRotationEnabled": True, "RotationPeriodInDays": 90}
    kms.stop()
    kms.pass_time(400 * DAY)
    kms.start()
    wait_for(lambda: len(materials(other)) == 2)
    assert len(materials(key)) == 1
    kms.good("ScheduleKeyDeletion", {"KeyId": key})
    assert status(key) == {"KeyRotationEnabled": False}
    kms.good("CancelKeyDeletion", {"KeyId": key})
    assert status(key) == {"KeyRotationEnabled": True, "RotationPeriodInDays": 90}
    kms.good("EnableKey", {"KeyId": key})
    wait_for(lambda: len(materials(key)) == 2)
    assert status(key)["NextRotationDate"] > time.time() + 89 * DAY


# ---------------------------------------------------------------- damage, older stores


@test("a material that is lost is no denial, and comes back with its row")
def _():
    key = kms.new_key()["KeyId"]
    old = encrypt(key)
    rotate(key)
    blob = encrypt(key)
    kms.tamper("CREATE TABLE kept AS SELECT * FROM materials", f"DELETE FROM materials WHERE key_id = '{key}'")
    for _i in range(2):
        kms.bad("KMSInternalException", "Decrypt", {"CiphertextBlob": blob, "EncryptionContext": CONTEXT})
        kms.bad("KMSInternalException", "Encrypt", {"KeyId": key, "Plaintext": b64(b"x")})
        kms.bad("KMSInternalException", "Decrypt",
                {"CiphertextBlob": blob, "EncryptionContext": CONTEXT, "KeyId": key, "DryRun": True})
        decrypt(old)
        kms.restart()
    kms.tamper(f"INSERT INTO materials SELECT * FROM kept WHERE key_id = '{key}'", "DROP TABLE kept")
    decrypt(blob)


@test("a stranger learns nothing of a key's materials from a ciphertext")
def _():
    key = kms.new_key()["KeyId"]
    rotate(key)
    blob = unb64(encrypt(key))
    for number in 0, 1, 2:
        kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": b64(blob[:2] + bytes([0, number]) + blob[4:])},
                profile="stranger")


def put_old_store(old):
    """The files of a KMS that version 4 of the store has left."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/kms-store-4.json"), encoding="utf-8") as f:
        data = json.load(f)
    os.makedirs(old.state, mode=0o700)
    os.makedirs(f"{old.state}-counter", mode=0o700)
    with open(old.root_key, "wb") as f:
        os.fchmod(f.fileno(), 0o400)
        f.write(bytes.fromhex(data["root"]))
    with open(f"{old.state}-counter/kms.counter", "wb") as f:
        for offset, slot in data["counter"]:
            f.seek(offset)
            f.write(bytes.fromhex(slot))
    with sqlite3.connect(f"{old.state}/kms.sqlite") as db:
        db.executescript("\n".join(data["sql"]))
    return data


@test("a key store that the version before rotations has written is upgraded, and opens what it has sealed")
def _():
    global kms  # the helpers ask it
    new = kms
    old = Kms(sys.argv[1])
    data = put_old_store(old)
    keys, blobs = data["keys"], data["blobs"]
    try:
        old.start()
        kms = old
        details = [r["serviceEventDetails"] for r in old.audit() if r["eventName"] == "UpgradeKeyStore"]
        assert [(d["fromVersion"], d["toVersion"], d["damagedRecords"]) for d in details] == [(4, 8, 0)], details
        plain = data["plaintext"].encode()
        usage = old.good("GetKeyLastUsage", {"KeyId": keys["first"]})
        assert usage["KeyLastUsage"] == {} and usage["TrackingStartDate"] > usage["KeyCreationDate"], usage
        for _i in range(2):
            first = decrypt(blobs["first"], plain)
            assert first == materials(keys["first"])[0]["KeyMaterialId"]
            rotate(keys["first"])
            assert decrypt(encrypt(keys["first"])) == current(keys["first"]) != first
            old.restart()
        assert [m["KeyMaterialState"] for m in materials(keys["first"])] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
        old.bad("DisabledException", "Decrypt", {"CiphertextBlob": blobs["disabled"], "EncryptionContext": CONTEXT})
        old.good("EnableKey", {"KeyId": keys["disabled"]})
        decrypt(blobs["disabled"], plain)
        decrypt(blobs["alias/aws/rds"], plain)
        managed = keys["alias/aws/rds"]
        assert status(managed)["RotationPeriodInDays"] == 365 and status(keys["first"]) == {"KeyRotationEnabled": False}
        assert old.good("DescribeKey", {"KeyId": keys["pending"]})["KeyMetadata"]["KeyState"] == "PendingDeletion"
        assert old.good("ListResourceTags", {"KeyId": keys["first"]})["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
        assert len(old.good("ListGrants", {"KeyId": keys["first"]})["Grants"]) == 1
        old.stop()
        old.pass_time(366 * DAY)
        old.start()
        wait_for(lambda: len(materials(managed)) == 2)
        decrypt(blobs["alias/aws/rds"], plain)
        old.bad("NotFoundException", "DescribeKey", {"KeyId": keys["pending"]})
    finally:
        kms = new
        old.end_cleanly()


@test("the audit trail has each call with its parameters, and no secret")
def _():
    key = kms.new_key()["KeyId"]
    kms.good("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 91})
    materials(key)
    kms.good("GetKeyRotationStatus", {"KeyId": key})
    rotate(key)
    kms.good("DisableKeyRotation", {"KeyId": key})
    seen = {r["eventName"]: r for r in kms.audit()}
    assert seen["EnableKeyRotation"]["requestParameters"] == {"keyId": key, "rotationPeriodInDays": 91}
    assert seen["ListKeyRotations"]["requestParameters"] == {"keyId": key, "includeKeyMaterial": "ALL_KEY_MATERIAL"}
    for name, reads in (("EnableKeyRotation", False), ("DisableKeyRotation", False), ("RotateKeyOnDemand", False),
                        ("GetKeyRotationStatus", True), ("ListKeyRotations", True)):
        assert seen[name]["readOnly"] is reads and seen[name]["resources"][0]["ARN"].endswith(key), name
    assert seen["RotateKeyOnDemand"]["responseElements"] == {"keyId": key}
    kms.leaked_nothing(20)


@test("SIGTERM ends it cleanly, and no sanitizer has complained")
def _():
    kms.end_cleanly()


kms.close()
assert not os.path.exists(kms.dir)
sys.exit(tap.finish())
