#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Aliases on the build with AddressSanitizer: see kms_aliases.py. With an argument
# only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_aliases.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
