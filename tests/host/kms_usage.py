# SPDX-License-Identifier: MIT
#
# GetKeyLastUsage, through signed calls to envelope-kms.

import json
import os
import sqlite3
import sys
import time

from kms_daemon import ACCOUNT, REGION, Kms, b64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()
kms.add_stranger()
kms.restart()
begun = int(time.time())


def last(key_id):
    answer = kms.good("GetKeyLastUsage", {"KeyId": key_id})
    assert answer["KeyId"] == key_id.rpartition("/")[2]
    return answer


def used(key_id):
    return last(key_id)["KeyLastUsage"]


@test("a key that was not used has no last use, and was made after the tracking began")
def _():
    key = kms.new_key()
    for name in key["KeyId"], key["Arn"]:
        answer = last(name)
        assert answer["KeyLastUsage"] == {} and set(answer) == {"KeyId", "KeyCreationDate", "KeyLastUsage", "TrackingStartDate"}
        assert answer["KeyCreationDate"] == key["CreationDate"] == answer["TrackingStartDate"]
    kms.good("DescribeKey", {"KeyId": key["KeyId"]})
    kms.good("EnableKeyRotation", {"KeyId": key["KeyId"]})
    assert used(key["KeyId"]) == {}


@test("each cryptographic operation is a use, with its record in the audit trail; also after a kill")
def _():
    calls = {
        "Encrypt": lambda key, _blob: {"KeyId": key, "Plaintext": b64(b"x")},
        "Decrypt": lambda _key, blob: {"CiphertextBlob": blob},
        "GenerateDataKey": lambda key, _blob: {"KeyId": key, "KeySpec": "AES_256"},
        "GenerateDataKeyWithoutPlaintext": lambda key, _blob: {"KeyId": key, "KeySpec": "AES_256"},
        "ReEncrypt": lambda key, blob: {"CiphertextBlob": blob, "DestinationKeyId": key},
    }
    for operation, params in calls.items():
        key, source = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
        blob = kms.good("Encrypt", {"KeyId": source, "Plaintext": b64(b"x")})["CiphertextBlob"]
        # Neither a denial nor a dry run is a use.
        kms.bad("AccessDeniedException", operation, params(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}", blob), profile="stranger")
        kms.bad("DryRunOperationException", operation, {**params(key, blob), "DryRun": True})
        assert used(key) == {} and used(source)["Operation"] == "Encrypt"
        before = int(time.time())
        kms.good(operation, params(key, blob))
        if operation == "Decrypt":  # of the source, whose use is fresh
            assert used(key) == {} and used(source)["Operation"] == "Encrypt"
            continue
        for _i in range(2):
            seen = used(key)
            assert seen["Operation"] == operation and before <= seen["Timestamp"] <= time.time(), seen
            records = [r for r in kms.audit() if r["eventID"] == seen["CloudTrailEventId"]]
            assert [(r["eventName"], r["requestID"]) for r in records] == [(operation, seen["KmsRequestId"])]
            assert any(r["ARN"].endswith(key) for r in records[0]["resources"])
            kms.kill()
            kms.start()


@test("uses within an hour cost no change of the key store")
def _():
    def change():
        with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
            return json.loads(db.execute("SELECT record FROM store").fetchone()[0])["Change"]

    key = kms.new_key()["KeyId"]
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"x")})["CiphertextBlob"]
    before = change()
    for _i in range(20):
        kms.good("Decrypt", {"CiphertextBlob": blob})
    assert change() == before and used(key)["Operation"] == "Encrypt"


@test("a default key has a last use, too, and the tracking began with the key store")
def _():
    managed = kms.good("DescribeKey", {"KeyId": "alias/aws/rds"})["KeyMetadata"]["KeyId"]
    kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": "alias/aws/rds", "KeySpec": "AES_256"})
    assert used(managed)["Operation"] == "GenerateDataKeyWithoutPlaintext"
    assert last(managed)["TrackingStartDate"] >= begun


@test("GetKeyLastUsage follows the policy of the key, in each state of it, and takes no alias")
def _():
    key = kms.new_key()
    kms.bad("AccessDeniedException", "GetKeyLastUsage", {"KeyId": key["Arn"]}, profile="stranger")
    kms.bad("NotFoundException", "GetKeyLastUsage", {"KeyId": "alias/aws/rds"})
    kms.bad("NotFoundException", "GetKeyLastUsage", {"KeyId": "00000000-0000-4000-8000-000000000000"})
    kms.bad("ValidationException", "GetKeyLastUsage", {})
    kms.good("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": json.dumps({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/enveloped"},
         "Action": "kms:GetKeyLastUsage", "Resource": "*"}]})})
    kms.bad("AccessDeniedException", "GetKeyLastUsage", {"KeyId": key["KeyId"]}, profile="enveloped")
    kms.good("Encrypt", {"KeyId": key["KeyId"], "Plaintext": b64(b"x")})
    for state in "DisableKey", "ScheduleKeyDeletion":
        kms.good(state, {"KeyId": key["KeyId"]})
        assert used(key["KeyId"])["Operation"] == "Encrypt"


@test("the record of a use says which material of the key was used, as CloudTrail")
def _():
    key, other = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
    plain = {"Plaintext": b64(b"x")}
    old = kms.good("Encrypt", {"KeyId": key, **plain})["CiphertextBlob"]
    kms.good("RotateKeyOnDemand", {"KeyId": key})
    first, second = (m["KeyMaterialId"] for m in kms.good(
        "ListKeyRotations", {"KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})["Rotations"])
    third = kms.good("DescribeKey", {"KeyId": other})["KeyMetadata"]["CurrentKeyMaterialId"]
    for operation, params, expected in (
        ("Decrypt", {"CiphertextBlob": old}, {"keyMaterialId": first}),
        ("Encrypt", {"KeyId": key, **plain}, {"keyMaterialId": second}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}, {"keyMaterialId": second}),
        ("GenerateDataKeyWithoutPlaintext", {"KeyId": key, "KeySpec": "AES_256"}, {"keyMaterialId": second}),
        ("ReEncrypt", {"CiphertextBlob": old, "DestinationKeyId": other},
         {"sourceKeyMaterialId": first, "destinationKeyMaterialId": third}),
        ("DescribeKey", {"KeyId": key}, None),
    ):
        kms.good(operation, params)
        record = kms.audit()[-1]
        assert (record["eventName"], record.get("additionalEventData")) == (operation, expected), record
    kms.bad("DryRunOperationException", "Encrypt", {"KeyId": key, **plain, "DryRun": True})
    assert "additionalEventData" not in kms.audit()[-1]


@test("SIGTERM ends it cleanly, and no sanitizer has complained")
def _():
    kms.end_cleanly()


kms.close()
assert not os.path.exists(kms.dir)
sys.exit(tap.finish())
