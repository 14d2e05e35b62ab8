#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Names of users in policies and grants, on the build with AddressSanitizer: see kms_user_names.py. With an
# argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/model
exec /usr/bin/python3 tests/host/kms_user_names.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
