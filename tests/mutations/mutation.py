# SPDX-License-Identifier: MIT
"""A mutation: a patch that takes one protection away, and the test that must notice.

    The hash of the header is not compared.
    Test: unit header_test
    Expect: not ok .* forged_header_is_refused

    --- a/userspace/lib/header/header.c
    +++ b/userspace/lib/header/header.c
    @@ ...

`Test:` is `unit NAME`, `host NAME`, either with the name of one of its tests where it takes
one, `fuzz NAME_fuzz` with a part of a seed's name, or `kunit SUITE.CASE`. `Expect:` is an extended regular expression; the mutation is noticed
if a line of the failed test matches it. Lines of tests that passed do not count. `Kernel:` is
there only if one kernel alone has the code.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import zlib

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
FOLDER = os.path.join(TOP, "tests/mutations")
KEYS = ("Test", "Expect", "Kernel")
KINDS = ("unit", "host", "fuzz", "kunit")
PASSED = re.compile(r"\s*ok\b")


class Mutation:
    """One tests/mutations/NAME.patch."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".patch")
        with open(path, encoding="utf-8") as file:
            header, mark, hunks = file.read().partition("\n--- a/")
        self.diff = mark.lstrip("\n") + hunks
        fields, description = {}, []
        for line in header.splitlines():
            key, colon, value = line.partition(": ")
            if colon and key in KEYS and key not in fields:
                fields[key] = value
            elif line.strip():
                description.append(line)
        self.test, self.expect = fields.get("Test", ""), fields.get("Expect", "")
        self.kernel = fields.get("Kernel")
        self.kind = self.test.split(" ")[0]
        self.files = re.findall(r"^\+\+\+ b/(\S+)", self.diff, re.M)
        for there, what in ((self.kind in KINDS and " " in self.test, "line Test: unit|host|fuzz|kunit NAME"),
                            (self.expect, "line Expect: REGULAR EXPRESSION"),
                            (description, "line that says what is taken away"), (self.files, "diff")):
            if not there:
                sys.exit(f"mutations: {self.name}.patch has no {what}")

    def apply(self, tree):
        """Patches a copy of the sources. Returns None, or why the patch does not apply."""
        for file in self.files:
            path = f"{tree}/{file}"
            if not os.path.exists(path):
                return f"there is no {file}"
            # The file may be a hard link to the original.
            shutil.copy(path, f"{path}.new")
            os.replace(f"{path}.new", path)
        # An offset is allowed. A context that differs is not: the protection may be another one.
        command = ["patch", "-d", tree, "-p1", "-F0", "-N", "-r", "-", "--no-backup-if-mismatch", "-i", self.path]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return f"the patch does not apply:\n{done.stdout}" if done.returncode else None

    def noticed(self, said):
        """Does the output of a test show the failure that is expected?"""
        failures = "\n".join(line for line in said.splitlines() if not PASSED.match(line))
        return bool(re.search(r"^not ok ", said, re.M) and re.search(self.expect, failures, re.M))

    def missing_test(self):
        """Returns None, or why the named test cannot be run."""
        name = self.test.split(" ")[1]
        if self.kind == "kunit":
            return missing_case(name)
        path = f"tests/{self.kind}/{name}" + (".sh" if self.kind == "host" else ".c")
        return None if os.path.exists(os.path.join(TOP, path)) else f"there is no {path}"


def missing_case(name):
    """Returns None, or what of SUITE.CASE the sources of the module do not have."""
    suite, _, case = name.partition(".")
    for path in glob.glob(os.path.join(TOP, "kmod/*_test.c")):
        with open(path, encoding="utf-8") as file:
            source = file.read()
        if f'.name = "{suite}"' in source and re.search(rf"KUNIT_CASE[A-Z_]*\({case}\b", source):
            return None
    return f"no kmod/*_test.c has the case {case} of the suite {suite}"


def tail(text):
    """The last lines of a text, as much as a result shows."""
    return "\n".join(text.splitlines()[-60:])


def read(folder, wanted):
    """All mutations of a folder, or those that are named."""
    found = {m.name: m for m in map(Mutation, sorted(glob.glob(f"{folder}/*.patch")))}
    unknown = set(wanted) - set(found)
    if unknown:
        sys.exit(f"mutations: there is no {', '.join(sorted(unknown))}.patch in {folder}")
    return [found[name] for name in wanted or found]


def turn(parts):
    """Which of the parts the newest commit runs. Without a history: the first one."""
    command = ["git", "-C", TOP, "rev-list", "--count", "HEAD"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return int(done.stdout) % parts if done.returncode == 0 else 0


def share(mutations, parts, mine):
    """The mutations of one part. A mutation stays in its part when others are added."""
    return [m for m in mutations if zlib.crc32(m.name.encode()) % parts == mine]
