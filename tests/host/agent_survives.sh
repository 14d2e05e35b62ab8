#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What must not end the agent, nor a lease, on the build with AddressSanitizer: see
# agent_survives.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# The agent syncs catalog and trail with every change.
# A RAM disk keeps a busy disk out of the timing.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_survives.py "${BIN:-build/asan}" "$@"
