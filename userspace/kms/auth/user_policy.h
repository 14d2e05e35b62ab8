/* SPDX-License-Identifier: MIT */
/*
 * The policies of the caller. A user of IAM has those that PutUserPolicy gave it. A principal of the
 * credentials file has every right of its account, or none (struct principal).
 *
 * Must never answer that a policy denies, or that none allows, when one cannot be read.
 */
#ifndef ENVELOPE_KMS_USER_POLICY_H
#define ENVELOPE_KMS_USER_POLICY_H

#include "kms/auth/access.h"
#include "kms/policy/evaluate.h"

int user_policy_ask(const struct access *access, enum verdict *verdict, struct fault *f);

#endif
