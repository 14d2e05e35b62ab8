# SPDX-License-Identifier: MIT
#
# The key store of envelope-kms has the number of the last change's record, so that a trail that is put back
# or taken away together with the head of its chain is not whole.

import json
import os
import shutil
import sys

from kms_daemon import CHAIN_HEADS, CHAIN_HEADS_END, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
trail, write, slots = kms.trail, kms.write_trail, kms.chain_heads


def lose_head():
    slots(bytes(CHAIN_HEADS_END - CHAIN_HEADS[0]))


def strip(lines):
    """LINES as a version without a chain makes them."""
    return [line[:line.index(b',"chain":')] + b"}\n" if b',"chain":' in line else line for line in lines]


def kinds(which="Faults"):
    return [f["Kind"] for f in kms.verify()[which]]


def use():
    """A start, a call, a stop. Returns the names of the records that the start made."""
    before = len(trail()) if os.path.exists(kms.audit_file) else 0
    kms.start()
    kms.good("ListKeys")
    assert kms.stop() == 0
    return [json.loads(line)["eventName"] for line in trail()[before:]][:-1]


kms.start()
KEY = kms.new_key()["KeyId"]
kms.stop()
OLD = trail(), slots()
kms.start()
for _i in range(3):
    kms.new_key()
kms.stop()


@test("a trail that nobody touched is whole, and a start has nothing to say")
def _():
    assert use() == [] and use() == []
    kms.start()
    kms.new_key()
    kms.kill()
    assert kms.verify()["Whole"] and use() == [] and kms.verify()["Whole"]


PRESENT = trail(), slots()
KNOWN = next(json.loads(line)["chain"]["sequence"] for line in reversed(PRESENT[0]) if b'"CreateKey"' in line)  # as the store


@test("a trail without its chain and without its head is no trail of an older version")
def _():
    write(strip(trail()))
    lose_head()
    assert kinds() == ["no-head", "cut"], kms.verify()
    assert use() == ["AuditTrailCut"]
    event = json.loads(trail()[KNOWN + 1])
    assert event["serviceEventDetails"] == {"lastSequence": 0, "expectedSequence": KNOWN}, event
    assert event["chain"]["sequence"] == KNOWN + 1, event
    assert kinds() == ["begun-anew"] and use() == [] and kinds() == ["begun-anew"]


@test("an empty trail without its head is no new one")
def _():
    os.unlink(kms.audit_file)
    lose_head()
    assert kinds() == ["no-head", "cut"], kms.verify()
    assert use() == ["AuditTrailCut"] and kinds() == ["begun-anew"] and use() == [] and kinds() == ["begun-anew"]


@test("an old trail with its old head ends before the record that the store knows, and marks no change as undone")
def _():
    write(OLD[0])
    slots(OLD[1])
    verdict = kms.verify()
    missing = len(OLD[0]) + 1, KNOWN
    assert [(f["Kind"], f["Sequence"], f["LastSequence"]) for f in verdict["Faults"]] == [("cut", *missing)], verdict
    assert use() == ["AuditTrailCut"]
    for _i in range(2):
        verdict = kms.verify()
        assert [(f["Kind"], f["Sequence"], f["LastSequence"]) for f in verdict["Faults"]] == [("missing", *missing)], verdict
        assert use() == []


@test("a restore goes on behind the record that the present store knows, and the copy on another host begins a trail")
def _():
    status, _said, error = kms.admin("store", "backup", f"--file={kms.dir}/copy.sqlite")
    assert status == 0, error
    write(OLD[0])
    slots(OLD[1])
    status, _said, error = kms.admin("store", "restore", f"--file={kms.dir}/copy.sqlite")
    assert status == 0, error
    assert kinds() == ["missing"] and use() == [], trail()
    other = kms.another()
    other.audit_file = f"{other.dir}/log/audit.jsonl"  # in a folder that is not there
    os.mkdir(other.state, 0o755)
    shutil.copy(kms.root_key, other.root_key)
    status, _said, error = other.admin("store", "restore", f"--file={kms.dir}/copy.sqlite", "--accept-rollback")
    assert status == 0, error
    other.start()
    other.good("DescribeKey", {"KeyId": KEY})
    other.stop()
    names = [record["eventName"] for record in other.audit()]
    assert "AuditTrailCut" not in names and other.verify()["Whole"], names
    other.close()


@test("a key store that verify cannot read makes no trail whole; without one the head alone counts")
def _():
    store = f"{kms.state}/kms.sqlite"
    before = kinds()
    shutil.move(store, f"{kms.dir}/away")
    assert "no-head" not in kinds()
    with open(store, "wb") as f:
        f.write(b"no database" * 1000)
    assert sorted(kinds()) == sorted([*before, "no-head"]), kms.verify()
    shutil.move(f"{kms.dir}/away", store)


@test("an upgrade is no alarm: of a store without the number, and of a trail without a chain")
def _():
    kms.reseal(lambda head: head.pop("EventSequence"))
    write(PRESENT[0])
    slots(PRESENT[1])
    assert kms.verify()["Whole"] and use() == [] and kms.verify()["Whole"]
    older = strip(trail())
    write(older)
    lose_head()
    assert use() == [] and kms.verify()["Whole"] and kinds("Notes") == ["unchained"]
    # The next change tells the store its number.
    kms.start()
    kms.new_key()
    kms.stop()
    write(older)
    lose_head()
    assert kinds() == ["no-head", "cut"] and use() == ["AuditTrailCut"] and not kms.verify()["Whole"]


kms.close()
sys.exit(tap.finish())
