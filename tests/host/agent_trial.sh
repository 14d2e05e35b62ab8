#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The question to the KMS of a new configuration, on the build with AddressSanitizer: see
# agent_trial.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# The agent syncs catalog and trail with every change.
# A RAM disk keeps a busy disk out of the timing.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_trial.py "${BIN:-build/asan}" "$@"
