#!/bin/bash
# SPDX-License-Identifier: MIT
#
# boto3 against envelope-kms, on the build with AddressSanitizer: see kms_boto3.py. With an argument only
# the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/model
exec /usr/bin/python3 tests/host/kms_boto3.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
