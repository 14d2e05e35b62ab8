#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Clusters with a profile and an endpoint of their own, on the build with AddressSanitizer: see
# agent_own_reach.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_own_reach.py "${BIN:-build/asan}" "$@"
