# SPDX-License-Identifier: MIT
#
# What must not end the agent, nor a lease: a new configuration with a fault, files that it names.

import os

from agent_suite import agent, finish, one, test
from wait import wait_for


def renewed(times):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)


@test("a running agent refuses a configuration with a fault, names the line, and goes on with the old one")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for fault, changed in {
        "agent.conf:9: LeaseSeconds=6O is not valid": {"LeaseSeconds": "6O"},
        "agent.conf:11: The key Rigion is unknown": {"Rigion": "us-east-1"},
        "KmsEndpoint=https://kms:0 is not valid": {"KmsEndpoint": "https://kms:0"},
        "/nowhere cannot be read": {"CredentialsFile": "/nowhere"},
        "the profile [other] needs": {"Profile": "other"},
        "CaFile=/nowhere cannot be opened": {"CaFile": "/nowhere"},
        "The program for KMS calls, /nowhere, cannot be run": {"Worker": "/nowhere"},
    }.items():
        record = agent.reload(**changed)
        assert record["errorCode"] == "InvalidConfiguration", record
        assert fault.lower() in record["errorMessage"].lower(), f"expected {fault}, seen {record['errorMessage']}"
        assert record["errorMessage"] in agent.log()
    renewed(2)
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("a good configuration takes over at SIGHUP, without a lease that ends; what cannot change is named")
def _():
    agent.restart(RenewSeconds=3500)
    agent.create("db1", one)
    keys = agent.keys()
    record = agent.reload(RenewSeconds=1, StateDirectory=f"{agent.dir}/elsewhere")
    assert "errorCode" not in record, record
    assert record["serviceEventDetails"]["keptUntilRestart"] == ["StateDirectory"], record
    assert f"StateDirectory={agent.dir}/elsewhere takes effect at the next restart" in agent.log()
    renewed(2)
    assert agent.status("db1") == "available" and agent.keys() == keys
    assert not os.path.exists(f"{agent.dir}/elsewhere")
    agent.restart()


@test("an agent whose credentials are missing starts, says so, and renews when they are there")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    os.rename(agent.kms.credentials, f"{agent.kms.credentials}.away")
    try:
        agent.restart()
        assert "credentials" in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
    finally:
        os.rename(f"{agent.kms.credentials}.away", agent.kms.credentials)
    renewed(1)
    assert agent.status("db1") == "available" and agent.keys() == keys


@test("--check-config says what is wrong and where, and touches nothing")
def _():
    assert agent.check_config() == (0, "The configuration is valid.\n")
    assert agent.check_config(CaFile=f"{agent.kms.state}/ca.pem")[0] == 0
    for changed, fault in [
        ({"LeaseSeconds": 1}, "agent.conf:9: LeaseSeconds=1 is not valid"),
        ({"CaFile": f"{agent.dir}/agent.conf"}, "has no certificate in PEM form"),
        ({"KmsEndpoint": "https://"}, "KmsEndpoint=https:// is not valid"),
        ({"KmsEndpoint": "https://a b"}, "is not valid"),
        ({"KmsEndpoint": "https://[::1"}, "write an IPv6 address as [ADDRESS]"),
        ({"KmsEndpoint": "https://kms:99999"}, "give a port of 1 to 65535"),
        ({"KmsEndpoint": "unix:/" + "x" * 120}, "at most 107 bytes"),
    ]:
        status, said = agent.check_config(**changed)
        assert status == 2 and fault in said, (status, said)
    for endpoint in "https://kms.eu-central-1.amazonaws.com", "https://[::1]:8443", "https://localhost:8443/":
        assert agent.check_config(KmsEndpoint=endpoint)[0] == 0, endpoint
    agent.configure()


finish()
