# SPDX-License-Identifier: MIT
#
# The catalog rebuilt from the disks, with a stand-in for LVM: lvm_stand_in.py. tests/integration/agent-pools has
# the real one.

import json
import shutil
import subprocess

from agent_lvm import PLACE, a_pool, changed, create, delete, folder, good, pool, pools, rows, volume_of
from agent_suite import agent, finish, test
from wait import PATIENCE, wait_for

PLAIN = "--no-storage-encrypted",


def rebuild(*more):
    done = subprocess.run([f"{agent.programs}/envelope", "catalog", "rebuild", "--output", "json", *more], capture_output=True,
                          text=True, env=agent.environment, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{agent.log()[-3000:]}"
    seen = json.loads(done.stdout)
    return ({p["Name"]: p["Action"] for p in seen["Pools"]},
            {c["DBClusterIdentifier"]: (c["Action"], c["StorageEncrypted"], c.get("Pool")) for c in seen["DBClusters"]}, seen)


def everything():
    """All that the catalog has, without times."""
    return {table: rows(table) for table in ("pool", "pool_volume", "cluster", "place", "protection", "stamp")}


def with_catalog(change):
    """The agent with another catalog: what it says of it."""
    agent.stop()
    change()
    before = len(agent.log())
    agent.start()
    wait_for(lambda: "envelope catalog rebuild --dry-run" in agent.log()[before:], why=agent.log)
    assert [r for r in agent.records("CatalogCheck") if r["errorCode"] == "CatalogOlder"], agent.records("CatalogCheck")


@test("a catalog that is deleted is rebuilt from the disks: pools, clusters in them, plain ones, with one in use; a preview changes nothing")
def _():
    with a_pool():
        create()
        agent.good("create", "db2", *PLACE, "1", *PLAIN)
        agent.create("db3", agent.disks[0])
        for name in "db1", "db3":
            agent.good("stop", name)
        places = rows("pool_volume")
        with_catalog(agent.lose_catalog)
        assert not pools() and set(agent.clusters()) == {"db1", "db3"}, agent.clusters()
        before = everything()
        seen = rebuild("--dry-run")
        assert seen[:2] == ({"fast": "take-in"}, {"db1": ("place", True, "fast"), "db2": ("take-in", False, "fast"),
                                                  "db3": ("known", True, None)}), seen
        assert any("deletion protection" in text for text in seen[2]["NotRebuilt"])
        assert everything() == before and not pools(), "a preview has changed something"
        assert rebuild()[:2] == seen[:2]
        assert sorted(rows("pool_volume")) == sorted(places), rows("pool_volume")
        assert (agent.status("db2"), agent.clusters()["db2"]["DeletionProtection"]) == ("available", True)
        assert agent.clusters()["db1"]["Device"] == volume_of()[0]["lv_path"]
        assert len(agent.records("RebuildCatalog")) == 2
        again = rebuild()
        assert set(again[0].values()) == {"known"} and {c[0] for c in again[1].values()} == {"known"}, again
        agent.restart()
        assert agent.clusters()["db1"]["Pool"] == "fast" and agent.status("db2") == "available"
        agent.good("modify", "db2", "--allocated-storage", "2")
        agent.good("start", "db1")


@test("a catalog from an older backup is noticed, and made whole without a loss; what a person must decide is left")
def _():
    path = f"{agent.dir}/agent/catalog.sqlite"
    with a_pool():
        create("db1")
        create("db4", "1")
        agent.good("stop", "db1")
        agent.good("stop", "db4")
        agent.stop()
        shutil.copy(path, f"{folder}/backup")
        agent.start()
        create("db2", "1")
        agent.good("stop", "db2")
        agent.good("create", "db3", "--device", agent.disks[1].path, *PLAIN)
        agent.good("stop", "db3")
        agent.good("start", "db1")
        agent.good("stop", "db1")
        agent.good("delete", "db4", "--skip-final-snapshot")

        def older():
            agent.lose_catalog()
            shutil.copy(f"{folder}/backup", path)

        with_catalog(older)
        seen = rebuild("--dry-run")
        assert seen[1] == {"db1": ("known", True, "fast"), "db2": ("place", True, "fast"), "db3": ("take-in", False, None),
                           "db4": ("missing", True, "fast")}, seen
        details = {c["DBClusterIdentifier"]: c["Detail"] for c in seen[2]["DBClusters"]}
        assert "after the catalog was saved" in details["db1"] and "It stays in the catalog" in details["db4"], details
        rebuild()
        assert {name: c.get("Pool") for name, c in agent.clusters().items()} == {"db1": "fast", "db2": "fast", "db3": None, "db4": "fast"}
        for name in "db1", "db2", "db3":
            agent.good("start", name)


finish()
