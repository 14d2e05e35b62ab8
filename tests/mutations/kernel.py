# SPDX-License-Identifier: MIT
"""Builds and judges mutations of the module, which KUnit suites notice.

Each mutant is a module dm-envelope-NAME, which shares all objects that the patch does not
touch. tests/kunit/run builds all mutants at once and loads them one after another.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from mutation import TOP, tail


class Kernel:
    """The mutants of one kernel, and the verdicts on them."""

    def __init__(self, series, mutations):
        self.folder = tempfile.mkdtemp(prefix="mutants-")
        self.sources = f"{self.folder}/sources"
        self.reasons = {}
        os.makedirs(self.sources)
        subprocess.run(["rsync", "-aR", "--exclude=*.o", "./kmod", "./Kbuild", self.sources], cwd=TOP, check=True)
        shutil.copytree(f"{self.sources}/kmod", f"{self.folder}/original/kmod")
        runs = [self.add(mutation) for mutation in mutations]
        with open(f"{self.folder}/runs", "w", encoding="utf-8") as file:
            file.writelines(run for run in runs if run)
        if any(runs):
            command = [f"{TOP}/tests/kunit/run", series, "--mutants", self.folder]
            if subprocess.run(command, check=False).returncode:
                sys.exit(f"the mutants were not all built and loaded: see {self.folder}")

    def close(self):
        """Removes what the runs left."""
        shutil.rmtree(self.folder)

    def add(self, mutation):
        """The module of a mutant. Returns its line for tests/kunit/init, or None."""
        tree, name = f"{self.folder}/{mutation.name}", f"dm-envelope-{mutation.name}"
        shutil.copytree(f"{self.folder}/original", tree)
        self.reasons[mutation.name] = mutation.apply(tree)
        if self.reasons[mutation.name]:
            return None
        objects = "$(dm-envelope-y)"
        for file in mutation.files:
            original, mutated = file.removesuffix(".c"), f"{file.removesuffix('.c')}-{mutation.name}"
            shutil.copy(f"{tree}/{file}", f"{self.sources}/{mutated}.c")
            objects = f"$(subst {original}.o,{mutated}.o,{objects})"
        with open(f"{self.sources}/Kbuild", "a", encoding="utf-8") as kbuild:
            kbuild.write(f"obj-m += {name}.o\n{name}-y := {objects}\n")
        # The search for leaks takes a while.
        leaks = "leaks" if "kmemleak" in mutation.expect else "-"
        return f"{name} {mutation.test.split(' ')[1]} {leaks}\n"

    def judge(self, mutation):
        """The test notices the mutation. Returns (good, diagnosis)."""
        if self.reasons[mutation.name]:
            return False, tail(self.reasons[mutation.name])
        with open(f"{self.folder}/dm-envelope-{mutation.name}.verdict", encoding="utf-8") as file:
            said = file.read()
        if mutation.noticed(said):
            return True, ""
        return False, tail(f"expected a failure that says: {mutation.expect}\nseen:\n{said}")
