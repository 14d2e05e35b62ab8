# SPDX-License-Identifier: MIT
"""Builds and judges mutations of the userspace, which unit and host tests and fuzz seeds notice.

The copies of the sources lie in build/mutants. By hard links they share all objects that a
mutation does not touch.
"""

import fcntl
import glob
import os
import shutil
import subprocess
import sys

from mutation import TOP, tail

PLACE = os.path.join(TOP, "build/mutants")
# The last three: what `make install` needs beside them.
COPIED = ("userspace", "tests/unit", "tests/fuzz", "tests/host", "tests/data", "tests/lib", "tests/model", "kmod/uapi",
          "docs", "dkms.conf", "Makefile", "Kbuild", "LICENSES")
SECONDS = 300  # for one test: far more than any needs
PROGRAMS = ("envelope", "enveloped", "envelope-kms", "envelope-kms-worker", "envelope-request-key", "envelope-check",
            "envelope-copy", "envelope-suspend")
STAND_INS = {  # how the name of a host test begins, and the programs that `make` builds for it
    "agent": ("enveloped", "envelope-suspend"),
    "device_copy": ("envelope-copy",),
    "kms_killed": ("envelope-kms",),
    "kms_policy_model": ("policy_verdicts",),
    "kms_grant_model": ("grant_verdicts",),
    "kms_crypto_vectors": ("crypto_answers",),
}


def make(tree, *targets):
    """Builds in a copy; returns what make said if that failed."""
    # Quick to build, and without warnings of what a mutation leaves unused.
    command = ["make", "-s", "-C", f"{tree}/userspace", f"O={tree}/build/userspace", "CFLAGS=-O0", "WARNINGS=-w", *targets]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout if done.returncode else None


def compile_changed(tree, mutation):
    """Compiles the changed C files of @tree, with the headers of the checkout. Returns what cc says, or None."""
    packages = subprocess.run(["pkg-config", "--cflags", "blkid", "libxml-2.0"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    folders = [f"-I{tree}/userspace", f"-I{TOP}/userspace", f"-I{TOP}/kmod/uapi"]
    defines = ["-D_GNU_SOURCE", '-DENVELOPE_VERSION=""', '-DLIBEXECDIR=""']
    # A mutation may leave something unused, but what it calls must be there.
    command = ["cc", "-std=gnu17", "-fsyntax-only", "-Werror=implicit-function-declaration", *defines, *folders, *packages]
    said = ""
    for file in mutation.files:
        if not file.startswith("userspace/") or not file.endswith(".c"):
            continue
        with open(f"{tree}/userspace/interface.inc", "w", encoding="utf-8") as made_by_make:
            made_by_make.write('""')
        done = subprocess.run([*command, f"{tree}/{file}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said += done.stdout if done.returncode else ""
    return said or None


def starts_programs(test):
    """Does the test run programs beside its own?"""
    kind, name = test.split()[:2]
    if kind != "unit":
        return kind == "host"
    with open(os.path.join(TOP, f"tests/unit/{name}.c"), encoding="utf-8") as source:
        return "kms_fixture.c" in source.read()


def targets(tree, test):
    """What a test needs to be built."""
    kind, name = test.split()[:2]
    programs = [f"{tree}/build/userspace/{p}" for p in PROGRAMS] if starts_programs(test) else []
    for start, stand_ins in STAND_INS.items():
        if test.startswith(f"host {start}"):
            programs += [f"{tree}/build/userspace/unit/{program}" for program in stand_ins]
    own = {"unit": f"unit/{name}", "fuzz": f"fuzz/{name}_seeds"}.get(kind)
    return programs + ([f"{tree}/build/userspace/{own}"] if own else [])


def objects_of(out, files):
    """
    The objects below @out that some of @files are compiled into, and their rules of make. Those rules name
    the objects of the base, and the compiler would write the rules of a mutant into the files of the base.
    """
    sources = [file.removeprefix("userspace/") for file in files]
    objects = [f"{out}/{source.removesuffix('.c')}.{end}" for source in sources for end in "od"]
    headers = {source for source in sources if source.endswith(".h")}
    for rules in glob.glob(f"{out}/**/*.d", recursive=True) if headers else ():
        with open(rules, encoding="utf-8") as f:
            if headers.intersection(f.read().split()):
                objects += [rules, f"{rules.removesuffix('.d')}.o"]
    return objects


def run(tree, test):
    """Runs a test in a copy: (exit status, output). No status if the test did not end."""
    kind, name, *only = test.split(None, 2)
    out = f"{tree}/build/userspace"
    command = {"unit": [f"{out}/unit/{name}"], "host": [f"{tree}/tests/host/{name}.sh"],
               "fuzz": [f"{out}/fuzz/{name}_seeds", f"{tree}/tests/fuzz/seeds/{name.removesuffix('_fuzz')}"]}[kind]
    environment = dict(os.environ, BIN=out, ENVELOPE_KMS=f"{out}/envelope-kms", USERSPACE_BUILD=out)
    try:
        done = subprocess.run(command + only, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tree, env=environment,
                              timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace") + f"\nno end after {SECONDS} s"
    return done.returncode, done.stdout.decode(errors="replace")


class Userspace:
    """The sources as they are, built, and kept from run to run."""

    def __init__(self, mutations):
        self.base = f"{PLACE}/base"
        os.makedirs(self.base, exist_ok=True)
        # Held to the end: two runs would build into each other's copies.
        self.lock = os.open(f"{PLACE}/lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        parts = [f"./{part}" for part in COPIED]
        subprocess.run(["rsync", "-aR", "--delete", "--exclude=__pycache__", *parts, self.base], cwd=TOP, check=True)
        wanted = sorted({target for m in mutations for target in targets(self.base, m.test)})
        said = make(self.base, f"-j{os.cpu_count()}", *wanted)
        if said:
            sys.exit(f"{said}\nthe sources do not build without a mutation")

    def judge_test(self, test):
        """The test passes without a mutation. Returns (good, diagnosis)."""
        status, said = run(self.base, test)
        return status == 0 and "not ok" not in said, tail(said)

    def make_mutant(self, mutation):
        """Returns (tree, None) or (None, reason)."""
        tree = f"{PLACE}/{mutation.name}"
        shutil.rmtree(tree, ignore_errors=True)
        os.makedirs(tree)
        # Without what a test of the base makes beside the programs at the same time.
        subprocess.run(["cp", "-al", "--parents", *COPIED, "build/userspace", tree], cwd=self.base, check=True)
        reason = mutation.apply(tree)
        if reason:
            return None, reason
        out = f"{tree}/build/userspace"
        stale = [f"{out}/libenvelope.a", *targets(tree, mutation.test)]
        stale += objects_of(out, mutation.files)
        for path in stale:
            if os.path.exists(path):
                os.unlink(path)
        said = make(tree, *targets(tree, mutation.test))
        return (None, f"the mutant does not build:\n{said}") if said else (tree, None)

    def judge(self, mutation):
        """The test notices the mutation. Returns (good, diagnosis)."""
        tree, reason = self.make_mutant(mutation)
        if not tree:
            return False, tail(reason)
        status, said = run(tree, mutation.test)
        if status not in (0, None) and mutation.noticed(said):
            shutil.rmtree(tree, ignore_errors=True)
            return True, ""
        return False, tail(f"expected a failure that says: {mutation.expect}\nseen, with exit status {status}:\n{said}")
