#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The chain of the audit trail of envelope-kms, and what "audit verify" finds in it: see
# kms_audit_chain.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_audit_chain.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
