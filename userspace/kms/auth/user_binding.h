/* SPDX-License-Identifier: MIT */
/*
 * The users that policies of keys and grants name. A name is bound to the unique id of the user that has
 * it when the policy or the grant is kept, as in AWS: a later user of the name gets nothing from it.
 *
 * A profile of the credentials file has no unique id, and is known by its name.
 *
 * Must never bind a name again: what was given to a deleted user would be given to another one.
 */
#ifndef ENVELOPE_KMS_USER_BINDING_H
#define ENVELOPE_KMS_USER_BINDING_H

#include "kms/call.h"
#include "kms/keys/cmk.h"
#include "kms/users/user.h"

int user_bind(struct kms *kms, const char *arn, char id[USER_ID_CHARS + 1], struct fault *f);

int user_bind_policy(struct kms *kms, struct cmk *cmk, struct fault *f);

bool user_is_gone(struct kms *kms, const char *arn, const char *id);

char *user_show_policy(struct kms *kms, const struct cmk *cmk, char *text);

#endif
