#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The audit trail of envelope-kms when its disk is full, in the journal, and of what the KMS does
# by itself: see kms_audit.py. With an argument only the tests whose name contains it.
# In a mount namespace of its own, for the journal's socket.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec unshare -m /usr/bin/python3 tests/host/kms_audit.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
