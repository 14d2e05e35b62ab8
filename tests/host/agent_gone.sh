#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A catalog that is gone, on the build with AddressSanitizer: see agent_gone.py. With an
# argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_gone.py "${BIN:-build/asan}" "$@"
