# SPDX-License-Identifier: MIT
"""The one TAP writer of Python tests (the one for shell is tap.bash)."""

import threading
import traceback


class Tap:
    """Numbered results on standard output, from any thread.

    test() runs only tests whose name contains ONLY.
    """

    def __init__(self, only=""):
        self.only = only
        self.count = 0
        self.failed = 0
        self.lock = threading.RLock()

    def comment(self, text):
        """Prints comment lines. Below a failed result they explain the failure."""
        with self.lock:
            for line in text.splitlines():
                print(f"# {line}", flush=True)

    def result(self, good, name, why=""):
        """Prints one result at once. WHY says why a failed test failed."""
        with self.lock:
            self.count += 1
            self.failed += not good
            print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
            if not good:
                self.comment(why)
        return good

    def equal(self, name, expected, seen):
        """Passes if EXPECTED and SEEN are equal."""
        return self.result(expected == seen, name, f"expected: {expected!r}\nseen:     {seen!r}")

    def skip(self, name, why):
        """A test that cannot run here."""
        self.result(True, f"{name} # SKIP {why}")

    def check(self, name, function, *arguments):
        """Runs a function as a test, whatever ONLY is. An exception fails the test."""
        try:
            function(*arguments)
        except Exception:  # pylint: disable=broad-except
            self.result(False, name, traceback.format_exc())
        else:
            self.result(True, name)

    def test(self, name):
        """Decorator: run the function now, as the test NAME, if NAME contains ONLY."""
        def decorate(function):
            if self.only in name:
                self.check(name, function)
            return function

        return decorate

    def finish(self):
        """Prints the plan. Returns the exit status: 1 if a test failed or no test ran."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed or not self.count else 0
