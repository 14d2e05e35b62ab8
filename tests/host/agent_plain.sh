#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Plain clusters, on the build with AddressSanitizer: see agent_plain.py. With an
# argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# Catalog and trail are synced with every change: not with a disk that is busy with other things.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_plain.py "${BIN:-build/asan}" "$@"
