#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Several regions on the build with AddressSanitizer: see kms_regions.py. With an argument
# only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_regions.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
