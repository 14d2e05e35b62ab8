#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Rules of AWS for rights beside the one of a call, and for requests of IAM, on the build with
# AddressSanitizer: see kms_iam_rules.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/model
exec /usr/bin/python3 tests/host/kms_iam_rules.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
