#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Nothing that happens to the key store's files holds up a revocation, on the build with
# AddressSanitizer: see kms_revocation.py. With an argument only the tests whose name contains it.
# In a mount namespace of its own, for small file systems.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec unshare -m /usr/bin/python3 tests/host/kms_revocation.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
