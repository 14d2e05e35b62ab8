#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a full disk tears, what only looks torn, and another history: see kms_audit_torn.py. With an argument
# only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_audit_torn.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
