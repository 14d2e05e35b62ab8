/* SPDX-License-Identifier: MIT */
/*
 * authorize() alone decides whether a principal may perform an action.
 *
 * key_lookup() calls authorize() once for each key of a call. A call without a key asks about "*".
 * A call that changes an alias asks about the alias too. authorize() reads struct access alone. A
 * new condition of a policy or a grant therefore needs a new member of struct access. access_of()
 * fills the members that each call has, ask() in key_lookup.c those of the key.
 *
 * The policy of a key (key_policy.h), the policies of the caller (user_policy.h) and the grants on the
 * key (key_grants.h) decide together, as in AWS: policy/decision.h has the rules.
 *
 * No call may bypass authorize().
 */
#ifndef ENVELOPE_KMS_AUTHORIZE_H
#define ENVELOPE_KMS_AUTHORIZE_H

#include "kms/auth/access.h"

int authorize(const struct access *access, struct fault *f);

#endif
