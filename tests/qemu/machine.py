# SPDX-License-Identifier: MIT
"""One QEMU guest with cases: its devices, serial ports, QMP.

Knows nothing of cases or TAP. The guest reaches no network: QEMU's user network
is restricted, only ports forwarded by hand from 127.0.0.1 lead into it.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

# pylint: disable=wrong-import-position
from launch import accelerator, command                                      # noqa: E402
from wait import wait_for                                                    # noqa: E402

# Lines of the console and of QEMU's own log that are printed when a guest has died.
CONSOLE_LINES = 60
QEMU_LINES = 30
REGISTERS = re.compile(r"[A-Z]\w* ?=|CPU Reset")

# Nothing of the host's own services: only what the cases pull in.
SYSTEMD = " ".join(["systemd.unit=vm-cases.service", "fstab=no", "systemd.show_status=0"] + [
    f"systemd.mask={unit}" for unit in (
        "timers.target", "systemd-timesyncd.service", "lvm2-monitor.service", "blk-availability.service",
        "systemd-pstore.service", "systemd-binfmt.service", "e2scrub_reap.service", "proc-sys-fs-binfmt_misc.automount",
        "systemd-update-utmp.service", "systemd-random-seed.service", "systemd-network-generator.service",
        "dev-hugepages.mount", "sys-kernel-debug.mount", "systemd-journal-flush.service")])


class Machine:
    """A guest from boot to power-off; use as a context manager, so that it never outlives us."""

    PORTS = ("tap", "terminal", "control")

    def __init__(self, kernel, initrd, folder, options):
        self.folder = folder
        self.console = folder / "console.log"
        self.memory = options.memory
        self.accelerator = "tcg" if options.count else accelerator(kernel.image)
        append = ("oops=panic loglevel=5 log_buf_len=4M mitigations=off random.trust_cpu=on "
                  "sysctl.kernel.hung_task_timeout_secs=240 watchdog_thresh=30 net.ifnames=0 "
                  # A busy host may not run the guest during the timer check of its boot; and a task that a case
                  # blocks on purpose may stay blocked for minutes.
                  "no_timer_check rcupdate.rcu_cpu_stall_timeout=120 "
                  # QEMU before 8 translates a program anew for each address that it is mapped at.
                  f"{'clearcpuid=112' if options.count else 'norandmaps'} vm.init={options.init} {SYSTEMD} {options.append}")
        processor, cpus = ("counted", 1) if options.count else (self.accelerator, 2)
        self.command = command(processor, kernel.image, initrd, append, self.console, options.memory, cpus) + [
            "-device", "virtio-rng-pci",
            # A triple fault leaves no trace but this message of QEMU.
            "-d", "cpu_reset",
            "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
            "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile="]
        self._share("root", "/", "on")
        self._share("share", folder, "off")
        for port in self.PORTS:
            self.command += ["-chardev", f"socket,id={port},path={folder / port},server=on,wait=off",
                             "-device", f"virtserialport,chardev={port},name={port}"]
        self.disks = [f"scratch{number}.img" for number in range(len(options.disk))]
        for number, size in enumerate(options.disk):
            disk = folder / self.disks[number]
            # At another boot the image is there and keeps what it holds.
            with open(disk, "ab") as image:
                image.truncate(size)
            self.command += [
                "-drive", f"file={disk},format=raw,if=none,id=disk{number},cache=unsafe,discard=unmap",
                "-device", f"virtio-blk-pci,drive=disk{number},serial=scratch{number}"]
        self.process = None
        self.sockets = {}
        self.qmp = None
        self.qmp_lock = threading.Lock()
        self.events = []

    def _share(self, tag, path, readonly):
        self.command += ["-fsdev", f"local,id={tag},path={path},security_model=none,readonly={readonly},"
                         "multidevs=remap", "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]

    def __enter__(self):
        self.events = []
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            for port in self.PORTS:
                self.sockets[port] = self._connect(port)
            self.qmp = self._connect("qmp").makefile("rw", encoding="utf-8")
            self.qmp.readline()
            self.ask("qmp_capabilities")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for port in self.sockets.values():
            port.close()
        for name in (*self.PORTS, "qmp"):
            (self.folder / name).unlink(missing_ok=True)

    def remove_disks(self):
        """What the disks hold stays from boot to boot; this ends it."""
        for disk in self.disks:
            (self.folder / disk).unlink(missing_ok=True)

    def _connect(self, name):
        def connected():
            peer = socket.socket(socket.AF_UNIX)
            try:
                peer.connect(str(self.folder / name))
                return peer
            except OSError:
                peer.close()
            if self.process.poll() is not None:
                raise AssertionError
            return None

        try:
            return wait_for(connected, step=0.05)
        except AssertionError as error:
            log = (self.folder / "qemu.log").read_text(errors="replace")
            raise RuntimeError(f"QEMU did not start: {log}") from error

    def ask(self, command, **arguments):
        """One QMP command; its result."""
        with self.qmp_lock:
            self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.qmp.flush()
            while True:
                line = self.qmp.readline()
                if not line:
                    raise RuntimeError(f"QEMU is gone while asked for {command}")
                answer = json.loads(line)
                if "event" in answer:
                    self.events.append(answer)
                if "error" in answer:
                    raise RuntimeError(f"{command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]

    def last_words(self):
        """Why a guest is no more, as far as it and QEMU tell: lines of text."""
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            lines = ["QEMU still runs"]
        else:
            lines = [f"QEMU was ended by {signal.Signals(-code).name}" if code < 0 else f"QEMU exited with {code}"]
            with self.qmp_lock, contextlib.suppress(OSError, ValueError):
                for line in self.qmp:
                    self.events.append(json.loads(line))
        lines += [f"QEMU event {event['event']}: {event.get('data', {})}" for event in self.events
                  if event.get("event") in ("SHUTDOWN", "RESET", "STOP", "GUEST_PANICKED")]
        for log, count in ((self.folder / "qemu.log", QEMU_LINES), (self.console, CONSOLE_LINES)):
            text = log.read_text(errors="replace").splitlines() if log.exists() else []
            text = [line for line in text if not REGISTERS.match(line)]
            lines.append(f"{log.name}, the last {min(count, len(text))} of {len(text)} lines:")
            lines += [line.strip() for line in text[-count:]]
        return lines

    def cpu_seconds(self):
        """What QEMU has taken of the host's CPUs so far (proc(5): utime and stime)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        """The guest's RAM in bytes; below 2 GiB it is one block that starts at 0."""
        return self.ask("query-memory-size-summary")["base-memory"]

    def dump(self, path):
        """Stop the guest, write its RAM to a file, let it go on."""
        self.ask("stop")
        try:
            self.ask("pmemsave", val=0, size=self.memory_bytes(), filename=str(path))
        finally:
            self.ask("cont")

    def forward(self, guest_port):
        """Make a TCP port of the guest reachable on 127.0.0.1; the host's port."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        said = self.ask("human-monitor-command",
                        **{"command-line": f"hostfwd_add net tcp:127.0.0.1:{port}-10.0.2.15:{guest_port}"})
        if said.strip():
            raise RuntimeError(said.strip())
        return port
