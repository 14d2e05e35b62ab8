#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Users of IAM, on the build with AddressSanitizer: see kms_iam.py. With an argument only the tests whose
# name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/model
exec /usr/bin/python3 tests/host/kms_iam.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
