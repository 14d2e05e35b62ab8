# SPDX-License-Identifier: MIT
#
# "audit lookup" of envelope-kms prints the records of the trail that match its selectors.

import gzip
import json
import os
import resource
import subprocess
import sys

from kms_daemon import Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
read = kms.trail


def looked_up(*options):
    status, said, error = kms.admin("audit", "lookup", *options)
    assert status == 0, error
    return said.encode().splitlines(keepends=True), error


@test("audit lookup prints the records that match each selector, over all files, as the trail has them")
def _():
    kms.start()
    key, other = kms.new_key(), kms.new_key()["KeyId"]
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
    os.rename(kms.audit_file, f"{kms.audit_file}-20261101")
    kms.good("DescribeKey", {"KeyId": key["KeyId"]})
    kms.good("DescribeKey", {"KeyId": other})
    kms.good("ListKeys", profile="enveloped")
    kms.stop()
    subprocess.run(["gzip", f"{kms.audit_file}-20261101"], check=True)
    with gzip.open(f"{kms.audit_file}-20261101.gz", "rb") as f:
        lines = f.read().splitlines(keepends=True) + read()
    records = [json.loads(line) for line in lines]
    assert looked_up() == (lines, "")

    def select(condition):
        return [line for line, record in zip(lines, records) if condition(record)]

    times = sorted({record["eventTime"] for record in records})
    arn = key["Arn"]
    for options, condition in (
            (["--event-name", "DescribeKey"], lambda r: r["eventName"] == "DescribeKey"),
            (["--event-name=CreateKey", "--max-items=2"], None),
            (["--error-code", "NotFoundException"], lambda r: r.get("errorCode") == "NotFoundException"),
            (["--principal", "enveloped"], lambda r: r["userIdentity"].get("userName") == "enveloped"),
            (["--principal", kms.profiles["admin"]["aws_access_key_id"]], lambda r: r["userIdentity"].get("userName") == "admin"),
            (["--key-id", key["KeyId"]], lambda r: arn in str(r.get("resources"))),
            (["--key-id", arn], lambda r: arn in str(r.get("resources"))),
            (["--key-id", arn, "--event-name", "DescribeKey"], lambda r: arn in str(r.get("resources")) and r["eventName"] == "DescribeKey"),
            (["--start-time", times[-1]], lambda r: r["eventTime"] >= times[-1]),
            (["--end-time", times[0]], lambda r: r["eventTime"] <= times[0]),
            (["--start-time", times[0], "--end-time", times[-1]], lambda r: True)):
        seen = looked_up(*options)[0]
        expected = select(condition) if condition else select(lambda r: r["eventName"] == "CreateKey")[:2]
        assert seen == expected and expected, (options, len(seen), len(expected))
    assert looked_up("--event-name", "Nothing")[0] == []
    for wrong in ["--start-time", "yesterday"], ["--end-time", "2026-11-30T08:00:00"], ["--max-items", "0"], ["--max-items"]:
        assert kms.admin("audit", "lookup", *wrong)[0] == 2, wrong


@test("audit lookup leaves out what is no record: changed and inserted lines")
def _():
    kms.start()
    for _i in range(3):
        kms.new_key()
    kms.stop()
    whole, before = read(), looked_up()[0]
    forged = whole[2].replace(b'"eventName":"', b'"eventName":"Forged')
    kms.write_trail([*whole[:2], forged, b'{"eventName":"DeleteKey"}\n', *whole[3:]])
    seen, error = looked_up()
    assert seen == [line for line in before if line != whole[2]] and "2 line(s) are left out" in error, error
    assert "are not protected" not in error, error


@test("a trail of more files than the soft limit of open files is read")
def _():
    kms.start()
    kms.new_key()
    kms.stop()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    record = read()[-1]
    for i in range(100):
        kms.write_trail([record], f"{kms.audit_file}-{i}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, hard))
    try:
        seen, error = looked_up()
        assert seen.count(record) == 101, error
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for i in range(100):
            os.unlink(f"{kms.audit_file}-{i}")


@test("audit lookup says how many of its lines no chain protects")
def _():
    kms.start()
    kms.new_key()
    kms.stop()
    older = [b'{"eventName":"CreateKey","eventTime":"2020-01-01T00:00:00Z"}\n', b'{"eventName":"DeleteKey"}\n']
    kms.write_trail(older, f"{kms.audit_file}-20200101")
    seen, error = looked_up("--event-name", "CreateKey")
    assert older[0] in seen and "1 line(s) are not protected" in error, error
    seen, error = looked_up("--event-name", "CreateKey", "--max-items", "1")
    assert seen == older[:1] and "1 line(s) are not protected" in error, error


kms.close()
sys.exit(tap.finish())
