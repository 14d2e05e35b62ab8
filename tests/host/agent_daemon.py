# SPDX-License-Identifier: MIT
#
# Starting the agent without a kernel module (userspace/Makefile, unit/enveloped) beside a
# real envelope-kms, on loop devices, and calling it with the real CLI. Here the test plays
# the kernel: see tests/unit/kernel_stand_in.c.

import atexit
import contextlib
import fcntl
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys

from kms_daemon import REGION, Kms
from wait import PATIENCE, wait_for

DISK_BYTES = 8 << 20


# A shell has what it runs in the background ignore this, and so would the clients: tests/run does.
signal.signal(signal.SIGINT, signal.default_int_handler)


def asleep_in(process):
    """The kernel function in which the process sleeps."""
    with open(f"/proc/{process.pid}/wchan", encoding="utf-8") as f:
        return f.read()


def luks(*command, stdin=None):
    """What cryptsetup says."""
    return subprocess.run(["cryptsetup", *command], input=stdin, capture_output=True, text=True, check=True).stdout


class Disk:
    """A loop device behind a path that can be made to name another one, as /dev/vdb can."""

    def __init__(self, path):
        self.path = path
        self.image = f"{path}.img"
        self.blank()
        done = subprocess.run(["losetup", "-f", "--show", self.image], capture_output=True, text=True, check=False)
        self.device = done.stdout.strip()
        if done.returncode:
            raise OSError(f"no loop device: {done.stderr.strip()}")
        atexit.register(subprocess.run, ["losetup", "-d", self.device], check=False)
        self.name(self)

    def name(self, disk):
        """From now on this disk's path names `disk`."""
        os.symlink(disk.device, f"{self.path}.new")
        os.rename(f"{self.path}.new", self.path)

    def blank(self):
        with open(self.image, "wb") as f:
            f.truncate(DISK_BYTES)
        if hasattr(self, "device"):
            # The device has pages of its own.
            with open(self.device, "r+b", buffering=0) as f:
                f.write(bytes(DISK_BYTES))

    def make_swap(self):
        """Other data on the disk, which libblkid knows."""
        with open(self.device, "r+b", buffering=0) as f:
            f.write(bytes(1024) + b"\1\0\0\0\377\0\0\0" + bytes(4096 - 1024 - 8 - 10) + b"SWAPSPACE2")

    def number(self):
        number = os.stat(self.device).st_rdev
        return os.major(number), os.minor(number)

    def read(self, size=1 << 20):
        with open(self.device, "rb") as f:
            return f.read(size)


class Agent:
    def __init__(self, programs):
        self.programs = os.path.realpath(programs)
        self.kms = Kms(f"{self.programs}/envelope-kms")
        self.dir = self.kms.dir
        self.audit_file = f"{self.dir}/agent-audit.jsonl"
        self.kernel = f"{self.dir}/kernel"
        for folder in (self.kernel, f"{self.kernel}/keys", f"{self.kernel}/devices"):
            os.mkdir(folder)
        self.host("a" * 32)
        os.chmod(self.dir, 0o755)  # the worker's user looks for the socket here
        self.process = None
        self.stderr = None  # in place of the log file
        self.named = True  # its configuration, on the command line
        atexit.register(self.kill)
        self.disks = [Disk(f"{self.dir}/disk{n}") for n in range(3)]
        self.scannable(*self.disks)
        self.kms.start()

    def host(self, identity, boot="b" * 32):
        """The host that the agent runs on, from its next start on."""
        with open(f"{self.kernel}/host", "w", encoding="utf-8") as f:
            f.write(f"{identity} {boot}\n")

    def wall_clock(self, ahead):
        """The wall clock that the agent sees is so many seconds ahead from now on."""
        with open(f"{self.kernel}/wall-clock.new", "w", encoding="utf-8") as f:
            f.write(f"{ahead}\n")
        os.rename(f"{self.kernel}/wall-clock.new", f"{self.kernel}/wall-clock")

    def scannable(self, *disks):
        """The disks that the host has."""
        with open(f"{self.kernel}/disks", "w", encoding="utf-8") as f:
            f.writelines(f"{disk.device}\n" for disk in disks)

    def start(self, **changed):
        self.spawn(**changed)
        wait_for(lambda: self.cli("describe").returncode == 0 or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()

    def spawn(self, **changed):
        """Without waiting for it to serve."""
        self.configure(**changed)
        self.environment = dict(os.environ, ENVELOPE_STAND_IN=self.kernel, ENVELOPE_SOCKET=f"{self.dir}/agent.sock",
                                STATE_DIRECTORY=f"{self.dir}/agent")
        with open(f"{self.dir}/agent.log", "ab") as log:
            self.process = subprocess.Popen(self.enveloped(), stderr=self.stderr or log, env=self.environment)

    def enveloped(self):
        return [f"{self.programs}/unit/enveloped", *(["--config", f"{self.dir}/agent.conf"] if self.named else [])]

    def configure(self, **changed):
        """Writes agent.conf, a key a line."""
        options = {
            "Region": REGION, "KmsEndpoint": f"unix:{self.kms.unix}", "CredentialsFile": self.kms.credentials,
            "StateDirectory": f"{self.dir}/agent", "AgentSocket": f"{self.dir}/agent.sock",
            "AuditFile": self.audit_file, "Worker": f"{self.programs}/envelope-kms-worker",
            "KmsTimeoutSeconds": PATIENCE, "LeaseSeconds": 3600, "RenewSeconds": 1,
        }
        options.update(changed)
        with open(f"{self.dir}/agent.conf", "w", encoding="utf-8") as f:
            f.writelines(f"{key}={value}\n" for key, value in options.items())

    def reload(self, **changed):
        """A changed agent.conf, and SIGHUP: the record of what came of it."""
        before = len(self.records("ConfigurationReload"))
        self.configure(**changed)
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.records("ConfigurationReload")) > before or self.process.poll() is not None)
        assert self.process.poll() is None, f"SIGHUP ended the agent: {self.log()[-1000:]}"
        return self.records("ConfigurationReload")[-1]

    def check_config(self, call=False, **changed):
        """(exit status, what is said) of --check-config."""
        self.configure(**changed)
        done = subprocess.run([*self.enveloped(), "--check-config", *([] if call else ["--no-call"])],
                              capture_output=True, text=True, timeout=PATIENCE, check=False, env={**self.environment, **os.environ})
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def lose_catalog(self):
        """While no agent runs."""
        for name in os.listdir(f"{self.dir}/agent"):
            os.unlink(f"{self.dir}/agent/{name}")

    def in_catalog(self, name):
        """A cluster's status as the catalog has it."""
        with contextlib.closing(sqlite3.connect(f"{self.dir}/agent/catalog.sqlite")) as catalog:
            return catalog.execute("SELECT status FROM cluster WHERE id = ?", (name,)).fetchone()[0]

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self, **changed):
        # The next agent doubts a loss that is on the disk alone.
        self.told_disks()
        status = self.stop()
        assert status == 0, f"exit status {status}: {self.log()}"
        self.start(**changed)

    def log(self):
        with open(f"{self.dir}/agent.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    # ---- the CLI ----

    def command(self, verb, name=None, *more):
        return [f"{self.programs}/envelope", "cluster", verb,
                *(["--db-cluster-identifier", name] if name else []), *more]

    def cli(self, verb, name=None, *more):
        return subprocess.run(self.command(verb, name, *more), capture_output=True, text=True, env=self.environment,
                              timeout=PATIENCE, check=False)

    def begin(self, verb, name, *more):
        """A call that is not waited for: the process."""
        return self.run_in_background(self.command(verb, name, *more))

    def run_in_background(self, command):
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment)

    def asked(self, process):
        """Waits until the agent works on the call of `begin()`, whose client then sleeps in poll()."""
        wait_for(lambda: "poll" in asleep_in(process))

    def good(self, verb, name, *more):
        done = self.cli(verb, name, *more)
        assert done.returncode == 0, f"{verb} {name}: {done.stderr}\n{self.log()[-3000:]}"
        return done

    def bad(self, fault, verb, name, *more):
        """What is said of a refusal."""
        done = self.cli(verb, name, *more)
        assert done.returncode not in (0, -signal.SIGSEGV), f"{verb} {name} was not refused"
        assert f"({fault})" in done.stderr, f"{verb} {name}: expected {fault}, seen {done.stderr}"
        return done.stderr

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(f"{self.dir}/agent.sock")
        return client

    def varlink(self, client, method, parameters, **flags):
        """A call without the CLI: what is answered first."""
        call = {"method": f"io.dmenvelope.Cluster.{method}", "parameters": parameters, **flags}
        client.sendall(json.dumps(call).encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            got = client.recv(65536)
            assert got, f"{method}: the agent has dropped the connection"
            answer += got
        return json.loads(answer[:-1])

    def events(self):
        """What `envelope events` shows."""
        done = subprocess.run([f"{self.programs}/envelope", "events", "--output", "json"], capture_output=True, text=True,
                              env=self.environment, timeout=PATIENCE, check=False)
        assert done.returncode == 0, f"events: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def create(self, name, disk, *more):
        return self.good("create", name, "--device", disk.path, "--storage-encrypted", *more)

    def clusters(self):
        done = self.cli("describe", None, "--output", "json")
        return {c["DBClusterIdentifier"]: c for c in json.loads(done.stdout)["DBClusters"]}

    def status(self, name):
        return self.clusters().get(name, {}).get("Status")

    def said(self, *words):
        """What `envelope WORDS` prints."""
        return subprocess.run([f"{self.programs}/envelope", *words], capture_output=True, text=True, env=self.environment,
                              timeout=PATIENCE, check=True).stdout

    def volumes(self):
        """What `envelope status` says. It answers after a look at the devices that was begun after it was asked."""
        done = subprocess.run([f"{self.programs}/envelope", "status", "--output", "json"], capture_output=True, text=True,
                              env=self.environment, timeout=PATIENCE, check=True)
        return {v["DBClusterIdentifier"]: v for v in json.loads(done.stdout)["volumes"]}

    def volume(self, name):
        return self.volumes()[name]

    def device_threads(self):
        """The kernel functions in which the jobs on devices sleep."""
        asleep = []
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            folder = f"/proc/{self.process.pid}/task/{thread}"
            with contextlib.suppress(OSError), open(f"{folder}/comm", encoding="utf-8") as comm, \
                    open(f"{folder}/wchan", encoding="utf-8") as wchan:
                if comm.read().strip() == "device":
                    asleep.append(wchan.read())
        return asleep

    def told_disks(self):
        """Until the agent has written to the disks all that has happened."""
        for _ in range(2):  # a scan may have begun again
            wait_for(lambda: self.volumes() is not None and not self.device_threads())

    def wait_status(self, name, status):
        wait_for(lambda: self.status(name) == status)

    def remove_all(self):
        for name, cluster in self.clusters().items():
            if cluster.get("MapperDevice"):
                self.good("stop", name)
            if cluster["DeletionProtection"]:
                self.good("modify", name, "--no-deletion-protection")
            self.good("delete", name, "--skip-final-snapshot")
        for disk in self.disks:
            disk.name(disk)
            disk.blank()

    def records(self, name, error=None):
        with open(self.audit_file, encoding="utf-8") as f:
            return [r for r in map(json.loads, f)
                    if r["eventName"] == name and (not error or r.get("errorCode") == error)]

    # ---- the kernel ----

    def keys(self):
        """Live keys: serial number -> description."""
        live = {}
        for serial in os.listdir(f"{self.kernel}/keys"):
            description, state = self.read("keys", serial).split()
            if state == "live":
                live[serial] = description
        return live

    def devices(self):
        """Devices: name -> [volume id, live or failed, reason, lease, number]."""
        return {name: self.read("devices", name).split() for name in os.listdir(f"{self.kernel}/devices")}

    def read(self, *path):
        with open("/".join((self.kernel, *path)), encoding="utf-8") as f:
            return f.read()

    def fail_device(self, name, reason):
        fields = self.devices()[name]
        fields[1:3] = "failed", reason
        with open(f"{self.kernel}/fresh-by-hand", "w", encoding="utf-8") as f:
            f.write(" ".join(fields) + "\n")
        os.rename(f"{self.kernel}/fresh-by-hand", f"{self.kernel}/devices/{name}")

    # ---- what does not answer ----

    @contextlib.contextmanager
    def no_kms(self):
        """Nobody listens on its socket."""
        os.rename(self.kms.unix, f"{self.kms.unix}.away")
        try:
            yield
        finally:
            os.rename(f"{self.kms.unix}.away", self.kms.unix)

    @contextlib.contextmanager
    def silent_kms(self):
        """It takes the call and does not answer yet."""
        self.kms.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.kms.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def hung_log(self):
        """Who writes into the audit trail sleeps until the end of this, which gives what was written then."""
        written, path = [], f"{self.kernel}/hung-log"
        end = os.stat(self.audit_file).st_size
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDWR)
        try:
            yield written
        finally:
            os.unlink(path)
            os.close(pipe)  # the end of the pipe, for those that sleep
            wait_for(lambda: not self.process or os.stat(self.audit_file).st_size > end)
            with open(self.audit_file, encoding="utf-8") as trail:
                trail.seek(end)
                written.extend(trail.read().splitlines())

    @contextlib.contextmanager
    def present(self, name, text=""):
        with open(f"{self.kernel}/{name}", "w", encoding="utf-8") as f:
            f.write(text)
        try:
            yield
        finally:
            os.unlink(f"{self.kernel}/{name}")

    def open_devices(self):
        """A database has them."""
        return self.present("open")

    def hung_device(self, name=""):
        """No device can be removed, or not the one of a cluster."""
        return self.present("hung", f"envelope-{name}" if name else "")

    def hung_key(self):
        """No key can be given to the kernel."""
        return self.present("hung-key")

    @contextlib.contextmanager
    def hung_disk(self, disk):
        """Who reads or writes the header on the disk with libcryptsetup sleeps."""
        os.makedirs("/run/cryptsetup", 0o700, exist_ok=True)
        with open("/run/cryptsetup/L_{}:{}".format(*disk.number()), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def slow_disk(self):
        """No write gets to a disk. The function that this gives waits for the first such write."""
        with self.present("slow-disk"):
            yield lambda: wait_for(lambda: os.path.exists(f"{self.kernel}/slow"))
        os.unlink(f"{self.kernel}/slow")

    def unseen_devices(self):
        """No look at the devices ends, but the one that an agent takes before it serves."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.kernel}/looking")
        return self.present("unseen")

    def looking(self):
        return os.path.exists(f"{self.kernel}/looking")
