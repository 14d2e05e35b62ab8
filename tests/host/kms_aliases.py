# SPDX-License-Identifier: MIT
#
# Aliases, through signed calls to envelope-kms.

import sys

from kms_daemon import ACCOUNT, REGION, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()


@test("aliases: create, list, filter, update, delete")
def _():
    one, two = kms.new_key()["KeyId"], kms.new_key()["KeyId"]
    kms.good("CreateAlias", {"AliasName": "alias/a/b_c-d", "TargetKeyId": one})
    kms.bad("AlreadyExistsException", "CreateAlias", {"AliasName": "alias/a/b_c-d", "TargetKeyId": two})
    mine = kms.good("ListAliases", {"KeyId": one})["Aliases"]
    assert [a["AliasName"] for a in mine] == ["alias/a/b_c-d"] and mine[0]["TargetKeyId"] == one
    assert kms.good("ListAliases", {"KeyId": two})["Aliases"] == []
    kms.good("CreateAlias", {"AliasName": "alias/b", "TargetKeyId": two})
    kms.good("UpdateAlias", {"AliasName": "alias/a/b_c-d", "TargetKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{two}"})
    assert kms.good("DescribeKey", {"KeyId": "alias/a/b_c-d"})["KeyMetadata"]["KeyId"] == two
    names = [a["AliasName"] for a in kms.good("ListAliases")["Aliases"]]
    assert "alias/a/b_c-d" in names and names == sorted(names)
    page = kms.good("ListAliases", {"Limit": 1})
    assert page["Truncated"] and len(page["Aliases"]) == 1
    assert kms.good("ListAliases", {"Marker": page["NextMarker"]})["Aliases"][0]["AliasName"] == names[1]
    kms.good("DeleteAlias", {"AliasName": "alias/a/b_c-d"})
    kms.bad("NotFoundException", "DeleteAlias", {"AliasName": "alias/a/b_c-d"})
    kms.bad("NotFoundException", "UpdateAlias", {"AliasName": "alias/a/b_c-d", "TargetKeyId": two})
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/a/b_c-d"})


@test("a key has at most 50 aliases")
def _():
    key, other = (kms.new_key()["KeyId"] for _i in range(2))
    names = [f"alias/of-one-key-{number}" for number in range(51)]
    for name in names[:50]:
        kms.good("CreateAlias", {"AliasName": name, "TargetKeyId": key})
    kms.bad("LimitExceededException", "CreateAlias", {"AliasName": names[50], "TargetKeyId": key})
    kms.good("CreateAlias", {"AliasName": names[50], "TargetKeyId": other})
    said = kms.bad("LimitExceededException", "UpdateAlias", {"AliasName": names[50], "TargetKeyId": key})
    assert said == "A key can have 50 aliases. Delete some with DeleteAlias.", said
    assert kms.good("DescribeKey", {"KeyId": names[50]})["KeyMetadata"]["KeyId"] == other
    # An alias that is the key's already is no further one.
    kms.good("UpdateAlias", {"AliasName": names[0], "TargetKeyId": key})
    kms.good("DeleteAlias", {"AliasName": names[0]})
    kms.good("UpdateAlias", {"AliasName": names[50], "TargetKeyId": key})
    for name in names[1:]:
        kms.good("DeleteAlias", {"AliasName": name})


@test("alias names outside the rules are refused")
def _():
    key = kms.new_key()["KeyId"]
    for name in ("a", "alias/", "alias/a b", "alias/a:b", "Alias/a", "alias/" + "a" * 251):
        kms.bad("ValidationException", "CreateAlias", {"AliasName": name, "TargetKeyId": key})
    kms.good("CreateAlias", {"AliasName": "alias/target", "TargetKeyId": key})
    for operation in ("CreateAlias", "UpdateAlias", "DeleteAlias"):
        kms.bad("InvalidAliasNameException", operation, {"AliasName": "alias/aws/rds", "TargetKeyId": key})
    kms.bad("NotFoundException", "CreateAlias", {"AliasName": "alias/to-alias", "TargetKeyId": "alias/target"})


@test("SIGTERM ends it cleanly, and no sanitizer has complained")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
