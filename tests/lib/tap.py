# SPDX-License-Identifier: MIT
"""The one TAP writer of Python tests (the one for shell is tap.bash)."""

import threading
import traceback


class Tap:
    """Numbered results on standard output, from any thread; of tests run by check() those whose name has ONLY in it."""

    def __init__(self, only=""):
        self.only = only
        self.count = 0
        self.failed = 0
        self.lock = threading.RLock()

    def comment(self, text):
        """Lines that are no results; below a failed result they belong to it."""
        with self.lock:
            for line in text.splitlines():
                print(f"# {line}", flush=True)

    def result(self, good, name, why=""):
        """One result, printed at once; WHY it failed."""
        with self.lock:
            self.count += 1
            self.failed += not good
            print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
            if not good:
                self.comment(why)
        return good

    def equal(self, name, expected, seen):
        """Are they the same?"""
        return self.result(expected == seen, name, f"expected: {expected!r}\nseen:     {seen!r}")

    def skip(self, name, why):
        """A test that cannot run here."""
        self.result(True, f"{name} # SKIP {why}")

    def check(self, name, function, *arguments):
        """A function as a test: it fails by an exception."""
        try:
            function(*arguments)
        except Exception:  # pylint: disable=broad-except
            self.result(False, name, traceback.format_exc())
        else:
            self.result(True, name)

    def test(self, name):
        """Decorator: run the function as this test, now."""
        def decorate(function):
            if self.only in name:
                self.check(name, function)
            return function

        return decorate

    def finish(self):
        """The plan; the exit status: a suite that has run no test fails."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed or not self.count else 0
