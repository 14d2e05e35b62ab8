#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The agent with a real KMS, real headers on loop devices and the real CLI, on the build
# with AddressSanitizer: see agent.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# The agent syncs catalog and trail with every change.
# A RAM disk keeps a busy disk out of the timing.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent.py "${BIN:-build/asan}" "$@"
