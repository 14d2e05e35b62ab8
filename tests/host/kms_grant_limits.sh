#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How many grants a key and a grantee can have, and their end in a damaged set, on the build with
# AddressSanitizer: see kms_grant_limits.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_grant_limits.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
