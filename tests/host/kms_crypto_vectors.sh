#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The published vectors of AES-256-GCM and HKDF against the KMS's own code, on the build with AddressSanitizer:
# see kms_crypto_vectors.py. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_crypto_vectors.py "${USERSPACE_BUILD:-build/asan}/unit/crypto_answers" "$@"
