#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The rules of grants of envelope-kms against a model in Python, on the build with AddressSanitizer: see
# kms_grant_model.py. More pairs, and other ones: PAIRS=1000000 SEED=7 tests/host/kms_grant_model.sh

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_grant_model.py "${USERSPACE_BUILD:-build/asan}/unit/grant_verdicts" "$@"
