#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Faults in the configuration of the agent, on the build with AddressSanitizer: see agent_settings.py.
# With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_settings.py "${BIN:-build/asan}" "$@"
