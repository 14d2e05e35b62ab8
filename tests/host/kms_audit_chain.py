# SPDX-License-Identifier: MIT
#
# The evidence of envelope-kms: "audit verify" finds each line of the audit trail that was removed, changed,
# moved or added, and a cut end, and names file and line.

import contextlib
import gzip
import hashlib
import hmac
import http.client
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from kms_daemon import CHAIN_HEADS, Kms
from tap import Tap
from wait import wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
read, write = kms.trail, kms.write_trail


def chain_key(root):
    return HKDF(hashes.SHA256(), 32, b"audit trail", b"dm-envelope kms audit chain").derive(root)


def root_key():
    with open(kms.root_key, "rb") as f:
        return f.read()


def places(lines):
    return [json.loads(line)["chain"]["sequence"] for line in lines]


def findings(verdict, which="Faults"):
    return [(f["Kind"], f.get("Line"), f.get("Sequence"), f.get("LastSequence")) for f in verdict[which]]


def found(lines, *options):
    write(lines)
    return findings(kms.verify(*options))


def head():
    """The latest head of the chain: (slot, words)."""
    heads = []
    with open(kms.counter, "rb") as f:
        for slot in CHAIN_HEADS:
            f.seek(slot)
            text, tag = f.read(160), f.read(16)
            if tag == hmac.new(chain_key(root_key()), text, hashlib.sha256).digest()[:16]:
                heads.append((slot, text.rstrip(b"\0").decode().split()))
    return max(heads, key=lambda seen: (int(seen[1][2]), int(seen[1][3])))


def write_head(words):
    """Makes WORDS the only head."""
    text = " ".join(words).encode().ljust(160, b"\0")
    with open(kms.counter, "r+b") as f:
        for slot in CHAIN_HEADS:
            f.seek(slot)
            f.write(bytes(200))
        f.seek(CHAIN_HEADS[0])
        f.write(text + hmac.new(chain_key(root_key()), text, hashlib.sha256).digest()[:16])


kms.start()
for _i in range(4):
    KEY = kms.new_key()["KeyId"]
    kms.good("DescribeKey", {"KeyId": KEY})
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "00000000-0000-4000-8000-000000000000"})
# The last three are refusals, of which the key store knows nothing.
for _i in range(2):
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "00000000-0000-4000-8000-000000000000"})
kms.stop()
WHOLE = read()
LAST = len(WHOLE)


@test("a trail that nobody touched is whole, also after a restart and a kill, and while the KMS serves")
def _():
    assert places(WHOLE) == list(range(1, LAST + 1))
    verdict = kms.verify()
    assert verdict["Whole"] and verdict["Records"] == verdict["LastSequence"] == verdict["HeadSequence"] == LAST, verdict
    assert verdict["FirstSequence"] == 1 and not verdict["Notes"], verdict
    kept = kms.dir + "/kept"
    shutil.copytree(f"{kms.state}-counter", kept)
    for end in kms.stop, kms.kill:
        kms.start()
        kms.good("ListKeys")
        kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
        assert kms.verify()["Whole"]
        end()
        assert kms.verify()["Whole"]
    lines = read()
    assert places(lines) == list(range(1, len(lines) + 1))
    status, said, _error = kms.admin("audit", "verify")
    assert status == 0 and said.startswith("The audit trail is whole. "), said
    for wrong in ["--output", "yaml"], ["--first", "0"], ["--first", "x"], ["--nonsense"], ["more"]:
        assert kms.admin("audit", "verify", *wrong)[0] == 2, wrong


def begin_again():
    """The trail and its head as they were before the tests."""
    write(WHOLE)
    for name in os.listdir(kms.dir):
        if name.startswith("audit.jsonl") and name != "audit.jsonl":
            os.unlink(f"{kms.dir}/{name}")
    text, tag = "audit head", json.loads(WHOLE[-1])["chain"]["tag"]
    write_head([*text.split(), str(LAST), str(LAST), tag, head()[1][5]])


def replaced(i):
    """What may be found when line I is another one: it was changed, or it is foreign and the record is missing."""
    lost = ("missing", i + 2, i + 1, None) if i + 1 < LAST else ("cut", i + 1, i + 1, None)
    # Lines before the first record are those of an older version.
    return [[("changed", i + 1, i + 1, None)], [("inserted", i + 1, None, None), lost], *([[lost]] if i == 0 else [])]


@test("each line that is removed, changed, copied or inserted is found and named, and no other line is")
def _():
    begin_again()
    assert found(WHOLE) == []
    for i in range(LAST):
        before, line, after = WHOLE[:i], WHOLE[i], WHOLE[i + 1:]
        missing = [("missing", i + 1, i + 1, None)] if after else [("cut", i, i + 1, None)]
        assert found(before + after) == missing, i
        for changed in (line.replace(b"2.0", b"2.1", 1), line.replace(b"kms.", b"kmz."), line.replace(b'"chain":{"sequence":', b'"chain":{"sequence":9'),
                        line.replace(b'"tag":"', b'"tag":"0')[:-5] + b'"}}\n', b"{}\n", b'{"eventName":"DescribeKey"}\n', b"\0\n", b"\n", line[:40] + b"\n"):
            if changed != line:
                seen = found([*before, changed, *after])
                assert seen in replaced(i), (i, changed, seen)
        assert found([*before, line, *after[:2], line, *after[2:]]) == [("inserted", min(i + 4, LAST + 1), i + 1, None)], i
        seen = found([*before, b'{"eventName":"DeleteKey"}\n', line, *after])
        if i:
            assert seen == [("inserted", i + 1, None, None)], (i, seen)


@test("lines in another order are found, and so is a cut end of any length")
def _():
    begin_again()
    for i in range(LAST - 1):
        lines = list(WHOLE)
        lines[i], lines[i + 1] = lines[i + 1], lines[i]
        assert found(lines) == [("moved", i + 2, i + 1, None)], i
    # A line that is far from its place.
    assert found([WHOLE[0], *WHOLE[2:], WHOLE[1]]) == [("moved", LAST, 2, None)]
    for kept in range(LAST):
        seen = found(WHOLE[:kept])
        last = LAST if kept + 1 < LAST else None
        assert seen == [("cut", kept or None, kept + 1, last)], (kept, seen)
    # Half of the last line.
    write([*WHOLE[:-1], WHOLE[-1][:-1]])
    verdict = kms.verify()
    assert findings(verdict) == [("cut", LAST, LAST, None)] and findings(verdict, "Notes") == [("torn", LAST, None, None)], verdict


@test("each changed bit is found")
def _():
    begin_again()
    choose = random.Random(1)
    text = b"".join(WHOLE)
    bits = [choose.randrange(8 * len(text)) for _i in range(150)]
    lines = b"".join(WHOLE).splitlines(keepends=True)
    place = json.loads(lines[4])["chain"]
    at = len(b"".join(lines[:4])) + lines[4].index(b',"chain"')
    bits += [8 * i + i % 8 for i in range(at, at + len(json.dumps(place)) + 5, 3)]
    for bit in bits:
        changed = bytearray(text)
        changed[bit // 8] ^= 1 << bit % 8
        with open(kms.audit_file, "wb") as f:
            f.write(changed)
        verdict = kms.verify()
        number = text[:bit // 8].count(b"\n") + 1
        named = {f.get("Line") for f in verdict["Faults"]}
        assert not verdict["Whole"] and named & {number, number + 1}, (bit, verdict)


@test("without the root key nobody makes a line that fits, and lines of another KMS do not")
def _():
    begin_again()
    stolen = [b"", b"\0" * 32, hashlib.sha256(b"".join(WHOLE)).digest(), chain_key(b"\0" * 32), open(kms.counter, "rb").read()[8192:8224]]
    for key in stolen:
        forged = WHOLE[3].replace(b"2.0", b"2.1").replace(b'"eventName":"', b'"eventName":"X')
        text = forged[:forged.index(b',"tag":"')]
        for tag in hmac.new(key, text, hashlib.sha256), hashlib.sha256(key + text):
            line = text + b',"tag":"' + tag.hexdigest()[:32].encode() + b'"}}\n'
            assert found([*WHOLE[:3], line, *WHOLE[4:]]) == [("changed", 4, 4, None)]
    write(WHOLE)
    other = f"{kms.dir}/other.key"
    with open(other, "wb") as f:
        f.write(os.urandom(32))
    os.chmod(other, 0o600)
    verdict = kms.verify(root_key=other)
    assert verdict["Records"] == 0 and len(verdict["Faults"]) == LAST + 1, verdict
    assert "no-head" in [f["Kind"] for f in verdict["Faults"]]
    # The key that the KMS uses is the one that this test derives.
    text = WHOLE[3][:WHOLE[3].index(b',"tag":"')]
    assert hmac.new(chain_key(root_key()), text, hashlib.sha256).hexdigest()[:32].encode() in WHOLE[3]


def rotate(name):
    os.rename(kms.audit_file, f"{kms.audit_file}{name}")


@test("the chain goes on over moved and compressed files; a file that is missing or changed is found")
def _():
    begin_again()
    kms.start()
    names = []
    for i in range(4):
        names.append(f"-2026110{i + 1}")
        rotate(names[-1])
        if i == 2:
            kms.restart()
        for _n in range(i + 1):
            kms.good("ListKeys")
    kms.stop()
    for name in names[:2]:
        subprocess.run(["gzip", f"{kms.audit_file}{name}"], check=True)
    shutil.copy(f"{kms.audit_file}{names[2]}", f"{kms.audit_file}{names[2]}.gz")  # gzip has not ended
    whole = kms.verify()
    assert whole["Whole"] and whole["Files"] == 5 and whole["Records"] == whole["LastSequence"] == LAST + 10, whole
    # The order of the names says nothing.
    os.rename(f"{kms.audit_file}{names[2]}", f"{kms.audit_file}.0")
    os.unlink(f"{kms.audit_file}{names[2]}.gz")
    assert kms.verify()["Whole"]
    os.rename(f"{kms.audit_file}.0", f"{kms.audit_file}{names[2]}")
    first = {f"{names[0]}.gz": (1, LAST), f"{names[1]}.gz": (LAST + 1, LAST + 1), names[2]: (LAST + 2, LAST + 3), names[3]: (LAST + 4, LAST + 6)}
    following = [*list(first)[1:], ""]
    for (name, (begin, end)), after in zip(first.items(), following):
        os.rename(f"{kms.audit_file}{name}", f"{kms.dir}/away")
        verdict = kms.verify()
        assert findings(verdict) == [("missing", 1, begin, end if end > begin else None)], (name, verdict)
        assert verdict["Faults"][0]["File"] == f"{kms.audit_file}{after}", verdict
        if begin == 1:
            verdict = kms.verify("--first", str(end + 1))
            assert verdict["Whole"] and verdict["FirstSequence"] == end + 1, verdict
            assert not kms.verify("--first", str(end))["Whole"]
        os.rename(f"{kms.dir}/away", f"{kms.audit_file}{name}")
    assert kms.verify()["Whole"]
    os.rename(kms.audit_file, f"{kms.dir}/away")
    verdict = kms.verify()
    assert findings(verdict) == [("cut", 3, LAST + 7, LAST + 10)] and verdict["Faults"][0]["File"].endswith(names[3]), verdict
    os.rename(f"{kms.dir}/away", kms.audit_file)
    # A change in a compressed file, and a compressed file that is damaged.
    path = f"{kms.audit_file}{names[0]}.gz"
    with gzip.open(path, "rb") as f:
        lines = f.read().splitlines(keepends=True)
    packed = open(path, "rb").read()
    with gzip.open(path, "wb") as f:
        f.write(b"".join([*lines[:2], lines[2].replace(b"kms.", b"kmz."), *lines[3:]]))
    verdict = kms.verify()
    assert findings(verdict) == [("changed", 3, 3, None)] and verdict["Faults"][0]["File"] == path, verdict
    with open(path, "wb") as f:
        f.write(packed[:-20])
    verdict = kms.verify()
    assert not verdict["Whole"] and ("unreadable" in [f["Kind"] for f in verdict["Faults"]]), verdict


@test("lines of an older version have no chain: verify says where the chain begins, and stripping it off is found")
def _():
    kms.reseal(lambda head: head.pop("EventSequence"))
    begin_again()
    older = [line[:line.index(b',"chain":')] + b"}\n" for line in WHOLE]
    write(older)
    for slot in CHAIN_HEADS:
        with open(kms.counter, "r+b") as f:
            f.seek(slot)
            f.write(bytes(200))
    kms.start()
    kms.good("ListKeys")
    kms.good("ListAliases")
    kms.stop()
    lines = read()
    assert lines[:LAST] == older and places(lines[LAST:]) == [1, 2], lines[LAST:]
    verdict = kms.verify()
    assert verdict["Whole"] and findings(verdict, "Notes") == [("unchained", LAST, None, None)], verdict
    assert verdict["Records"] == 2
    stripped = lines[LAST][:lines[LAST].index(b',"chain":')] + b"}\n"
    assert found([*older, stripped, lines[-1]]) == [("missing", LAST + 2, 1, None)]
    write(lines)
    # The older file is moved away before the upgrade.
    rotate("-20261101")
    write(lines[LAST:])
    write(older, f"{kms.audit_file}-20261101")
    assert kms.verify()["Whole"]


@test("half a line of a full disk is no fault, and what is put in its place is no record")
def _():
    begin_again()
    kms.start()
    kms.good("ListKeys")
    limits = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    for left in 50, 60:
        resource.prlimit(kms.process.pid, resource.RLIMIT_FSIZE, (os.stat(kms.audit_file).st_size + left, limits[1]))
        kms.bad("KMSInternalException", "ListKeys")
    resource.prlimit(kms.process.pid, resource.RLIMIT_FSIZE, limits)
    kms.good("ListAliases")
    kms.stop()
    lines = read()
    assert len(lines) == LAST + 5 and json.loads(lines[-2])["chain"]["torn"] == sum(len(line) for line in lines[LAST + 1:LAST + 3]) - 1
    verdict = kms.verify()
    assert verdict["Whole"] and findings(verdict, "Notes") == [("torn", LAST + 2, None, None), ("torn", LAST + 3, None, None)], verdict
    assert found([*lines[:LAST + 1], b'{"eventName":"CreateKey"}\n', *lines[LAST + 1:]]) == [("inserted", LAST + 2, None, None)]
    assert all(found([*lines[:LAST + 3], more, *lines[LAST + 3:]])[0][:2] == ("inserted", LAST + 2) for more in (b"{}\n", b"{x\n"))


@test("a cut end stays found when the KMS goes on, and the KMS records it")
def _():
    begin_again()
    write(WHOLE[:-3])
    kms.start()
    kms.good("ListKeys")
    kms.stop()
    lines = read()
    event = json.loads(lines[LAST - 3])
    assert event["eventName"] == "AuditTrailCut" and event["eventType"] == "AwsServiceEvent", event
    assert event["serviceEventDetails"] == {"lastSequence": LAST - 3, "expectedSequence": LAST}, event
    assert "Records were cut off" in kms.stderr()
    assert findings(kms.verify()) == [("missing", LAST - 2, LAST - 2, LAST)]
    # Numbers of the missing records are not used again.
    assert places(lines[LAST - 3:]) == [LAST + 1, LAST + 2]


@test("records that a power cut took before they were on the disk were not cut off")
def _():
    begin_again()
    *word, sequence, _synced, tag, boot = head()[1]
    # Three refusals, which nobody waits for, were not on the disk. Another boot.
    for other, synced, kind in ("1" * 32, LAST - 3, "lost"), ("1" * 32, LAST - 2, "cut"), (boot, LAST - 3, "cut"):
        write(WHOLE[:-3])
        write_head([*word, sequence, str(synced), tag, other])
        verdict = kms.verify()
        assert findings(verdict, "Notes" if kind == "lost" else "Faults") == [(kind, LAST - 3, LAST - 2, LAST)], (kind, verdict)
        kms.start()
        kms.good("ListKeys")
        kms.stop()
        event, verdict = json.loads(read()[LAST - 3]), kms.verify()
        if kind == "lost":
            assert event["eventName"] == "AuditTrailGap" and event["serviceEventDetails"]["recordsMissing"] == 3, event
            assert verdict["Whole"] and findings(verdict, "Notes") == [("lost", LAST - 2, LAST - 2, LAST)], verdict
        else:
            assert event["eventName"] == "AuditTrailCut", event
            assert findings(verdict) == [("missing", LAST - 2, LAST - 2, LAST)], verdict
    # The host went down before the head was on the disk: the trail is ahead.
    begin_again()
    write_head([*word, str(LAST - 2), str(LAST - 3), json.loads(WHOLE[-3])["chain"]["tag"], "1" * 32])
    assert kms.verify()["Whole"]
    kms.start()
    kms.good("ListKeys")
    kms.stop()
    assert kms.verify()["Whole"] and places(read()) == list(range(1, LAST + 2))


@test("what a client does not wait for is on the disk with the first record of a file, and the head knows it")
def _():
    begin_again()
    kms.start()
    kms.good("ListKeys")
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
    words = head()[1]
    assert words[2:4] == [str(LAST + 2), str(LAST + 1)], words
    rotate(".1")
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
    words = head()[1]
    assert words[2:4] == [str(LAST + 3)] * 2, words
    kms.stop()


@test("a lost head needs an administrator, and verify shows that a new chain begins")
def _():
    begin_again()
    os.rename(kms.counter, f"{kms.dir}/counter")
    verdict = kms.verify()
    assert findings(verdict) == [("no-head", None, None, None)], verdict
    status, said = kms.run()
    assert status == 2 and "is lost" in said, (status, said)
    begun = [json.loads(line) for line in read()][LAST:]
    assert [r["eventName"] for r in begun] == ["AuditChainBegun"], begun
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()
    kms.good("ListKeys")
    kms.stop()
    verdict = kms.verify()
    assert [f[:2] for f in findings(verdict)] == [("begun-anew", LAST + 1)], verdict
    places_now = places(read()[LAST:])
    assert places_now == list(range(places_now[0], places_now[0] + len(places_now))) and places_now[0] > 1 << 40
    # An administrator who knows of it names the first record of the new chain.
    assert kms.verify("--first", str(places_now[0]))["Whole"] and not kms.verify("--first", str(places_now[0] + 1))["Whole"]
    # The former counter is an old one: it is refused, and so is its head.
    os.unlink(kms.counter)
    os.rename(f"{kms.dir}/counter", kms.counter)


@test("a new counter of the key store leaves the head of the trail")
def _():
    begin_again()
    with open(kms.counter, "r+b") as f:
        f.write(bytes(8192))
    assert kms.run()[0] == 2
    assert kms.run("--accept-rollback")[0] == 0
    verdict = kms.verify()
    assert verdict["Whole"] and read()[:LAST] == WHOLE and verdict["LastSequence"] > LAST, verdict


@test("verify while the KMS serves and files are moved: never a fault, and no call is held up")
def _():
    begin_again()
    kms.start()
    stop = threading.Event()

    def make_records():
        n = 0
        while not stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                kms.good("ListKeys")
                n += 1
                if n % 9 == 0:
                    rotate(f"-{time.time_ns()}")

    thread = threading.Thread(target=make_records)
    thread.start()
    try:
        for _i in range(8):
            seen = len(os.listdir(kms.dir))
            verdict = kms.verify()
            assert verdict["Whole"] and verdict["LastSequence"] >= verdict["HeadSequence"], verdict
            wait_for(lambda seen=seen: len(os.listdir(kms.dir)) > seen, step=0.02)
    finally:
        stop.set()
        thread.join()
    kms.stop()
    assert kms.verify()["Files"] >= 8


def memory_of_verify(records):
    """Of a whole trail with so many RECORDS: (KiB, seconds)."""
    # A small parent: a child's figure begins with that of its parent.
    measure = "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]).returncode; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r)"
    # AddressSanitizer keeps what is freed.
    options = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"}
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", measure, kms.program, "audit", "verify", *kms.arguments()[1:]],
                          stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **options})
    assert done.returncode == 0 and f"of {records} records" in done.stdout, done.stdout
    return int(done.stdout.split()[-1]), time.monotonic() - begin


@test("a large trail is read in little memory")
def _():
    begin_again()
    lines, previous, key = [], "0" * 32, hmac.new(chain_key(root_key()), digestmod=hashlib.sha256)
    record = WHOLE[1][:WHOLE[1].index(b',"chain":')].decode()
    for sequence in range(1, 100001):
        text = f'{record},"chain":{{"sequence":{sequence},"previous":"{previous}"'
        tag = key.copy()
        tag.update(text.encode())
        previous = tag.hexdigest()[:32]
        lines.append(f'{text},"tag":"{previous}"}}}}\n'.encode())
    small, _taken = memory_of_verify(LAST)
    write(lines)
    write_head(["audit", "head", "100000", "100000", previous, "1" * 32])
    large, taken = memory_of_verify(100000)
    assert large < small + 8192, (small, large)
    begin = time.monotonic()
    subprocess.run(["sha256sum", kms.audit_file], check=True, stdout=subprocess.DEVNULL)
    tap.comment(f"100,000 records of {len(lines[0])} bytes: verify {taken:.2f} s, sha256sum {time.monotonic() - begin:.2f} s, {large} KiB")


kms.close()
sys.exit(tap.finish())
