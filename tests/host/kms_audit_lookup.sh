#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Records looked up in the audit trail of envelope-kms: see kms_audit_lookup.py. With an argument only the
# tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_audit_lookup.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
