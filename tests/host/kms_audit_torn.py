# SPDX-License-Identifier: MIT
#
# What a full disk or a power cut leaves of a line is no fault of the audit trail of envelope-kms, and what
# only looks so is one. A last record of another history is one, too.

import json
import os
import resource
import sys

from kms_daemon import Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
read, write, slots = kms.trail, kms.write_trail, kms.chain_heads
FREE = resource.RLIM_INFINITY, resource.RLIM_INFINITY


def tear(left):
    """A call whose record gets only LEFT bytes of the file."""
    resource.prlimit(kms.process.pid, resource.RLIMIT_FSIZE, (os.stat(kms.audit_file).st_size + left, FREE[1]))
    kms.bad("KMSInternalException", "ListKeys")
    resource.prlimit(kms.process.pid, resource.RLIMIT_FSIZE, FREE)


def findings(which="Faults"):
    return [(f["Kind"], f["Line"]) for f in kms.verify()[which]]


kms.start()
kms.new_key()
while len(read()) < 12:
    kms.good("ListKeys")
kms.stop()


@test("a whole object in place of half a line is no half line")
def _():
    kms.start()
    tear(60)
    kms.good("ListKeys")
    kms.stop()
    lines = read()
    at = next(i for i, line in enumerate(lines) if len(line) == 61)
    assert findings() == [] and findings("Notes") == [("torn", at + 1)]
    forged = b'{"eventName":"DeleteKey","pad":"'
    write([*lines[:at], forged + b"x" * (58 - len(forged)) + b'"}\n', *lines[at + 1:]])
    assert findings() == [("inserted", at + 1)] and findings("Notes") == [], kms.verify()
    # Also at the end, without a line feed.
    write([*lines, b'{"eventName":"DeleteKey"}'])
    assert findings() == [("inserted", len(lines) + 1)], kms.verify()
    write([*lines, b'{"eventName":"DeleteKey"'])
    assert findings() == [] and ("torn", len(lines) + 1) in findings("Notes")
    write(lines)


@test("a line that is torn exactly in front of its line feed is no record, and the next one has its number")
def _():
    kms.start()
    kms.good("ListKeys")
    before = read()
    tear(len(before[-1]) - 1)
    assert read()[-1][-3:] == b'"}}', "the record is longer than the one before it"
    for _i in range(2):
        kms.good("ListKeys")
    kms.stop()
    lines = read()
    at = len(before)
    first, second = (json.loads(line)["chain"] for line in lines[at:at + 2])
    assert first["sequence"] == second["sequence"] and second["torn"] == len(lines[at]) - 1
    verdict = kms.verify()
    assert findings() == [] and ("torn", at + 1) in findings("Notes"), verdict
    assert verdict["LastSequence"] == verdict["HeadSequence"] == json.loads(lines[-1])["chain"]["sequence"], verdict
    status, said, error = kms.admin("audit", "lookup", "--event-name", "ListKeys")
    assert status == 0 and lines[at].decode() not in said and lines[at + 2].decode() in said, said
    assert "line(s) are left out" in error, error
    # The same where a start finds it, and the record with the head's number is torn.
    kms.start()
    tear(len(read()[-1]) - 1)
    kms.restart()
    kms.good("ListKeys")
    kms.stop()
    assert findings() == [] and ("torn", len(read()) - 1) in findings("Notes"), kms.verify()


@test("a last record of another history is found, by verify and by the next start")
def _():
    common, head = read(), slots()
    kms.start()
    kms.good("ListKeys")
    kms.stop()
    other = slots()
    write(common)
    slots(head)
    kms.start()
    kms.good("ListAliases")
    kms.stop()
    assert findings() == []
    lines = read()
    slots(other)
    assert findings() == [("foreign", len(lines))], kms.verify()
    kms.start()
    kms.good("ListKeys")
    kms.stop()
    assert json.loads(read()[len(lines)])["eventName"] == "AuditTrailForeign"
    assert findings() == [("foreign", len(lines) + 1)], kms.verify()
    kms.start()
    kms.stop()
    assert len(read()) == len(lines) + 2 and findings() == [("foreign", len(lines) + 1)]


kms.close()
sys.exit(tap.finish())
