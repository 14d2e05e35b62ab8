#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The settings of envelope-kms, checked before they count, on the build with AddressSanitizer: see
# kms_settings.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_settings.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
