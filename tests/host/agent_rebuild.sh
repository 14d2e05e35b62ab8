#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The catalog rebuilt from the disks, with a stand-in for LVM, on the build with AddressSanitizer: see
# agent_rebuild.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
# Catalog and trail are synced with every change: not with a disk that is busy with other things.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
exec /usr/bin/python3 tests/host/agent_rebuild.py "${BIN:-build/asan}" "$@"
