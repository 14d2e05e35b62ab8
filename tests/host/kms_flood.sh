#!/bin/bash
# SPDX-License-Identifier: MIT
#
# envelope-kms while others hold as many connections as they can, on the build with
# AddressSanitizer: see kms_flood.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_flood.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
