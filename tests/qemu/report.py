# SPDX-License-Identifier: MIT
"""Makes one TAP stream of the output of guests and cases, and judges kernel logs.

A case that prints no result, a wrong plan, exits non-zero without a failed result,
overruns its time or was never run is a failure.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

SPLAT = re.compile(
    r"WARNING: |BUG: |\bOops\b|general protection|Call Trace|RIP: |refcount_t: |list_(add|del) corruption|"
    r"INFO: task .* blocked|soft lockup|hard LOCKUP|rcu: INFO|UBSAN|KFENCE|KASAN|kernel panic|Kernel panic|"
    r"unreferenced object|scheduling while atomic|sleeping function called|kmem_cache_destroy|"
    r"Objects remaining|possible circular locking|inconsistent lock state|Bad page state|"
    r"dm-envelope: disagrees|Unknown symbol")
RESULT = re.compile(r"^(not ok|ok)\b\s*\d*\s*-?\s*(.*)$")
CASE_MARK = re.compile(r"vm: case (\S+) (begins|ends)")


class Report(Tap):
    """The TAP of a guest; every description carries kernel and case."""

    def __init__(self, prefix):
        super().__init__()
        self.prefix = prefix

    def warn(self, text, details):
        """Something that failed nothing and is to be seen all the same (tests/run shows it)."""
        self.comment(f"warning: {self.prefix} {text}")
        for line in details:
            self.comment(f"  {line}")

    def of_case(self, good, case, description):
        """One result of a case."""
        self.result(good, f"{self.prefix} {case}: {description}")


class CaseResults:
    """The TAP of one case while it runs."""

    def __init__(self, report, name, logs):
        self.report = report
        self.name = name
        self.logs = logs
        self.seen = 0
        self.failed = 0
        self.plan = None

    def line(self, text):
        """One line that the case printed."""
        found = RESULT.match(text)
        if found:
            self.seen += 1
            good = found.group(1) == "ok"
            self.failed += not good
            self.report.of_case(good, self.name, found.group(2))
        elif re.match(r"^1\.\.\d+", text):
            self.plan = int(text[3:].split()[0])
        elif text:
            self.report.comment(text.removeprefix("# "))

    def end(self, result, seconds, cpu):
        """The case ended; RESULT is its exit code, "timeout" or "hung", CPU what it took of the host."""
        why = None
        if result == "timeout":
            why = f"ends within its time (killed after {seconds} s)"
        elif result == "hung":
            why = f"can be killed (a task hangs in the kernel after {seconds} s: see dmesg.log)"
        elif self.plan is None or self.plan != self.seen:
            why = f"prints its plan (exit code {result}, plan {self.plan}, {self.seen} results)"
        elif result != "0" and not self.failed:
            why = f"exits with 0 (exit code {result})"
        if why:
            self.report.of_case(False, self.name, f"{why}; log {self.logs}/{self.name}.log")
        self.report.comment(f"{self.report.prefix} {self.name}: {self.seen} results in {seconds} s, {cpu:.0f} s of CPU")


def splats(log):
    """Lines of a kernel log that mean trouble, each with the case in which it came."""
    case, found = "boot", []
    for line in log.splitlines():
        mark = CASE_MARK.search(line)
        if mark:
            case = mark.group(1) if mark.group(2) == "begins" else "between cases"
        elif SPLAT.search(line):
            found.append((case, re.sub(r"^(<\d+>)?\[?\s*[\d.]+\]?\s*", "", line)))
    return found


def check_dmesg(report, log):
    """One result for the whole kernel log, with the lines that spoil it."""
    if "Linux version" not in log:
        report.of_case(False, "dmesg", "the kernel log could be read")
        return
    found = splats(log)
    cases = ", ".join(sorted({case for case, _ in found}))
    report.of_case(not found, "dmesg", "the kernel log has no warning, oops, lockup or hung task" +
                  (f": {len(found)} lines, in {cases}" if found else ""))
    for case, line in found[:20]:
        report.comment(f"dmesg in {case}: {line}")
