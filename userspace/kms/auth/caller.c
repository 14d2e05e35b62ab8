// SPDX-License-Identifier: MIT
/* See caller.h. */
#include "kms/auth/caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kms/users/user.h"
#include "lib/base/log.h"

/**
 * caller_find() - the principal of @access_key; principal_find_t
 * @call: takes the user over, and its principal
 * @f: KMSInternalException
 *
 * An inactive access key has no principal. Return: 0, -ENOENT with @f untouched, or -1.
 */
int caller_find(const char *access_key, void *userdata, const struct principal **principal,
		struct fault *f)
{
	struct call *call = userdata;
	const struct user_key *key;
	int r;

	*principal = principal_find(&call->kms->principals, access_key);
	if (*principal)
		return 0;
	if (strlen(access_key) != ACCESS_KEY_CHARS)
		return -ENOENT;
	call->user = calloc(1, sizeof(*call->user));
	if (!call->user)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	r = store_find_user(call->kms->store, access_key, call->user, f);
	if (r)
		return r;
	key = user_key_find(call->user, access_key);
	if (!key || !key->active)
		return -ENOENT;
	*principal = &call->own;
	return user_principal(call->user, key, &call->own, f);
}

/** caller_note_twins() - say in the log which profiles have the name or the access key of a user */
void caller_note_twins(struct kms *kms)
{
	for (size_t i = 0; i < kms->principals.count; i++) {
		const struct principal *profile = &kms->principals.list[i];
		_cleanup_user_ struct user named = { 0 }, signing = { 0 };
		struct fault f;

		if (!store_get_user(kms->store, profile->account, profile->name, &named, &f))
			log_warning("The profile [%s] of the credentials file has the name of the user %s, and so its ARN. The policies of the user do not bind the profile. Rename the profile.",
				    profile->name, named.name);
		if (!store_find_user(kms->store, profile->access_key, &signing, &f))
			log_warning("The profile [%s] of the credentials file has an access key of the user %s, which cannot sign with it any more. Give the profile another pair of keys.",
				    profile->name, signing.name);
	}
}
