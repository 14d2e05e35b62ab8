# SPDX-License-Identifier: MIT
#
# envelope-copy: what it copies, what it refuses, and how it goes on after a kill at each of its steps. The
# program has a stand-in for the moments alone (tests/unit/copy_moment.c); the copy is real, from file to file.

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from tap import Tap
from wait import wait_for

PROGRAM = os.path.abspath(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

PIECE = 512 * 1024
SIZE = 40 * PIECE
SMALL_PIECES = 320  # more than all lanes have under way
MOMENTS_MAX = 400
INTERRUPTED, REFUSED, FAULT, DISK = 8, 2, 1, 7

folder = tempfile.mkdtemp(prefix="envelope-copy-")
os.chmod(folder, 0o755)  # the program is nobody soon, and looks for the words of the test
os.environ["ENVELOPE_STAND_IN"] = folder


def at(name):
    return f"{folder}/{name}"


def word(name, text="1"):
    with open(at(f"{name}.new"), "w", encoding="ascii") as f:
        f.write(str(text))
    os.rename(at(f"{name}.new"), at(name))


def no_words():
    for name in ("kill-at", "hold-at", "notes", "sync-fails"):
        if os.path.exists(at(name)):
            os.unlink(at(name))


def fresh(size=SIZE):
    """A source with other bytes in each sector, an empty destination, no state."""
    no_words()
    for name in ("state", "ranges", "destination"):
        if os.path.exists(at(name)):
            os.unlink(at(name))
    with open(at("source"), "wb") as f:
        f.write(os.urandom(size))
    with open(at("destination"), "wb") as f:
        f.truncate(size)


def read(name):
    with open(at(name), "rb") as f:
        return f.read()


def small_pieces():
    """The option that makes the copy of everything one of many pieces."""
    size = SIZE // SMALL_PIECES
    with open(at("ranges"), "w", encoding="ascii") as f:
        f.write("".join(f"{n * size} {size}\n" for n in range(SMALL_PIECES)))
    return "--ranges", at("ranges")


def arguments(*options, source="source", destination="destination"):
    return [PROGRAM, "--state", at("state"), *options, at(source), at(destination)]


def run(*options, **sides):
    return subprocess.run(arguments(*options, **sides), capture_output=True, text=True, check=False)


def start(*options):
    return subprocess.Popen(arguments(*options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def succeeds(*options, **sides):
    done = run(*options, **sides)
    assert done.returncode == 0, done
    return done


def refused(code, status, *options, source="source", destination="destination"):
    """The copy is refused, and nothing was written."""
    before = read(destination) if os.path.isfile(at(destination)) else None
    done = run(*options, source=source, destination=destination)
    assert done.returncode == status, done
    assert code in done.stderr, done.stderr
    if before is not None:
        assert read(destination) == before
    return done.stderr


def position():
    """Of the newest note, and its phase."""
    state = read("state")
    slots = [state[:512], state[512:]]
    newest = max(slots, key=lambda slot: int.from_bytes(slot[8:16], "little"))
    return int.from_bytes(newest[16:24], "little"), int.from_bytes(newest[24:32], "little")


@test("the destination becomes the source")
def whole():
    fresh()
    done = succeeds()
    assert read("destination") == read("source")
    assert done.stdout.splitlines()[-1].startswith("verify: 20 of 20 MiB"), done.stdout
    assert position()[1] == 2


@test("a copy that is complete is not made again")
def once():
    fresh()
    succeeds()
    with open(at("destination"), "r+b") as f:
        f.write(b"written since")
    assert "already" in succeeds().stdout
    assert read("destination").startswith(b"written since")


@test("the state has not a byte of the data")
def no_data():
    fresh()
    row = b"a known row of the table orders "
    with open(at("source"), "wb") as f:
        f.write(row * (SIZE // len(row)))
    succeeds()
    assert row[:8] not in read("state")
    assert read("destination").count(row) == SIZE // len(row)


@test("only the ranges are copied")
def ranges():
    fresh()
    with open(at("ranges"), "w", encoding="ascii") as f:
        f.write("512 1024\n1048576 3145728\n20970496 1024\n")
    succeeds("--ranges", at("ranges"))
    source, destination = read("source"), read("destination")
    expected = bytearray(SIZE)
    for begin, length in ((512, 1024), (1048576, 3145728), (20970496, 1024)):
        expected[begin:begin + length] = source[begin:begin + length]
    assert destination == bytes(expected)


@test("progress is a line of JSON for programs")
def progress():
    fresh()
    lines = [json.loads(line) for line in succeeds("--json").stdout.splitlines()]
    phases = [line["Phase"] for line in lines]
    assert phases == sorted(phases) and set(phases) == {"copy", "verify"}, phases
    assert lines[-1]["Bytes"] == lines[-1]["TotalBytes"] == SIZE
    assert lines[-1]["SecondsLeft"] == 0


@test("what cannot be copied is refused, and nothing is written")
def refusals():
    fresh()
    refused("same device", REFUSED, destination="source")
    refused("No such file", REFUSED, source="none")
    refused("no block device", REFUSED, source=".")
    os.mkfifo(at("pipe"))
    refused("no block device", REFUSED, source="pipe")
    refused("cannot be read", REFUSED, "--ranges", at("none"))
    with open(at("ranges"), "w", encoding="ascii") as f:
        f.write("512 512\n0 512\n")
    refused(f"{at('ranges')}:2", REFUSED, "--ranges", at("ranges"))
    with open(at("short"), "wb") as f:
        f.truncate(SIZE - 512)
    refused(f"has {SIZE - 512} bytes, and the copy needs {SIZE}", REFUSED, destination="short")
    assert not os.path.exists(at("state"))


@test("a destination that holds a file system is refused, unless --overwrite is given")
def not_empty():
    fresh()
    subprocess.run(["mkfs.ext4", "-q", at("destination")], check=True)
    assert "ext4" in refused("InvalidParameterValue", REFUSED)
    assert not os.path.exists(at("state"))
    succeeds("--overwrite")
    assert read("destination") == read("source")


@test("a copy of a file system that was killed is no foreign one")
def own_file_system():
    fresh()
    subprocess.run(["mkfs.ext4", "-q", "-F", at("source")], check=True)
    word("kill-at", 6)
    assert run().returncode == -signal.SIGKILL
    no_words()
    with open(at("destination"), "r+b") as f:
        f.write(read("source")[:65536])
    succeeds()
    assert read("destination") == read("source")


@test("the state of another copy is refused")
def another():
    fresh()
    succeeds("--identity", "snapshot-1")
    with open(at("destination"), "wb") as f:
        f.truncate(SIZE)
    refused("another copy", REFUSED, "--identity", "snapshot-2")
    refused("another copy", REFUSED)
    shutil.copy(at("source"), at("source-2"))
    refused("another copy", REFUSED, "--identity", "snapshot-1", source="source-2")


@test("after a kill at any step, all below the noted position is copied, and the copy goes on")
def killed():
    copied, compared = set(), set()
    for moment in range(1, MOMENTS_MAX, 3):
        fresh()
        options = small_pieces()
        word("notes")
        word("kill-at", moment)
        done = run(*options)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done
        no_words()
        if os.path.exists(at("state")):
            noted, phase = position()
            (compared if phase else copied).add(noted)
            whole_to = noted if phase == 0 else SIZE
            assert read("destination")[:whole_to] == read("source")[:whole_to], (noted, phase)
        succeeds(*options)
        assert read("destination") == read("source"), moment
    else:
        raise AssertionError(f"no end after {MOMENTS_MAX} steps")
    assert len(copied) > 2 and len(compared) > 2, (copied, compared)


def kill_in_verification():
    """Killed while it compares, before it has compared all."""
    for moment in range(10, MOMENTS_MAX, 5):
        fresh()
        word("kill-at", moment)
        run()
        no_words()
        if position()[1] == 1 and position()[0] < SIZE // 2:
            return
    raise AssertionError("no moment is in the verification")


@test("a byte of the destination that differs is found")
def differs():
    kill_in_verification()
    with open(at("destination"), "r+b") as f:
        f.seek(SIZE - 1)
        f.write(bytes([read("source")[-1] ^ 1]))
    done = run()
    assert done.returncode == DISK, done
    assert f"differs from {at('source')} between bytes {SIZE - PIECE // 2} and {SIZE}" in done.stderr, done.stderr
    assert run().returncode == DISK
    assert position()[1] == 1


@test("SIGTERM ends the copy, which goes on later")
def interrupted():
    fresh()
    options = small_pieces()
    word("hold-at", 3)
    copy = start("--json", *options)
    wait_for(lambda: json.loads(copy.stdout.readline())["Bytes"] >= 0)
    copy.terminate()
    wait_for(lambda: os.path.exists(at("state")))
    no_words()
    errors = copy.communicate()[1]
    assert copy.returncode == INTERRUPTED, (copy.returncode, errors)
    assert "Run the same command again" in errors
    noted = position()
    assert noted[1] == 0 and 0 < noted[0] < SIZE, noted
    lines = [json.loads(line) for line in succeeds("--json", *options).stdout.splitlines()]
    assert lines[0]["Bytes"] > noted[0] and lines[0]["TotalBytes"] == SIZE, lines
    assert read("destination") == read("source")


@test("progress comes each second, also while a disk hangs")
def each_second():
    fresh()
    word("hold-at", 1)
    copy = start("--json")
    lines = [json.loads(copy.stdout.readline()) for _ in range(3)]
    assert all(line["Bytes"] == 0 and "SecondsLeft" not in line for line in lines), lines
    no_words()
    copy.communicate()
    assert copy.returncode == 0


@test("a second run of one copy is refused while the first one runs")
def twice():
    fresh()
    word("hold-at", 1)
    copy = start("--json")
    copy.stdout.readline()
    refused("in use", REFUSED)
    no_words()
    copy.communicate()
    assert copy.returncode == 0


def field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(line.split(":")[1].split() for line in f if line.startswith(f"{name}:"))


def locked_areas(pid):
    """Flags of each area of memory that is locked, and its KiB."""
    areas = []
    with open(f"/proc/{pid}/smaps", encoding="ascii") as f:
        for line in f:
            if line.startswith("Size:"):
                size = int(line.split()[1])
            elif line.startswith("VmFlags:") and "lo" in line.split():
                areas.append((size, line.split()[1:]))
    return areas


@test("the copied bytes are in locked memory that no core dump has, of a program without rights")
def confined():
    fresh()
    word("hold-at", 2)
    copy = start("--json")
    copy.stdout.readline()
    try:
        areas = [flags for size, flags in locked_areas(copy.pid) if size == 32 * 1024]
        assert len(areas) == 1 and "dd" in areas[0], locked_areas(copy.pid)
        if not os.geteuid():
            assert set(field(copy.pid, "Uid")) == {"65534"}, field(copy.pid, "Uid")
            assert set(field(copy.pid, "Gid")) == {"65534"}
            assert field(copy.pid, "Groups") == []
            assert field(copy.pid, "CapEff") == ["0000000000000000"]
        assert field(copy.pid, "NoNewPrivs") == ["1"]
        assert os.stat(f"/proc/{copy.pid}/maps").st_uid == 0, "not dumpable: /proc belongs to root"
    finally:
        no_words()
        copy.communicate()
    assert copy.returncode == 0


@test("what cannot be synced is not noted")
def no_sync():
    fresh()
    word("sync-fails")
    done = run()
    assert done.returncode == FAULT and "cannot be synced" in done.stderr, done
    assert position() == (0, 0)
    no_words()
    succeeds()
    assert read("destination") == read("source")


@test("ranges that change during the copy are noticed")
def other_ranges():
    fresh()
    with open(at("ranges"), "w", encoding="ascii") as f:
        f.write("".join(f"{begin} {PIECE}\n" for begin in range(0, SIZE, 2 * PIECE)))
    word("hold-at", 1)
    copy = start("--json", "--ranges", at("ranges"))
    copy.stdout.readline()
    copy.kill()
    copy.communicate()
    no_words()
    with open(at("ranges"), "a", encoding="ascii") as f:
        f.write(f"{SIZE - PIECE} {PIECE}\n")
    refused("another copy", REFUSED, "--ranges", at("ranges"))


shutil.rmtree(folder)
sys.exit(tap.finish())
