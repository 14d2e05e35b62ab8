# SPDX-License-Identifier: MIT
"""Answers the requests of a guest on the control port (guest/ask-host lists them).

A request is one line of base64 words. The answer is lines that begin with "|" and
one last "@exit CODE". Cases are part of the checkout and trusted as such: `exec` runs
their commands on the host.
"""

import base64
import os
import subprocess
import threading

REFUSED = 125


class Control(threading.Thread):
    """Serves one guest until its port closes."""

    def __init__(self, machine, folder, tools):
        super().__init__(daemon=True)
        self.machine = machine
        self.folder = folder
        self.environment = dict(os.environ, VM_RUN=str(folder), PATH=f"{tools}:{os.environ['PATH']}")
        self.dumps = 0

    def run(self):
        peer = self.machine.sockets["control"]
        pending = b""
        while True:
            try:
                data = peer.recv(65536)
            except OSError:
                return
            if not data:
                return
            pending += data
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                text, code = self.answer(line)
                reply = "".join(f"|{row}\n" for row in text.splitlines()) + f"@exit {code}\n"
                try:
                    peer.sendall(reply.encode())
                except OSError:
                    return

    def answer(self, line):
        """One request: (text, exit code)."""
        try:
            words = [base64.b64decode(word[1:]).decode() for word in line.decode().split()]
            verbs = {"scan": self.scan, "dump": self.dump, "forward": self.forward, "exec": self.execute}
            if not words or words[0] not in verbs:
                return f"no such request: {words}", REFUSED
            return verbs[words[0]](*words[1:])
        except Exception as error:  # pylint: disable=broad-except
            return f"{type(error).__name__}: {error}", REFUSED

    def scan(self, program, kept, label):
        """Dump the guest's RAM and have PROGRAM search it for the key hidden in a file of the run's folder."""
        if program not in ("ramscan", "schedulescan"):
            return f"no such scan: {program}", REFUSED
        self.dumps += 1
        dump = self.folder / f"ram{self.dumps}.dump"
        try:
            self.machine.dump(dump)
            text, code = self.execute(program, self.folder / kept, dump)
        finally:
            dump.unlink(missing_ok=True)
        with open(self.folder / "logs" / "ramscan.log", "a", encoding="utf-8") as log:
            log.write(f"dump {self.dumps}, {program} for {label}: exit {code}\n{text}")
        return text, code

    def dump(self, name):
        """Dump the guest's RAM into a file of the run's folder and leave it there."""
        self.machine.dump(self.folder / os.path.basename(name))
        return str(self.folder / os.path.basename(name)), 0

    def forward(self, port):
        """Forward a TCP port of the guest to the host's loopback."""
        return str(self.machine.forward(int(port))), 0

    def execute(self, *command):
        """Run a command on the host, in the run's folder."""
        done = subprocess.run(command, cwd=self.folder, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", env=self.environment, timeout=1500)
        return done.stdout, done.returncode
