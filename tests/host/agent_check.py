# SPDX-License-Identifier: MIT
#
# `envelope check` on this host: what each check says is compared with what the test itself sees of the host, and
# each part is taken away or broken in turn. The kernel is real, so its checks may fail here: the integration case
# `services` has a host on which they pass.

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import platform
import socket
import subprocess
import threading

from agent_suite import agent, finish, one, test, three, two
from wait import PATIENCE

HOST = ["kernel", "driver", "keyring", "configuration", "agent", "clock", "kms", "state", "log"]
NOBODY = 65534
STA_UNSYNC = 0x40


def run(*words, user=None, socket_path=None, config=None):
    """`envelope check WORDS`, to its end."""
    environment = dict(os.environ, ENVELOPE_SOCKET=socket_path or f"{agent.dir}/agent.sock",
                       ENVELOPE_CONFIG=config or f"{agent.dir}/agent.conf")
    more = {"user": user, "group": user, "extra_groups": []} if user else {}
    if not any("--timeout" in word for word in words):
        words = (*words, "--timeout", str(PATIENCE))
    return subprocess.run([f"{agent.programs}/envelope", "check", *words], capture_output=True, text=True, check=False,
                          env=environment, **more)


def check(*words, **how):
    """The checks by name; those of disks by path. The exit status must be that of their results."""
    done = run(*words, "--output", "json", **how)
    assert done.stderr == "", done.stderr
    checks = json.loads(done.stdout)["Checks"]
    assert [c["Check"] for c in checks][:len(HOST)] == HOST, checks
    for c in checks:
        assert c["Status"] in ("ok", "warning", "failed", "skipped") and c["Found"], c
        assert (c["Status"] == "ok") == (c["Advice"] == ""), c
    failed = [c for c in checks if c["Status"] == "failed"]
    assert done.returncode == (7 if failed else 0), (done.returncode, failed)
    return {c.get("Device", c["Check"]): c for c in checks}


def disk(path, **how):
    return check("--device", path, **how)[path]


def expect(seen, status, *texts):
    """The check has this status, and its words contain the texts."""
    said = f"{seen['Found']} {seen['Advice']}"
    missing = [text for text in texts if text not in said]
    assert seen["Status"] == status and not missing, f"expected {status}, {missing or texts}, seen {seen}"


@contextlib.contextmanager
def configured(**changed):
    """A configuration that the agent does not read: the path."""
    agent.configure(**changed)
    path = f"{agent.dir}/other.conf"
    os.rename(f"{agent.dir}/agent.conf", path)
    agent.configure()
    try:
        yield path
    finally:
        os.unlink(path)


def first(path):
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as f:
        return f.read()
    return ""


@test("a host with a cluster: agent, configuration, KMS and folders are ok, and the cluster's key is asked about")
def _():
    agent.create("db1", one)
    before = len(agent.records("DescribeKey"))
    seen = check()
    expect(seen["configuration"], "ok", f"{agent.dir}/agent.conf is valid", agent.kms.unix)
    expect(seen["agent"], "ok", "The agent answers.", "1 volume.")
    expect(seen["kms"], "ok", "answers and knows the credentials", "The key of cluster db1 is enabled.")
    expect(seen["state"], "ok", f"{agent.dir}/agent.", "There is room for ")
    expect(seen["log"], "ok", f"{agent.dir}.")
    assert len(agent.records("DescribeKey")) == before, "the question went through the agent"
    assert agent.status("db1") == "available"


@test("text has one line for each check, with the words of the JSON")
def _():
    words = ("--device", one.device, "--device", "/nonexistent")
    seen = check(*words)
    done = run(*words)
    lines = done.stdout.splitlines()
    assert done.returncode == 7 and len(lines) == len(HOST) + 2 == len(seen), done.stdout
    for line, (name, c) in zip(lines, seen.items()):
        device = f"{name}: " if "Device" in c else ""
        advice = f" {c['Advice']}" if c["Advice"] else ""
        if c["Check"] not in ("clock", "state", "log"):  # the time, and the room
            assert line.split(None, 2) == [c["Check"], c["Status"], f"{device}{c['Found']}{advice}"], (line, c)


@test("the kernel: its release, and the module as the host has it")
def _():
    seen = check()["kernel"]
    loadable = subprocess.run(["/sbin/modinfo", "-n", "dm-envelope"], capture_output=True, check=False).returncode == 0
    if os.path.exists("/sys/module/dm_envelope"):
        expect(seen, "ok", platform.release(), "is loaded", "target envelope has version 1.")
    elif not os.path.exists("/proc/modules"):
        expect(seen, "failed", platform.release(), "without loadable modules")
    elif not loadable:
        expect(seen, "failed", platform.release(), "has no module dm-envelope")
    else:
        assert seen["Status"] != "skipped" and "not loaded" in seen["Found"], seen


@test("the crypto driver: the one that /proc/crypto prefers")
def _():
    entries = [dict(map(str.strip, line.split(":", 1)) for line in entry.splitlines())
               for entry in first("/proc/crypto").strip().split("\n\n")]
    drivers = sorted((int(e["priority"]), e["driver"]) for e in entries
                     if e["name"] in ("xts(aes)", "__xts(aes)") and e.get("async") != "yes")
    seen = check()["driver"]
    if not drivers:
        expect(seen, "warning", "No driver of AES-256-XTS is loaded.")
    else:
        generic = any(mark in drivers[-1][1] for mark in ("generic", "fixed-time", "aes-lib"))
        expect(seen, "warning" if generic else "ok", drivers[-1][1])


@test("the keyring: root's quota as /proc/key-users has it")
def _():
    (keys,) = [line.split()[3] for line in first("/proc/key-users").splitlines() if line.split()[0] == "0:"]
    expect(check()["keyring"], "ok", f"of {keys.split('/')[1]} keys", "keyring")


@test("the clock: a warning unless a time service has set it")
def _():
    timex = (ctypes.c_long * 64)()
    assert ctypes.CDLL(None).adjtimex(timex) >= 0
    unsynchronised = ctypes.cast(timex, ctypes.POINTER(ctypes.c_int))[10] & STA_UNSYNC
    if unsynchronised:
        expect(check()["clock"], "warning", "no time service has set", "timedatectl")
    else:
        expect(check()["clock"], "ok", "synchronised")


@test("without a cluster the KMS is asked about a key that does not exist: nothing is made there")
def _():
    before = agent.kms.good("ListKeys", {})
    expect(check()["kms"], "ok", "answers and knows the credentials")
    assert agent.kms.good("ListKeys", {}) == before


@test("a KMS that is stopped")
def _():
    with agent.no_kms():
        seen = check()
    expect(seen["kms"], "failed", "KMSUnreachable", "KmsEndpoint=", "systemctl status envelope-kms")
    expect(seen["agent"], "ok")


@test("a KMS that does not answer ends the check in time")
def _():
    with agent.silent_kms():
        seen = check("--timeout", "3")["kms"]
    assert seen["Status"] == "failed" and ("timed out" in seen["Found"] or "within 3 seconds" in seen["Found"]), seen


@test("wrong credentials: the KMS answers and refuses them")
def _():
    wrong = f"{agent.dir}/wrong-credentials"
    with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
        f.write("[enveloped]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wrong\n")
    with configured(CredentialsFile=wrong) as config:
        expect(check(config=config)["kms"], "failed", "UnrecognizedClientException", "refuses the credentials")


@test("good credentials without the right to the key: a warning that says so")
def _():
    agent.kms.add_stranger()
    agent.kms.restart()
    agent.create("db1", one)
    with configured(Profile="stranger") as config:
        expect(check(config=config)["kms"], "warning", "refuses DescribeKey of the key of cluster db1",
               "credentials are good, a permission is missing")


@test("a KMS whose clock is another one: the clocks are named")
def _():
    path = f"{agent.dir}/skewed.sock"
    fault = json.dumps({"__type": "InvalidSignatureException",
                        "message": "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (- 5 min.)"})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen()

        def serve():
            client = listener.accept()[0]
            client.recv(65536)
            client.sendall(f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\n"
                           f"Content-Length: {len(fault)}\r\nConnection: close\r\n\r\n{fault}".encode())
            client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with configured(KmsEndpoint=f"unix:{path}") as config:
            expect(check(config=config)["kms"], "failed", "Signature expired", "The clocks of this host and of the KMS differ.")
        thread.join(PATIENCE)


@test("a disabled key of a stopped cluster is found before the start")
def _():
    key = agent.kms.good("CreateKey", {})["KeyMetadata"]["KeyId"]
    agent.create("db1", one, "--kms-key-id", key)
    agent.good("stop", "db1")
    agent.kms.good("DisableKey", {"KeyId": key})
    expect(check()["kms"], "failed", "of cluster db1 is Disabled")
    agent.kms.good("EnableKey", {"KeyId": key})
    expect(check()["kms"], "ok", "The key of cluster db1 is enabled.")
    assert agent.status("db1") == "stopped"


@test("a configuration that the agent would refuse")
def _():
    with configured(CaFile="/nonexistent.pem", KmsEndpoint="https://kms.example") as config:
        seen = check(config=config)
    expect(seen["configuration"], "failed", "CaFile=/nonexistent.pem", "enveloped --check-config")
    expect(seen["kms"], "failed", "Correct the configuration first.")


@test("an agent that does not run, one that hangs, and one of another version")
def _():
    expect(check(socket_path="/nonexistent/agent.sock")["agent"], "failed", "does not answer", "systemctl start enveloped")
    path = f"{agent.dir}/deaf.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)  # the queue is full: connect() does not return any more
        seen = check("--timeout", "2", socket_path=path)
    expect(seen["agent"], "failed", "did not end within 2 seconds", "hangs")
    expect(seen["state"], "ok")
    answers = {"org.varlink.service.GetInfo": {"version": "0.0"},
               "io.dmenvelope.Cluster.Status": {"volumes": [], "problem": "The catalog cannot be written."},
               "io.dmenvelope.Cluster.DescribeClusters": {"clusters": []}}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{agent.dir}/old.sock")
        listener.listen(8)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    call = b""
                    while not call.endswith(b"\0"):
                        call += client.recv(65536)
                    reply = {"parameters": answers[json.loads(call[:-1])["method"]]}
                    client.sendall(json.dumps(reply).encode() + b"\0")
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        seen = check(socket_path=f"{agent.dir}/old.sock")["agent"]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
    expect(seen, "warning", "has version 0.0", "The catalog cannot be written.", "journalctl -u enveloped")


@test("the folder of the trail is missing: no cluster can be started before the next start of the agent")
def _():
    folder = f"{agent.dir}/trail"
    agent.create("db1", one)
    agent.good("stop", "db1")
    with configured(AuditFile=f"{folder}/audit.jsonl") as config:
        expect(check(config=config, socket_path="/nonexistent")["log"], "ok", f"{folder} does not exist: the agent makes it")
    agent.restart(AuditFile=f"{folder}/audit.jsonl")
    try:
        expect(check()["log"], "ok", f"{folder}.")
        os.rename(folder, f"{folder}.away")
        expect(check()["log"], "failed", f"{folder} does not exist, and the agent runs", "systemctl restart enveloped")
        said = agent.cli("start", "db1").stderr
        assert agent.status("db1") == "stopped" and folder in said, said
        agent.restart(AuditFile=f"{folder}/audit.jsonl")
        expect(check()["log"], "ok", f"{folder}.")
        agent.good("start", "db1")
    finally:
        agent.restart()


@test("a state folder that is full, and one that is read-only")
def _():
    folder = f"{agent.dir}/small"
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], check=True)
    try:
        with configured(StateDirectory=folder, AuditFile=f"{folder}/log/audit.jsonl") as config:
            expect(check(config=config)["state"], "warning", "There is room for 8 MiB.", "df -h")
            with open(f"{folder}/fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
                while True:
                    f.write(bytes(65536))
            seen = check(config=config)
            expect(seen["state"], "failed", f"{folder}. There is room for 0 MiB.")
            expect(seen["log"], "failed", f"{folder}/log does not exist", "There is room for 0 MiB.")
            os.unlink(f"{folder}/fill")
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            expect(check(config=config)["state"], "failed", f"{folder} cannot be written to: Read-only file system.")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def first_bytes(device):
    with open(device, "rb") as f:
        return f.read()


@test("disks: empty, of a volume, with other data, too small, and none; no byte of them changes")
def _():
    agent.create("db1", one)
    subprocess.run(["mkswap", "-q", two.device], check=True)
    small = f"{agent.dir}/small.img"
    with open(small, "wb") as f:
        f.truncate(1 << 20)
    device = subprocess.run(["losetup", "-f", "--show", small], capture_output=True, text=True, check=True).stdout.strip()
    disks = [one.device, two.device, three.device]
    before = [hashlib.sha256(first_bytes(d)).digest() for d in disks]
    try:
        seen = check(*(word for d in (*disks, device, small, "/nonexistent") for word in ("--device", d)))
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    assert before == [hashlib.sha256(first_bytes(d)).digest() for d in disks]
    volume = agent.clusters()["db1"]["VolumeId"]
    expect(seen[one.device], "ok", f"It holds the volume {volume} of cluster db1.", "Its owner is the host aaaa")
    expect(seen[two.device], "warning", "It holds swap.", "--allow-overwrite")
    expect(seen[three.device], "ok", f"It has {8 << 20} bytes, in sectors of 512 bytes.", "It is empty.", "discards.")
    expect(seen[device], "failed", "too small")
    expect(seen[small], "failed", "not a block device")
    expect(seen["/nonexistent"], "failed", "No such file or directory")


@test("disks: in use, write-protected, with a damaged header, and hung")
def _():
    holder = os.open(three.device, os.O_RDONLY | os.O_EXCL)
    try:
        expect(disk(three.device), "failed", "It is in use.", f"({first('/proc/self/comm').strip()}) has it open")
    finally:
        os.close(holder)
    expect(disk(three.device), "ok", "It is empty.")
    agent.create("db1", one)
    for path in one.device, three.device:
        subprocess.run(["blockdev", "--setro", path], check=True)
    try:
        expect(disk(three.device), "failed", "It is write-protected.", "blockdev --setrw")
        expect(disk(one.device), "warning", "of cluster db1", "It is write-protected.")
    finally:
        for path in one.device, three.device:
            subprocess.run(["blockdev", "--setrw", path], check=True)
    with agent.hung_disk(one):
        seen = check("--device", one.device, "--device", three.device, "--timeout", "3")
        expect(seen[one.device], "failed", "did not end within 3 seconds", "look at dmesg")
        expect(seen[three.device], "ok", "It is empty.")
    with open(one.device, "r+b") as f:
        f.seek(4096)
        f.write(b"x" * 100)
        f.seek(16384 + 4096)
        f.write(b"x" * 100)
    expect(disk(one.device), "failed", "envelope header restore")


@test("a disk of a cluster is never called empty: the agent's list names the cluster, and without the agent its catalog")
def _():
    agent.create("db1", one)
    agent.good("stop", "db1")
    with open(one.device, "r+b") as f:
        f.write(bytes(32 << 10))
    expect(disk(one.device), "failed", "It is the disk of cluster db1", "envelope header restore --db-cluster-identifier db1, or from a backup with --file FILE")
    expect(disk(three.device), "ok", "It is empty.")
    agent.stop()
    try:
        before = sorted(os.listdir(f"{agent.dir}/agent"))
        expect(disk(one.device), "failed", "It is the disk of cluster db1", "envelope header restore --db-cluster-identifier db1, or from a backup with --file FILE")
        expect(disk(three.device), "ok", "It is empty.")
        assert before == sorted(os.listdir(f"{agent.dir}/agent")), "the catalog's log was made"
    finally:
        agent.start()
    subprocess.run(["mkswap", "-q", one.device], check=True)
    expect(disk(one.device), "failed", "It holds swap. It is the disk of cluster db1", "envelope header restore --db-cluster-identifier db1, or from a backup with --file FILE")


@test("another user sees what it may see, and nothing else is called ok")
def _():
    seen = check("--device", one.device, user=NOBODY)
    for name in "keyring", "configuration", "kms", "state", one.device:
        expect(seen[name], "skipped", "Run the command as root.")
    expect(seen["agent"], "skipped", "No permission to connect", "group envelope")
    assert seen["kernel"]["Status"] != "ok" and seen["clock"]["Status"] in ("ok", "warning"), seen
    with configured(LeaseSeconds="many") as config:
        expect(check(user=NOBODY, config=config)["configuration"], "failed", "LeaseSeconds=many")


@test("no check leaves a process behind, and none reports a fault of its own")
def _():
    seen = check("--device", one.device)
    assert not [c for c in seen.values() if "envelope-check" in c["Advice"]], seen
    mine = f"{agent.programs}/envelope-check".encode()
    assert not [p for p in glob.glob("/proc/[0-9]*/cmdline") if first(p).encode().split(b"\0")[0] == mine]


finish()
