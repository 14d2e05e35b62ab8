#!/bin/bash
# SPDX-License-Identifier: MIT
#
# envelope-kms, killed before each of its writes: what the audit trail says of changes is what the key
# store has. See kms_killed.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# Each start and each change is synced: not with a disk that is busy with other things.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/kms_killed.py "${BIN:-build/asan}/unit/envelope-kms" "$@"
