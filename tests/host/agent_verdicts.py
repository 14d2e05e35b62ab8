# SPDX-License-Identifier: MIT
#
# When a refusal of the KMS is a verdict that ends a cluster for good, and when it is not. The
# rules: docs/kms-outcomes.md.

from agent_suite import LOST, RECORDED, agent, changes, disable, finish, one, test
from wait import wait_for


# ---------------------------------------------------------------- the second question


def first_refusal(record):
    """Is this record the change of a status at a refusal that is not confirmed?"""
    change = record["serviceEventDetails"]
    return change["status"] == f"{LOST}-recoverable" and "Not final yet" in change["statusReason"]


@test("a first denial ends access, and is final only when the KMS is asked a second time and denies again")
def _():
    key = agent.kms.new_key()["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    before = len(agent.records("Decrypt", "DisabledException"))
    disable(key)
    assert not agent.keys() and agent.devices()["envelope-db1"][1] == "failed"
    agent.wait_status("db1", LOST)
    assert len(agent.records("Decrypt", "DisabledException")) == before + 2, "one denial is taken for final"
    assert first_refusal(changes()[-2]), changes()[-2]


def refuse_once(key):
    """An agent, not the first, that knows of one denial and whose second question is not answered."""
    agent.restart(RecoveryWindowSeconds=3600)  # no second question in this time
    agent.create("db1", one, "--kms-key-id", key)
    disable(key)
    assert first_refusal(changes()[-1]), changes()[-1]
    agent.kill()


@test("a second question is asked until it is answered, also by the next agent; a key that is given then is not lost")
def _():
    for enable in False, True:
        key = agent.kms.new_key()["KeyId"]
        refuse_once(key)
        with agent.no_kms():
            agent.start()
            silent = len(agent.records("Decrypt", "KMSUnreachable"))
            wait_for(lambda: len(agent.records("Decrypt", "KMSUnreachable")) > silent + 1,
                     why=lambda: f"nobody asks again: {agent.status('db1')}")
            assert agent.status("db1") == f"{LOST}-recoverable"
            if enable:
                agent.kms.good("EnableKey", {"KeyId": key})
        agent.wait_status("db1", "stopped" if enable else LOST)
        if enable:
            assert "refused-once" in changes()[-1]["serviceEventDetails"]["statusReason"], changes()[-1]
            agent.told_disks()
            assert RECORDED not in one.read(), "the disk still says that the key is lost"
            agent.good("start", "db1")
        agent.remove_all()


finish()
