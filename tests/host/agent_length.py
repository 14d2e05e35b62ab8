# SPDX-License-Identifier: MIT
#
# The length of a volume: the catalog keeps it, and no start makes a volume shorter.

import contextlib
import sqlite3

from agent_daemon import DISK_BYTES
from agent_sizes import of_size
from agent_suite import agent, finish, one, test


@test("a disk that became shorter below a stopped cluster is refused with both sizes, also by the next agent, until it is as long again")
def _():
    long, short = 2 * DISK_BYTES - (1 << 20), DISK_BYTES - (1 << 20)
    agent.create("db1", one)
    with of_size(one, 2 * DISK_BYTES):
        agent.good("modify", "db1", "--grow")
        sectors = agent.devices()["envelope-db1"][7]
        agent.good("stop", "db1")
    decrypts = len(agent.records("Decrypt"))
    for _ in range(2):
        said = agent.bad("InvalidDBClusterStateFault", "start", "db1")
        for words in f"has {long} bytes", f"room for {short} of them", f"Make the disk {DISK_BYTES} bytes longer":
            assert words in said, f"expected {words}, seen {said}"
        assert not agent.devices() and not agent.keys() and len(agent.records("Decrypt")) == decrypts, "it was unlocked"
        agent.told_disks()
        agent.restart()
    with of_size(one, 2 * DISK_BYTES):
        agent.good("start", "db1")
        assert agent.devices()["envelope-db1"][7] == sectors
        # As a catalog of an earlier version: the live device tells.
        agent.told_disks()
        agent.stop()
        with contextlib.closing(sqlite3.connect(f"{agent.dir}/agent/catalog.sqlite")) as catalog, catalog:
            assert catalog.execute("DELETE FROM length").rowcount == 1
        agent.start()
        agent.good("stop", "db1")
    assert "cluster relocate" in agent.bad("InvalidDBClusterStateFault", "start", "db1")
    # It was made shorter on purpose.
    agent.good("relocate", "db1", "--device", one.device)
    agent.restart()
    agent.good("start", "db1")
    assert int(agent.devices()["envelope-db1"][7]) * 512 == short, agent.devices()


finish()
