#!/bin/bash
# SPDX-License-Identifier: MIT
#
# envelope-copy, on the build with AddressSanitizer: see device_copy.py. With an argument only the tests whose name
# contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/lib
# Each note is synced: not with a disk that is busy with other things.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/device_copy.py "${BIN:-build/asan}/unit/envelope-copy" "$@"
