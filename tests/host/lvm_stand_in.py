#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# A stand-in for lvm(8) on a host without device mapper: the commands that agent/volume/lvm.c runs, with
# their words as LVM takes them. tests/integration/agent-pools has the real LVM. It lies in a folder with
#
#	state.json	volume groups: free bytes, and volumes; the test may change it
#	dev/		the nodes of the volumes, which are loop devices
#	disks		path of the file that names the disks of the host
#	commands	a line for each command that has begun, and for each change that has ended
#	kill		"N before" or "N after": the agent and the command are killed then, at the Nth
#			change since this file exists
#	hang		while this file exists, changes wait
#	suspended	"NAME": the devices that were suspended while a snapshot was made, a line for each snapshot
#
# An unknown word is an error: the agent and LVM must agree.

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid

FOLDER = os.path.dirname(os.path.abspath(sys.argv[0]))
EXTENT = 4 << 20
FIELDS = ("lv_uuid", "lv_name", "lv_path", "segtype", "lv_tags", "pool_lv_uuid", "lv_health_status", "lv_size",
          "data_percent", "metadata_percent")


def place(*name):
    return os.path.join(FOLDER, *name)


def load():
    with open(place("state.json"), encoding="utf-8") as f:
        return json.load(f)


def save(state):
    with open(place("state.json.new"), "w", encoding="utf-8") as f:
        json.dump(state, f)
    os.rename(place("state.json.new"), place("state.json"))


def fail(text):
    print(f"  {text}", file=sys.stderr)
    sys.exit(5)


def options(words, with_value, without):
    """(options, the rest) of a command line."""
    found, rest, words = [], [], list(words)
    while words:
        word = words.pop(0)
        if word in with_value:
            found.append((word, words.pop(0)))
        elif word in without:
            found.append((word, None))
        elif word.startswith("-"):
            fail(f"Command does not accept option: {word}.")
        else:
            rest.append(word)
    return found, rest


def group_of(state, name):
    if name not in state["groups"]:
        fail(f'Volume group "{name}" not found')
    return state["groups"][name]


def number(text):
    if not re.fullmatch("[0-9]+b", text):
        fail(f"Invalid argument {text}")
    return (int(text[:-1]) + EXTENT - 1) // EXTENT * EXTENT


def report(kind, rows):
    print(json.dumps({"report": [{kind: rows}]}))


def vgs(state, words):
    if "--devicesfile" in words:  # without the file that hides the disks of some groups
        assert words[:-1] == ["--devicesfile", "", "--reportformat", "json", "-o", "pv_name"], words
        group_of({"groups": {**state["groups"], **state.get("unlisted", {})}}, words[-1])
        report("vg", [{"pv_name": "/dev/sdz"}])
        return
    (*_, fields), rest = options(words, ("--reportformat", "--units", "-o"), ("--nosuffix",))
    assert fields[1] == "vg_free,vg_extent_size"
    group = group_of(state, rest[0])
    report("vg", [{"vg_free": str(group["free"]), "vg_extent_size": str(EXTENT)}])


def lvs(state, words):
    if "--select" in words:
        assert words == ["--reportformat", "json", "-o", "vg_name", "--select", 'lv_tags={"dm-envelope"}'], words
        report("lv", [{"vg_name": name} for name, group in state["groups"].items()
                      for lv in group["volumes"] if "dm-envelope" in lv["lv_tags"].split(",")])
        return
    (*_, fields), rest = options(words, ("--reportformat", "--units", "-o"), ("--nosuffix",))
    assert tuple(fields[1].split(",")) == FIELDS
    group = group_of(state, rest[0])
    report("lv", [{**{field: "" for field in FIELDS}, **{k: str(v) for k, v in lv.items()}} for lv in group["volumes"]])


def kernel_place(name):
    """A file of tests/unit/kernel_stand_in.c."""
    with open(place("disks"), encoding="utf-8") as f:
        return os.path.join(os.path.dirname(f.read().strip()), name)


def mapped_name(path):
    *_, group, name = path.split("/")
    return f"{group.replace('-', '--')}-{name.replace('-', '--')}"


def attach(path, size, source=None):
    image = f"{path}.img"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if source:
        os.rename(source, image)
    else:
        with open(image, "wb") as f:
            f.truncate(size)
    device = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True, check=True).stdout.strip()
    os.symlink(device, path)
    with open(kernel_place("dm-names"), "a", encoding="utf-8") as f:
        f.write(f"{os.path.basename(device)} {mapped_name(path)}\n")
    with open(place("disks"), encoding="utf-8") as f:
        disks = f.read().strip()
    with open(disks, "a", encoding="utf-8") as f:
        f.write(f"{device}\n")


def detach(path):
    if not os.path.islink(path):
        os.unlink(f"{path}.img")  # a snapshot, which is not active
        return
    device = os.readlink(path)
    with open(kernel_place("dm-names"), encoding="utf-8") as f:
        lines = [line for line in f if line.split()[0] != os.path.basename(device)]
    with open(kernel_place("dm-names"), "w", encoding="utf-8") as f:
        f.writelines(lines)
    subprocess.run(["losetup", "-d", device], check=True)
    os.unlink(path)
    os.unlink(f"{path}.img")
    with open(place("disks"), encoding="utf-8") as f:
        disks = f.read().strip()
    with open(disks, encoding="utf-8") as f:
        lines = [line for line in f if line.strip() != device]
    with open(disks, "w", encoding="utf-8") as f:
        f.writelines(lines)


def copied(origin, path):
    """The blocks of a volume as they are now, in a file for `path`."""
    if os.path.islink(origin["lv_path"]):
        with open(origin["lv_path"], "r+b") as f:
            os.fsync(f.fileno())
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["cp", "--sparse=always", f"{origin['lv_path']}.img", f"{path}.new"], check=True)
    return f"{path}.new"


def snapshot(state, words):
    found, rest = options(words, ("--setactivationskip", "--name", "--addtag", "--config"), ("--yes", "--snapshot"))
    named = dict(found)
    assert named["--config"] == "devices/ignore_suspended_devices=1"
    group_name, origin_name = rest[0].split("/")
    group = group_of(state, group_name)
    origin = [lv for lv in group["volumes"] if lv["lv_name"] == origin_name]
    if not origin:
        fail(f"Failed to find logical volume {rest[0]}")
    name = named["--name"]
    if any(lv["lv_name"] == name for lv in group["volumes"]):
        fail(f'Logical Volume "{name}" already exists in volume group "{group_name}"')
    path = place("dev", group_name, name)
    held = kernel_place("suspended")
    with open(place("suspended"), "a", encoding="utf-8") as f:
        f.write(f"{' '.join(os.listdir(held)) if os.path.isdir(held) else ''}\n")
    new = {"lv_uuid": str(uuid.uuid4())[:32].ljust(38, "x"), "lv_name": name, "lv_path": path, "segtype": "thin",
           "lv_tags": ",".join(sorted(value for option, value in found if option == "--addtag")),
           "lv_size": origin[0]["lv_size"], "pool_lv_uuid": origin[0]["pool_lv_uuid"], "data_percent": "0.00"}
    image = copied(origin[0], path)
    if named["--setactivationskip"] == "n":
        attach(path, new["lv_size"], image)
    else:
        os.rename(image, f"{path}.img")
    group["volumes"].append(new)
    save(state)


def lvcreate(state, words):
    if "--snapshot" in words:
        snapshot(state, words)
        return
    found, rest = options(words, ("--type", "--zero", "--name", "--size", "--extents", "--addtag", "--virtualsize",
                                  "--thinpool"), ("--yes",))
    named = dict(found)
    group = group_of(state, rest[0])
    name = named["--name"]
    if any(lv["lv_name"] == name for lv in group["volumes"]):
        fail(f'Logical Volume "{name}" already exists in volume group "{rest[0]}"')
    new = {"lv_uuid": str(uuid.uuid4())[:32].ljust(38, "x"), "lv_name": name, "lv_path": "", "segtype": named["--type"],
           "lv_tags": ",".join(sorted(value for option, value in found if option == "--addtag"))}
    if named["--type"] == "thin-pool":
        size = number(named["--size"]) if "--size" in named else group["free"] * 9 // 10 // EXTENT * EXTENT
        if size > group["free"]:
            fail(f'Volume group "{rest[0]}" has insufficient free space')
        group["free"] -= size
        new.update({"lv_size": size, "data_percent": "0.00", "metadata_percent": "10.00"})
    else:
        pool = [lv for lv in group["volumes"] if lv["lv_name"] == named["--thinpool"] and lv["segtype"] == "thin-pool"]
        if not pool:
            fail(f"Thin pool {named['--thinpool']} not found.")
        path = place("dev", rest[0], name)
        new.update({"lv_size": number(named["--virtualsize"]), "pool_lv_uuid": pool[0]["lv_uuid"], "lv_path": path,
                    "data_percent": "0.00"})
        attach(path, new["lv_size"])
    group["volumes"].append(new)
    save(state)


def lvextend(state, words):
    found, rest = options(words, ("--size",), ("--yes",))
    group_name, name = rest[0].split("/")
    group = group_of(state, group_name)
    volume = [lv for lv in group["volumes"] if lv["lv_name"] == name]
    if not volume:
        fail(f"Failed to find logical volume {rest[0]}")
    size = number(dict(found)["--size"])
    if size <= volume[0]["lv_size"]:
        fail("New size given is not larger than existing size.")
    if volume[0]["segtype"] == "thin-pool":
        if size - volume[0]["lv_size"] > group["free"]:
            fail("Insufficient free space")
        group["free"] -= size - volume[0]["lv_size"]
    else:
        with open(f"{volume[0]['lv_path']}.img", "r+b") as f:
            f.truncate(size)
        subprocess.run(["losetup", "-c", os.readlink(volume[0]["lv_path"])], check=True)
    volume[0]["lv_size"] = size
    save(state)


def lvremove(state, words):
    found, rest = options(words, ("--select",), ("--yes",))
    want = re.fullmatch(r'lv_uuid="([^"]+)" && lv_tags=\{"([^"]+)" && "([^"]+)"\}', dict(found)["--select"])
    assert want, found
    group = group_of(state, rest[0])
    for lv in list(group["volumes"]):
        if lv["lv_uuid"] != want[1] or not {want[2], want[3]} <= set(lv["lv_tags"].split(",")):
            continue
        for other in list(group["volumes"]):  # LVM removes the volumes of a pool with the pool
            if lv in (other, *[p for p in group["volumes"] if p["lv_uuid"] == other.get("pool_lv_uuid")]):
                if other["lv_path"]:
                    detach(other["lv_path"])
                else:
                    group["free"] += other["lv_size"]
                group["volumes"].remove(other)
    save(state)


def lvmconfig(state, words):
    assert words == ["--type", "full", "activation/thin_pool_autoextend_threshold"], words
    print(f"thin_pool_autoextend_threshold={state.get('threshold', 100)}")


def kill(moment, agent):
    """Kills the agent, if it is due. The counter lies in the file itself."""
    try:
        with open(place("kill"), encoding="utf-8") as f:
            at, when = f.read().split()
    except FileNotFoundError:
        return
    if when != moment:
        return
    if int(at) > 1:
        with open(place("kill"), "w", encoding="utf-8") as f:
            f.write(f"{int(at) - 1} {when}")
        return
    os.unlink(place("kill"))
    os.kill(agent, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


COMMANDS = {"vgs": vgs, "lvs": lvs, "lvcreate": lvcreate, "lvextend": lvextend, "lvremove": lvremove, "lvmconfig": lvmconfig}


def main():
    command, *words = sys.argv[1:]
    agent = os.getppid()
    changes = command in ("lvcreate", "lvextend", "lvremove")
    with open(place("commands"), "a", encoding="utf-8") as f:
        f.write(f"{' '.join(sys.argv[1:])}\n")
    if changes:
        kill("before", agent)
        while os.path.exists(place("hang")):
            time.sleep(0.05)
    COMMANDS[command](load(), words)
    if changes:
        with open(place("commands"), "a", encoding="utf-8") as f:
            f.write(f"ended {command}\n")
        kill("after", agent)


main()
