# SPDX-License-Identifier: MIT
#
# An agent that has no right to its keys but through grants of the embedded KMS: the end of the grant is the
# end of the access. docs/grants.md has the grants.

import json

from agent_suite import LOST, agent, decrypted, finish, one, test
from kms_daemon import ACCOUNT
from wait import wait_for

ADMIN, AGENT = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("admin", "enveloped"))
MAKING = ["Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
kms = agent.kms


def new_key():
    """A key that its policy gives to the administrator alone."""
    statement = {"Effect": "Allow", "Principal": {"AWS": ADMIN}, "Action": "kms:*", "Resource": "*"}
    return kms.new_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))["KeyId"]


def grant(key, operations, **more):
    return kms.good("CreateGrant", {"KeyId": key, "GranteePrincipal": AGENT, "Operations": operations,
                                    "RetiringPrincipal": ADMIN, **more})


def revoke(key, made):
    kms.good("RevokeGrant", {"KeyId": key, "GrantId": made["GrantId"]})


@test("a cluster is made and used through a grant alone, and the end of the grant is the end of the cluster")
def _():
    key = new_key()
    agent.bad("KMSKeyNotAccessibleFault", "create", "db1", "--device", one.path, "--storage-encrypted", "--kms-key-id", key)
    made = grant(key, MAKING)
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.good("start", "db1")
    assert agent.status("db1") == "available" and agent.keys()
    revoke(key, made)
    agent.wait_status("db1", LOST)
    wait_for(lambda: not agent.keys())


@test("a grant for one cluster keeps this cluster, and no other, when the grant that made both ends")
def _():
    two = agent.disks[1]
    key = new_key()
    making = grant(key, MAKING)
    agent.create("db1", one, "--kms-key-id", key)
    agent.create("db2", two, "--kms-key-id", key)
    context = {"aws:rds:db-id": agent.clusters()["db1"]["DbClusterResourceId"]}
    kept = grant(key, ["Decrypt", "DescribeKey"], Constraints={"EncryptionContextSubset": context})
    revoke(key, making)
    agent.wait_status("db2", LOST)
    assert agent.status("db1") == "available"
    agent.good("stop", "db1")
    before = len(decrypted())
    agent.good("start", "db1")
    assert len(decrypted()) == before + 1 and agent.status("db1") == "available"
    kms.good("RetireGrant", {"GrantToken": kept["GrantToken"]})
    agent.wait_status("db1", LOST)


@test("a grant that the key store has lost ends no cluster")
def _():
    key = new_key()
    made = grant(key, MAKING)
    agent.create("db1", one, "--kms-key-id", key)

    kms.tamper("CREATE TABLE kept AS SELECT * FROM grants")
    before = len(agent.records("Decrypt", "KMSInternalException"))
    kms.tamper(f"DELETE FROM grants WHERE grant_id = '{made['GrantId']}'")
    wait_for(lambda: len(agent.records("Decrypt", "KMSInternalException")) >= before + 2)
    assert agent.status("db1") == "available"
    kms.tamper(f"INSERT INTO grants SELECT * FROM kept WHERE grant_id = '{made['GrantId']}'")
    kms.tamper("DROP TABLE kept")
    agent.good("stop", "db1")
    agent.good("start", "db1")


finish()
