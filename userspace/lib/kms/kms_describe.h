/* SPDX-License-Identifier: MIT */
/*
 * DescribeKey, for a program that has no event loop of its own: it changes nothing and gives no key.
 */
#ifndef ENVELOPE_KMS_DESCRIBE_H
#define ENVELOPE_KMS_DESCRIBE_H

#include "lib/base/config.h"
#include "lib/kms/kms_client.h"

/** KMS_NO_KEY - id of a key that no KMS has: an answer proves the way to the KMS and the credentials */
#define KMS_NO_KEY "00000000-0000-0000-0000-000000000000"

/** struct kms_description - the answer; @state: of the key, "" unless @outcome is KMS_OK */
struct kms_description {
	enum kms_outcome outcome;
	struct fault f;
	char state[32];
};

void kms_describe(const struct config *cfg, const char *key, struct kms_description *answer);

#endif
