#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every call of AWS's model of KMS against envelope-kms, on the build with AddressSanitizer: see
# kms_model_walk.py. KMS_MODEL=service-2.json.gz takes the model of a newer botocore, KMS_SDK=FOLDER
# also reads that of the npm package @aws-sdk/client-kms. With an argument only the tests whose name contains it.

cd "$(dirname "$0")/../.." || exit 1
export ASAN_OPTIONS=exitcode=99 PYTHONPATH=tests/model
exec /usr/bin/python3 tests/host/kms_model_walk.py "${ENVELOPE_KMS:-build/asan/envelope-kms}" "$@"
