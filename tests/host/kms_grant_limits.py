# SPDX-License-Identifier: MIT
#
# Grants of envelope-kms at the bounds: how many a key and a grantee can have, and how a grant ends in a damaged set.

import json
import sqlite3
import sys

from kms_daemon import ACCOUNT, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()

ADMIN, AGENT_ARN = (f"arn:aws:iam::{ACCOUNT}:user/{n}" for n in ("admin", "enveloped"))
AGENT = {"profile": "enveloped"}
VOLUME = {"dm-envelope:volume-id": "vol-1", "aws:rds:db-id": "cluster-A"}


def new_key():
    """A key of admin alone: the agent has no right to it but through a grant."""
    own = {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": "kms:*", "Resource": "*"}
    return kms.new_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [own]}))


def grant(key, *operations, **more):
    return kms.good("CreateGrant", {"KeyId": key["Arn"], "GranteePrincipal": AGENT_ARN, "Operations": list(operations), **more})


def listed(key):
    return kms.good("ListGrants", {"KeyId": key["KeyId"], "Limit": 100})["Grants"]


def encrypt(key, context=None, **who):
    return kms.call("Encrypt", {"KeyId": key["Arn"], "Plaintext": "eA==", "EncryptionContext": context or {}}, **who)


def allowed(reply):
    assert reply.status == 200 or reply.error == "AccessDeniedException", reply.text
    return reply.status == 200


@test("a key has at most 50,000 grants")
def _():
    key = new_key()
    made = grant(key, "Encrypt")
    # Rows of others in the place of 49,999 calls: the quota counts rows.
    kms.tamper("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49999) INSERT INTO grants"
           f" SELECT 'forged' || i, '{key['KeyId']}', '', '', '', x'' FROM n")
    terms = {"KeyId": key["KeyId"], "GranteePrincipal": AGENT_ARN, "Operations": ["Encrypt"]}
    kms.bad("LimitExceededException", "CreateGrant", terms)
    kms.tamper("DELETE FROM grants WHERE grant_id = 'forged7'")
    kms.good("CreateGrant", terms)
    kms.bad("LimitExceededException", "CreateGrant", terms)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    kms.good("CreateGrant", terms)
    kms.tamper("DELETE FROM grants WHERE grant_id LIKE 'forged%'")
    assert len(listed(key)) == 2


def hurt(key):
    """Makes a grant, and damages the node of the set that has its id, unless a decision reads the node. Return: its id and the node"""
    for _i in range(100):
        made = grant(key, "Encrypt", Constraints={"EncryptionContextEquals": VOLUME})["GrantId"]
        with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
            node = db.execute("SELECT * FROM sets WHERE record LIKE ?", (f"%grant__{made}%",)).fetchone()
        kms.tamper(f"UPDATE sets SET seal = zeroblob(length(seal)) WHERE path = '{node[0]}'")
        if encrypt(key, VOLUME, **AGENT).status == 200:
            return made, node
        mend(node)
        kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made})
    raise AssertionError("each decision reads the node")


def mend(node):
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        assert db.execute("INSERT OR REPLACE INTO sets VALUES (?, ?, ?)", node).rowcount == 1


@test("a grant that allows access can be revoked and retired, also where the set is damaged on the way to its id")
def _():
    key = new_key()
    for i in range(30):
        grant(key, "Decrypt", Name=f"n{i}")
    for operation in "RevokeGrant", "RetireGrant":
        made, node = hurt(key)
        kms.good(operation, {"KeyId": key["Arn"], "GrantId": made})
        reply = encrypt(key, VOLUME, **AGENT)
        assert reply.status != 200, reply.text
        mend(node)
        assert not allowed(encrypt(key, VOLUME, **AGENT))
    assert len(listed(key)) == 30


@test("a grantee has at most 500 grants with CreateGrant on a key, and 500 with more than one pair; of the others any number")
def _():
    key, other = new_key(), new_key()
    made = None
    for i in range(500):
        made = grant(key, "CreateGrant", "Encrypt", Constraints={"EncryptionContextSubset": {**VOLUME, "i": str(i)}})
    for operation, constraints in ("CreateGrant", {}), ("Decrypt", {"EncryptionContextSubset": VOLUME}):
        terms = {"KeyId": key["Arn"], "GranteePrincipal": AGENT_ARN, "Operations": [operation], "Constraints": constraints}
        kms.bad("LimitExceededException", "CreateGrant", terms)
        kms.good("CreateGrant", {**terms, "GranteePrincipal": ADMIN})
        kms.good("CreateGrant", {**terms, "KeyId": other["Arn"]})
    for constraint in {"EncryptionContextSubset": {"a": "b"}}, {"EncryptionContextEquals": VOLUME}, {}:
        grant(key, "Decrypt", Constraints=constraint)
    kms.good("RevokeGrant", {"KeyId": key["KeyId"], "GrantId": made["GrantId"]})
    grant(key, "CreateGrant", Constraints={"EncryptionContextSubset": VOLUME})


test("the KMS ended cleanly")(kms.end_cleanly)
kms.close()
sys.exit(tap.finish())
