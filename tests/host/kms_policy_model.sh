#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The evaluator of key policies against the model of AWS's rules, on the build with AddressSanitizer: see
# kms_policy_model.py. More pairs, and other ones: PAIRS=1000000 SEED=7 tests/host/kms_policy_model.sh

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99
exec /usr/bin/python3 tests/host/kms_policy_model.py "${USERSPACE_BUILD:-build/asan}/unit/policy_verdicts" "$@"
