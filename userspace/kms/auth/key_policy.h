/* SPDX-License-Identifier: MIT */
/*
 * The policy of a key: the stored one, or the default one.
 *
 * The default policy gives kms:* to the account, as in AWS: the policies of its users decide. The one of
 * an AWS managed key gives its use to the account in the same way, and to the agent by name. Nobody can
 * manage it.
 *
 * Must never answer that a policy denies when it cannot be read.
 */
#ifndef ENVELOPE_KMS_KEY_POLICY_H
#define ENVELOPE_KMS_KEY_POLICY_H

#include "kms/auth/access.h"
#include "kms/policy/evaluate.h"

char *key_policy_text(const struct cmk *key);

int key_policy_ask(const struct access *access, enum verdict *verdict, struct fault *f);

int key_policy_check(const struct access *access, bool bypass, struct fault *f);

#endif
