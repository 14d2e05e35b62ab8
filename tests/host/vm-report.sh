#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The guest harness passes nothing over in silence: each way in which a case can go wrong
# without saying so must come out of tests/qemu/report.py as a failed result, a guest that
# died may be booted again only if nothing of ours ran in it, and tests/run shows why.

cd "$(dirname "$0")/../qemu" || exit 1
exec /usr/bin/python3 -B - <<'PYTHON'
import contextlib
import importlib.machinery
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, ".")
vm = importlib.machinery.SourceFileLoader("vm", "vm").load_module()
from report import CaseResults, Report, check_dmesg
from tap import Tap

tap = Tap()


def expect(what, failures, action):
    """ACTION(report) must leave that many failed results."""
    report = Report("6.12")
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        action(report)
    tap.result(report.failed == failures, what,
               f"expected {failures} failures, seen {report.failed}:\n{out.getvalue()}")


def case(lines, result):
    """A case that prints LINES and ends with RESULT."""
    def action(report):
        results = CaseResults(report, "case", "logs")
        for line in lines:
            results.line(line)
        results.end(result, "1", 2)
    return action


def kernel_log(line):
    """A kernel log with LINE in it."""
    return lambda report: check_dmesg(report, f"[ 0.0] Linux version 6.12\n[ 1.0] vm: case a begins\n[ 2.0] {line}\n")


good = ["ok 1 - a", "ok 2 - b", "1..2"]
expect("a case that passes passes", 0, case(good, "0"))
expect("a failed result fails", 1, case(["ok 1 - a", "not ok 2 - b", "1..2"], "1"))
expect("a case without results fails", 1, case([], "0"))
expect("a case without a plan fails", 1, case(good[:2], "0"))
expect("a case with fewer results than planned fails", 1, case(["ok 1 - a", "1..2"], "0"))
expect("a case that exits with an error fails", 1, case(good, "3"))
expect("a case killed by a signal fails", 1, case(good[:1], "137"))
expect("a case that overruns its time fails", 1, case(good, "timeout"))
expect("a case that cannot be killed fails", 1, case(good, "hung"))
expect("a quiet kernel log passes", 0, kernel_log("device-mapper: envelope: victim: failed: key-revoked"))
for splat in ("WARNING: CPU: 0 PID: 1 at mm/slub.c:1", "BUG: unable to handle page fault",
              "INFO: task fio:12 blocked for more than 40 seconds.", "watchdog: BUG: soft lockup - CPU#1",
              "rcu: INFO: rcu_preempt detected stalls", "refcount_t: underflow; use-after-free.",
              "BUG: KFENCE: use-after-free read in envelope_map", " Call Trace:"):
    expect(f"a kernel log with \"{splat}\" fails", 1, kernel_log(splat))
expect("a kernel log that cannot be read fails", 1, lambda report: check_dmesg(report, ""))


equal = tap.equal


def ran(boot, interactive=False):
    """What would run in a boot, when asked for a case of two boots and one of one."""
    options = SimpleNamespace(case=[Path("../integration", name).resolve() for name in ("unload", "agent-reboot")],
                              interactive_script=interactive)
    return [case.name for case in vm.cases_of(boot, options)]


equal("the module's end is the last of the first boot", ["unload", "agent-reboot", "end"], ran(1))
equal("and of the second", ["agent-reboot", "end"], ran(2))
equal("but nothing comes after an interactive script", ["unload", "agent-reboot"], ran(1, True))


def second_chance(trouble, up, console):
    """Would a guest that ended like this be booted again?"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "console.log").write_text(console, encoding="ascii")
        return vm.may_boot_again(SimpleNamespace(trouble=trouble, up=up), Path(folder))


PANIC = "[ 5.9] Oops: int3: 0000 [#1]\n[ 5.9] Kernel panic - not syncing: Fatal exception\n"
equal("a guest that died before it was up is booted again", True, second_chance("the guest died", False, PANIC))
equal("not one that was up: a panic in a case fails", False, second_chance("the guest died", True, PANIC))
equal("not one that knows the module", False,
      second_chance("the guest died", False, PANIC + "[ 5.9] Modules linked in: dm_envelope(OE) virtio_blk\n"))
equal("not one whose crash kernel did not come up", False,
      second_chance("the guest died", False, "[ 9.1] vm: case kdump ends: 0\n" + PANIC))
equal("not one that ended well", False, second_chance(None, False, ""))


def shown(tap):
    """What tests/run shows of a suite that prints TAP."""
    with tempfile.TemporaryDirectory() as logs:
        Path(logs, "tap").write_text(tap, encoding="ascii")
        done = subprocess.run(["../run", f"suite=cat {logs}/tap"], env=dict(os.environ, LOGS=logs),
                              stdout=subprocess.PIPE, text=True, check=False)
        return [line.strip() for line in done.stdout.splitlines()[1:] if "log:" not in line]


equal("tests/run shows what stands below a failure, and a warning",
      ["not ok 1 - a", "# why", "# warning: w", "#   words", "1 passed, 1 failed, 0 skipped"],
      shown("# before\nnot ok 1 - a\n# why\nok 2 - b\n# other\n# warning: w\n#   words\n1..2\n"))
equal("but not without an end", 100, len([line for line in shown("not ok 1 - a\n" + "# why\n" * 900 + "1..1\n")
                                         if line == "# why"]))
sys.exit(tap.finish())
PYTHON
