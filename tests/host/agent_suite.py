# SPDX-License-Identifier: MIT
#
# One agent with its KMS and three disks for the tests of a suite. Each test ends with the removal
# of all clusters. Arguments of the suite: the folder of the programs and, optionally, a part of
# the names of the tests to run.

import os
import subprocess
import sys

from agent_daemon import Agent
from tap import Tap
from wait import wait_for

LOST = "inaccessible-encryption-credentials"
RECORDED = f'"state":"{LOST}-recoverable"'.encode()  # in a header

tap = Tap()
only = sys.argv[2] if len(sys.argv) > 2 else ""
if os.geteuid() != 0 or not os.path.exists("/dev/loop-control"):
    tap.skip("the agent", "needs root and loop devices")
    sys.exit(tap.finish())
agent = Agent(sys.argv[1])
one, two, three = agent.disks
agent.start()


def test(name):
    """Decorator: run the function as the test NAME, now, unless it is not asked for."""
    def decorate(function):
        def clean():
            function()
            agent.remove_all()

        if only in name:
            tap.check(name, clean)
        return function

    return decorate


def decrypted():
    """Records of keys that the KMS has given."""
    return [r for r in agent.records("Decrypt") if "errorCode" not in r and "dryRun" not in r["requestParameters"]]


# The agent records an answer of the KMS and acts on the answer before it serves the next client. A
# test that has seen the record therefore need not wait for the effect.


def disable(key):
    before = len(agent.records("Decrypt", "DisabledException"))
    agent.kms.good("DisableKey", {"KeyId": key})
    wait_for(lambda: len(agent.records("Decrypt", "DisabledException")) > before)


def lose(name, key):
    """The KMS refuses the key until the cluster has lost it for good."""
    disable(key)
    agent.wait_status(name, LOST)


def stopped_cluster():
    """db1 on the first disk, stopped."""
    agent.create("db1", one)
    agent.good("stop", "db1")


def forgotten(*disks, **changed):
    """A stopped volume on the first disk, that the next agent does not know: it sees `disks` alone."""
    stopped_cluster()
    agent.stop()
    agent.lose_catalog()
    agent.scannable(*disks)
    agent.start(**changed)
    agent.told_disks()


def second_agent():
    """An agent with the same state folder and another socket, that does not come up: what it says."""
    with open(f"{agent.dir}/agent.conf", encoding="utf-8") as f:
        text = f.read().replace(f"{agent.dir}/agent.sock", f"{agent.dir}/second.sock")
    with open(f"{agent.dir}/second.conf", "w", encoding="utf-8") as f:
        f.write(text)
    second = subprocess.Popen([f"{agent.programs}/unit/enveloped", "--config", f"{agent.dir}/second.conf"],
                              stderr=subprocess.PIPE, text=True, env=agent.environment)
    try:
        wait_for(lambda: second.poll() is not None or os.path.exists(f"{agent.dir}/second.sock"))
        assert second.poll() is not None, "the second agent serves"
        return second.returncode, second.stderr.read()
    finally:
        second.kill()
        second.wait()


def changes():
    return agent.records("DBClusterStatusChange")


def finish():
    """Checks the end of the agent, and ends the suite."""
    @test("SIGTERM ends the agent with status 0, and no sanitizer reports an error")
    def _():
        assert agent.stop() == 0
        assert "Sanitizer" not in agent.log() and "runtime error" not in agent.log(), agent.log()
        agent.start()

    agent.stop()
    sys.exit(tap.finish())
