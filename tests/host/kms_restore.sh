#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Backup and restore of the key store of envelope-kms: see kms_restore.py. With an argument only the tests
# whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_restore.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
