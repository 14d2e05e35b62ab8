#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Paths that do not answer, on the build with AddressSanitizer: see agent_paths.py. With an
# argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_paths.py "${BIN:-build/asan}" "$@"
