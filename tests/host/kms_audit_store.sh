#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The key store of envelope-kms knows a record of the audit trail: see kms_audit_store.py. With an argument
# only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_audit_store.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
