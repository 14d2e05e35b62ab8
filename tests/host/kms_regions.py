# SPDX-License-Identifier: MIT
#
# A KMS with several regions and accounts, through signed calls to envelope-kms.

import json
import sys

from kms_daemon import ACCOUNT, REGION, STRANGER, Kms, b64
from tap import Tap

OTHER, THIRD = "eu-west-1", "ap-south-1"
REGIONS = (REGION, OTHER, THIRD)
MORE = f" {OTHER}\t{THIRD} {REGION} "  # a name that is there twice is there once

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start(other_regions=MORE)
kms.add_stranger()
kms.stop()
kms.start(other_regions=MORE)


def encrypt(key, **how):
    return kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"x")}, **how)["CiphertextBlob"]


def listed(operation, members, member, **how):
    """All of a listing, page after page of two."""
    found, marker = [], {}
    while True:
        page = kms.good(operation, {"Limit": 2, **marker}, **how)
        found += [entry[member] for entry in page[members]]
        if not page["Truncated"]:
            return found
        marker = {"Marker": page["NextMarker"]}


@test("a key is in the region of the request that made it, and in no other")
def _():
    made = {region: kms.good("CreateKey", region=region)["KeyMetadata"] for region in REGIONS}
    for region, key in made.items():
        assert key["Arn"] == f"arn:aws:kms:{region}:{ACCOUNT}:key/{key['KeyId']}", key
        blob = encrypt(key["KeyId"], region=region)
        for there in REGIONS:
            if there == region:
                assert kms.good("DescribeKey", {"KeyId": key["Arn"]}, region=there)["KeyMetadata"] == key
                kms.good("Decrypt", {"CiphertextBlob": blob}, region=there)
                continue
            said = kms.bad("NotFoundException", "DescribeKey", {"KeyId": key["KeyId"]}, region=there)
            assert said == f"Key 'arn:aws:kms:{there}:{ACCOUNT}:key/{key['KeyId']}' does not exist", said
            said = kms.bad("NotFoundException", "DescribeKey", {"KeyId": key["Arn"]}, region=there)
            assert said == f"Invalid arn {region}", said
            said = kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": blob}, region=there)
            assert "does not exist in this region" in said, said
            for operation in ("DisableKey", "ScheduleKeyDeletion", "RotateKeyOnDemand", "ListGrants", "GetKeyPolicy"):
                kms.bad("NotFoundException", operation, {"KeyId": key["KeyId"]}, region=there)


@test("listings have what is of their region")
def _():
    ids = {}
    for region in REGIONS:
        ids[region] = [kms.good("CreateKey", region=region)["KeyMetadata"]["KeyId"] for _i in range(3)]
        for number, key in enumerate(ids[region]):
            kms.good("CreateAlias", {"AliasName": f"alias/list-{number}", "TargetKeyId": key}, region=region)
    for region in REGIONS:
        keys = listed("ListKeys", "Keys", "KeyArn", region=region)
        assert {arn.split(":")[3] for arn in keys} == {region} and len(set(keys)) == len(keys), keys
        assert set(ids[region]) <= {arn.rpartition("/")[2] for arn in keys}
        aliases = listed("ListAliases", "Aliases", "AliasArn", region=region)
        assert [a for a in aliases if "/list-" in a] == [
            f"arn:aws:kms:{region}:{ACCOUNT}:alias/list-{number}" for number in range(3)], aliases
        assert kms.good("ListAliases", {"KeyId": ids[region][1]}, region=region)["Aliases"][0]["AliasName"] == "alias/list-1"


@test("the same alias names another key in each region")
def _():
    keys = {region: kms.good("CreateKey", region=region)["KeyMetadata"] for region in REGIONS}
    for region, key in keys.items():
        kms.good("CreateAlias", {"AliasName": "alias/same", "TargetKeyId": key["KeyId"]}, region=region)
        kms.bad("AlreadyExistsException", "CreateAlias", {"AliasName": "alias/same", "TargetKeyId": key["KeyId"]}, region=region)
    other = kms.good("CreateKey", region=OTHER)["KeyMetadata"]
    kms.bad("NotFoundException", "UpdateAlias", {"AliasName": "alias/same", "TargetKeyId": other["KeyId"]}, region=THIRD)
    kms.good("UpdateAlias", {"AliasName": "alias/same", "TargetKeyId": other["KeyId"]}, region=OTHER)
    keys[OTHER] = other
    kms.good("DeleteAlias", {"AliasName": "alias/same"}, region=THIRD)
    for region in (REGION, OTHER):
        assert kms.good("DescribeKey", {"KeyId": "alias/same"}, region=region)["KeyMetadata"]["Arn"] == keys[region]["Arn"]
        arn = f"arn:aws:kms:{region}:{ACCOUNT}:alias/same"
        assert kms.good("DescribeKey", {"KeyId": arn}, region=region)["KeyMetadata"]["Arn"] == keys[region]["Arn"]
        assert kms.bad("NotFoundException", "DescribeKey", {"KeyId": arn}, region=THIRD) == f"Invalid arn {region}"
    said = kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/same"}, region=THIRD)
    assert said == f"Alias arn:aws:kms:{THIRD}:{ACCOUNT}:alias/same is not found.", said


@test("each account has default keys of its own in each region, and nobody manages them")
def _():
    made = {}
    for name in ("alias/aws/rds", "alias/aws/dms"):
        for profile, account in (("admin", ACCOUNT), ("stranger", STRANGER)):
            for region in REGIONS:
                key = kms.good("DescribeKey", {"KeyId": name}, region=region, profile=profile)["KeyMetadata"]
                assert key["KeyManager"] == "AWS" and key["Arn"] == f"arn:aws:kms:{region}:{account}:key/{key['KeyId']}", key
                made[name, account, region] = key["KeyId"]
                again = kms.good("DescribeKey", {"KeyId": name}, region=region, profile=profile)["KeyMetadata"]
                assert again["KeyId"] == key["KeyId"]
                for operation in ("DisableKey", "ScheduleKeyDeletion", "EnableKeyRotation", "RotateKeyOnDemand"):
                    kms.bad("AccessDeniedException", operation, {"KeyId": key["KeyId"]}, region=region, profile=profile)
                kms.bad("InvalidAliasNameException", "DeleteAlias", {"AliasName": name}, region=region, profile=profile)
    assert len(set(made.values())) == 12


@test("a grant is of the region of its key")
def _():
    key = kms.good("CreateKey", region=OTHER)["KeyMetadata"]
    user = f"arn:aws:iam::{ACCOUNT}:user/enveloped"
    grant = kms.good("CreateGrant", {"KeyId": key["KeyId"], "GranteePrincipal": user, "RetiringPrincipal": user,
                                     "Operations": ["Encrypt"]}, region=OTHER)
    asked = {"RetiringPrincipal": user}
    assert [g["GrantId"] for g in kms.good("ListRetirableGrants", asked, region=OTHER)["Grants"]] == [grant["GrantId"]]
    assert kms.good("ListRetirableGrants", asked)["Grants"] == []
    for operation, params in (("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": grant["GrantId"]}),
                              ("RetireGrant", {"GrantToken": grant["GrantToken"]}),
                              ("Encrypt", {"KeyId": key["KeyId"], "Plaintext": b64(b"x"), "GrantTokens": [grant["GrantToken"]]})):
        kms.bad("NotFoundException", operation, params)
    kms.good("RetireGrant", {"GrantToken": grant["GrantToken"]}, region=OTHER, profile="enveloped")
    assert kms.good("ListRetirableGrants", asked, region=OTHER)["Grants"] == []


@test("a record has the region of its call, and a default key's that of the key")
def _():
    fresh = kms.another()
    fresh.start(other_regions=OTHER)
    try:
        key = fresh.good("DescribeKey", {"KeyId": "alias/aws/rds"}, region=OTHER)["KeyMetadata"]["Arn"]
        fresh.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
        with open(fresh.audit_file, encoding="utf-8") as f:
            records = [json.loads(line) for line in f]
        seen = [(r["eventName"], r["awsRegion"]) for r in records if r["eventName"] in ("CreateKey", "DescribeKey")]
        assert seen == [("CreateKey", OTHER), ("DescribeKey", OTHER), ("DescribeKey", REGION)], (key, seen)
    finally:
        fresh.end_cleanly()


@test("a region that is not served is refused by the signature, which ends no cluster, until it is served again")
def _():
    key = kms.good("CreateKey", region=OTHER)["KeyMetadata"]
    for region in (REGION, OTHER):
        target = kms.good("CreateKey", region=region)["KeyMetadata"]["KeyId"]
        kms.good("CreateAlias", {"AliasName": "alias/kept", "TargetKeyId": target}, region=region)
    said = kms.bad("InvalidSignatureException", "DescribeKey", {"KeyId": key["KeyId"]}, region="eu-west-2")
    assert said == ("Credential should be scoped to a valid region, not 'eu-west-2'. "
                    f"This endpoint serves '{REGION}', '{OTHER}', '{THIRD}'."), said
    kms.stop()
    kms.start()
    said = kms.bad("InvalidSignatureException", "DescribeKey", {"KeyId": key["KeyId"]}, region=OTHER)
    assert said.endswith(f"This endpoint serves '{REGION}'."), said
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": key["KeyId"]})
    kms.stop()
    # Which region is the first one does not matter to the keys and aliases.
    kms.start(region=THIRD, other_regions=f"{REGION} {OTHER}")
    assert kms.good("DescribeKey", {"KeyId": key["KeyId"]}, region=OTHER)["KeyMetadata"] == key
    for region in (REGION, OTHER):
        assert kms.good("DescribeKey", {"KeyId": "alias/kept"}, region=region)["KeyMetadata"]["Arn"].split(":")[3] == region
    kms.stop()
    kms.start(other_regions=MORE)


@test("a list of regions with a wrong name is refused, and the name is said")
def _():
    for wrong in ("US", "eu-west-1,eu-west-2", "eu-west-1 x"):
        status, said = kms.run("--check-config", other_regions=wrong)
        assert status == 2 and f"OtherRegions '{wrong}' has a name that is no region. " in said, said


@test("SIGTERM ends it cleanly, and no sanitizer has complained")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
