# SPDX-License-Identifier: MIT
#
# envelope-kms is killed before each write of a change, and of the start after it. Each record of a change
# that the key store does not have is marked at the next start, and no change is without a record.

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kms_daemon import ACCOUNT, Kms
from tap import Tap
from wait import wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test
os.environ["ENVELOPE_STAND_IN"] = kms.dir
KILL_AT = f"{kms.dir}/kill-at"
MOMENTS_MAX = 200


def kill_at(moment):
    with open(f"{KILL_AT}.new", "w", encoding="ascii") as f:
        f.write(str(moment))
    os.rename(f"{KILL_AT}.new", KILL_AT)


def kill_no_more():
    with contextlib.suppress(FileNotFoundError):
        os.unlink(KILL_AT)


def is_dead():
    return kms.process.poll() is not None


def start_again():
    """The moment may have come when the KMS served already, in a write of its event loop."""
    kms.stop()
    kms.start()


def try_to(operation, params):
    """Whether the call was answered; the KMS may be killed in it."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        reply = kms.call(operation, params)
        assert reply.status == 200, reply.text
        return True
    wait_for(is_dead, step=0.01)
    return False


def records():
    """Records of changes that the trail has, and the event ids that it marks as undone."""
    made, marked = [], []
    for record in kms.audit():
        if record["eventName"] == "ChangeUndone":
            marked.append(record["serviceEventDetails"]["undoneEventID"])
        elif not record["readOnly"] and "errorCode" not in record:
            made.append(record)
    return made, marked


def kill_in_each_moment(change, state, tells, prepare=lambda moment: None, once=False):
    """
    CHANGE makes a change, and is killed before its first write, its second, and so on until it ends alive.
    STATE is what the key store has. TELLS says whether a record is one of the change. ONCE: a change that
    was kept cannot be made again, so it is the last one.
    """
    kills = undone = 0
    for moment in range(1, MOMENTS_MAX):
        prepare(moment)
        before, (old, old_marks) = state(), records()
        kill_at(moment)
        answered = change(moment)
        killed = is_dead()
        kill_no_more()
        if killed:
            kms.start()
        made, marks = records()
        told = [r for r in made[len(old):] if tells(r)]
        new_marks = marks[len(old_marks):]
        kept = [r for r in told if r["eventID"] not in new_marks]
        changed = state() != before
        assert len(told) <= 1 and len(new_marks) <= 1, (moment, told, new_marks)
        assert changed == bool(kept), f"moment {moment}: changed {changed}, told {told}, marked {new_marks}"
        assert set(new_marks) <= {r["eventID"] for r in told}, (moment, new_marks)
        assert changed or not answered or not killed, f"moment {moment}: what was answered is gone"
        assert kms.verify()["Whole"], kms.verify()
        kills += killed
        undone += len(new_marks)
        if not killed or (changed and once):
            assert changed
            assert kills > 3 and undone > 0, (kills, undone)
            return kills, undone
    raise AssertionError(f"{MOMENTS_MAX} moments are not enough")


def keys():
    found, marker = {}, None
    while True:
        page = kms.good("ListKeys", {"Limit": 1000, **({"Marker": marker} if marker else {})})
        for key in page["Keys"]:
            found[key["KeyId"]] = kms.good("DescribeKey", {"KeyId": key["KeyId"]})["KeyMetadata"]["KeyState"]
        marker = page.get("NextMarker")
        if not marker:
            return found


def of_call(name):
    return lambda record: record["eventName"] == name and record["eventType"] == "AwsApiCall"


kms.start()


@test("CreateKey, killed before each of its writes: each record without its key is marked, and each key has a record")
def _():
    kills, undone = kill_in_each_moment(lambda _moment: try_to("CreateKey", {}), keys, of_call("CreateKey"))
    tap.comment(f"{kills} kills, {undone} changes undone")


@test("DisableKey, CreateAlias and CreateGrant, killed before each of their writes")
def _():
    key = kms.new_key()["KeyId"]
    grant = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/enveloped", "Operations": ["Decrypt"]}
    kill_in_each_moment(lambda moment: try_to("CreateAlias", {"AliasName": f"alias/killed{moment}", "TargetKeyId": key}),
                        lambda: kms.good("ListAliases")["Aliases"], of_call("CreateAlias"))
    kill_in_each_moment(lambda _moment: try_to("CreateGrant", grant), lambda: kms.good("ListGrants", {"KeyId": key})["Grants"], of_call("CreateGrant"))
    kill_in_each_moment(lambda _moment: try_to("DisableKey", {"KeyId": key}), lambda: keys()[key], of_call("DisableKey"),
                        prepare=lambda _moment: kms.good("EnableKey", {"KeyId": key}))


@test("the first use of a default key, killed before each of its writes")
def _():
    def state():
        with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM keys").fetchone()

    kill_in_each_moment(lambda _moment: try_to("DescribeKey", {"KeyId": "alias/aws/dms"}), state, once=True,
                        tells=lambda record: record["eventName"] == "CreateKey" and record["eventType"] == "AwsServiceEvent")


def pass_time(seconds):
    """Moves the clock of waiting periods, sealed as the KMS seals it. The KMS must be stopped."""
    with open(kms.root_key, "rb") as f:
        root = AESGCM(f.read())
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        record = json.loads(db.execute("SELECT record FROM store").fetchone()[0])
        record["Clock"] += seconds
        text, nonce = json.dumps(record), os.urandom(12)
        db.execute("UPDATE store SET record = ?, seal = ?", (text, nonce + root.encrypt(nonce, b"", text.encode())))
    assert kms.run("--accept-rollback")[0] == 0


@test("the end of a waiting period, killed before each of its writes")
def _():
    doomed = kms.new_key()["KeyId"]
    kms.good("ScheduleKeyDeletion", {"KeyId": doomed, "PendingWindowInDays": 7})
    assert kms.stop() == 0
    pass_time(8 * 86400)
    kills = undone = 0

    def deletions():
        made, marks = records()
        return [r["eventID"] for r in made if r["eventName"] == "DeleteKey"], marks

    def exists():
        with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM keys WHERE key_id = ?", (doomed,)).fetchone() == (1,)

    # The start itself writes: the moments of the deletion come behind those.
    for moment in range(1, MOMENTS_MAX):
        told, marks = deletions()
        kill_at(moment)
        with contextlib.suppress(AssertionError):
            kms.start()
        wait_for(lambda: is_dead() or not exists(), step=0.01)
        kill_no_more()
        if is_dead():
            kills += 1
            after, _marks = deletions()
            gone = not exists()
            if gone:
                kms.start()
                break
            # A start that cannot get to the deletion marks what is undone: it is killed at its first record after that.
            undone += len(after) - len(told)
            continue
        break
    start_again()
    told, marks = deletions()
    assert not exists() and len([r for r in told if r not in marks]) == 1, (told, marks)
    assert set(told) - set(marks) == {told[-1]} and len(marks) == len(set(marks)), (told, marks)
    tap.comment(f"{kills} kills, {undone} deletions undone")
    assert kills > 3 and undone > 0 and kms.verify()["Whole"]


@test("a start that is killed before each of its writes marks an undone change all the same, once")
def _():
    # Killed right after its record: the moment before the key store writes.
    marks = records()[1]
    for moment in range(1, MOMENTS_MAX):
        kill_at(moment)
        assert not try_to("CreateKey", {}), "no moment leaves a record without its key"
        kill_no_more()
        made = records()[0]
        lost = made[-1]["responseElements"]["keyMetadata"]["keyId"] if made[-1]["eventName"] == "CreateKey" else ""
        if lost and made[-1]["eventID"] not in records()[1]:
            for at in range(1, MOMENTS_MAX):
                kill_at(at)
                with contextlib.suppress(AssertionError):
                    kms.start()
                kill_no_more()
                if not is_dead():
                    break
            assert at > 3
            start_again()
            break
        kms.start()
    new = records()[1][len(marks):]
    assert new[-1:] == [made[-1]["eventID"]] and len(new) == len(set(new)), new
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": lost})
    assert kms.verify()["Whole"]


def kill_behind_a_record():
    """Leaves a record of a key that does not exist. Returns the record."""
    for moment in range(1, MOMENTS_MAX):
        kms.new_key()
        kill_at(moment)
        assert not try_to("CreateKey", {}), "no moment leaves a record without its key"
        kill_no_more()
        last = kms.audit()[-1]
        with sqlite3.connect(f"file:{kms.state}/kms.sqlite?mode=ro", uri=True) as db:
            head = json.loads(db.execute("SELECT record FROM store").fetchone()[0])
        if last["eventID"] != head["Event"]:
            return last
        kms.start()
    raise AssertionError("no moment leaves a record without its key")


@test("a record that was moved away before the start is compared with the key store, too")
def _():
    for ending in "-20261101", "-20261102.gz":
        last = kill_behind_a_record()
        moved = f"{kms.audit_file}{ending.removesuffix('.gz')}"
        os.rename(kms.audit_file, moved)
        if ending.endswith(".gz"):
            subprocess.run(["gzip", moved], check=True)
        kms.start()
        marked = records()[1]
        assert marked == [last["eventID"]], (ending, marked)
        # The kill kept the record from the head: its number is not used again.
        assert kms.verify()["Whole"], kms.verify()


@test("a restore that is killed before each of its writes ends with the next one, and nothing half-made is served")
def _():
    copy = f"{kms.dir}/copy.sqlite"
    key = kms.new_key()["KeyId"]
    assert kms.admin("store", "backup", "--file", copy)[0] == 0
    kms.good("DisableKey", {"KeyId": key})
    assert kms.stop() == 0
    killed = 0
    for moment in range(1, MOMENTS_MAX):
        kill_at(moment)
        status = kms.admin("store", "restore", "--file", copy, "--accept-rollback")[0]
        kill_no_more()
        if status == 0:
            break
        assert status == -signal.SIGKILL, status
        killed += 1
        # Either as before, or refused, or restored.
        if kms.admin("store", "restore", "--file", copy)[0] == 0:
            break
        status, said = kms.run("--init")  # the unit does that first
        assert status == 0, (moment, said)
    assert killed > 10, killed
    assert kms.admin("store", "restore", "--file", copy, "--accept-rollback")[0] == 0
    kms.start()
    assert kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.verify()["Whole"]


@test("records of starts that failed do not hide one of a change that was undone")
def _():
    last = kill_behind_a_record()
    os.unlink(f"{kms.state}-counter/kms.counter")
    assert kms.run()[0] == 2 and kms.audit()[-1]["eventName"] == "AuditChainBegun"
    assert kms.run("--accept-rollback")[0] == 0
    kms.start()
    marks = records()[1]
    assert marks.count(last["eventID"]) == 1 and marks[-1] == last["eventID"], marks


@test("SIGTERM ends it with status 0, and nothing is wrong with its memory")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
