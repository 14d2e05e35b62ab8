# SPDX-License-Identifier: MIT
#
# The way of the agent to its KMS: the address in the configuration.

from agent_suite import agent, finish, one, test
from wait import wait_for


def renewed(times):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len([r for r in agent.records("Decrypt")[before:] if "errorCode" not in r]) >= times)


WRONG = {
    "https://": "the name of the host is missing",
    "https://:8443": "the name of the host is missing",
    "https://[::1": "write an IPv6 address as [ADDRESS]",
    "https://[::::]": "write an IPv6 address as [ADDRESS]",
    "https://kms:0": "give a port of 1 to 65535",
    "https://kms:99999": "give a port of 1 to 65535",
    "https://kms:+443": "give a port of 1 to 65535",
    "https://kms/v2": "it has a path",
    "https://kms?a=b": "it has a query or a fragment",
    "https://kms/#a": "it has a query or a fragment",
    "https://user:s3cret@kms": "it has user information",
    "http://kms": "give unix:/PATH or https://HOST[:PORT]",
    "HTTPS://kms": "give unix:/PATH or https://HOST[:PORT]",
    "unix:kms.sock": "give unix:/PATH or https://HOST[:PORT]",
    "unix:/" + "x" * 120: "at most 107 bytes",
}


@test("one judge of KmsEndpoint=: a check, a reload and a restart refuse the same addresses in the same words")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for endpoint, fault in WRONG.items():
        status, said = agent.check_config(KmsEndpoint=endpoint)
        assert status == 2 and fault in said, (endpoint, fault, said)
        record = agent.reload(KmsEndpoint=endpoint)
        assert record["errorCode"] == "InvalidConfiguration" and record["errorMessage"] in said, (record, said)
    for endpoint in "https://kms:99999", "https://user:s3cret@kms":
        agent.restart(KmsEndpoint=endpoint)
        assert WRONG[endpoint] in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
        assert f"the last good one, {agent.dir}/agent/agent.conf.good, is used" in agent.log()
        renewed(2)
        assert agent.status("db1") == "available" and agent.keys() == keys
    assert "s3cret" not in agent.log(), "the log has the password of an address"
    for endpoint in "https://kms.eu-central-1.amazonaws.com", "https://[::1]:8443", "https://localhost:8443/", "https://kms_1:443":
        assert agent.check_config(KmsEndpoint=endpoint)[0] == 0, endpoint
    agent.restart()


finish()
