// SPDX-License-Identifier: MIT
/* See key_grants.h. */
#include "kms/auth/key_grants.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/grants/grant_groups.h"
#include "kms/grants/grant_rules.h"
#include "kms/users/user.h"

struct search {
	const struct access *access;
	const struct grant_request *request;
	bool allowed;
	bool damaged;	  /* a grant that may allow the access could not be read */
	struct fault why; /* of the first one */
};

static int ask_grant(const struct grant *grant, void *userdata)
{
	struct search *search = userdata;

	search->allowed = grant_allows(grant, search->request);
	return search->allowed;
}

/* A damaged grant does not keep the other grants from allowing the access. */
static int ask_group(const char *group, void *userdata)
{
	struct search *search = userdata;
	struct fault why;

	if (store_find_grants(search->access->grants, group, ask_grant, search, &why) &&
	    !search->damaged) {
		search->damaged = true;
		search->why = why;
	}
	return search->allowed ? 1 : 0;
}

static bool has_fewer(const char *group, size_t most, void *userdata)
{
	struct search *search = userdata;
	struct fault ignored;
	size_t count;

	return !store_count_group(search->access->grants, group, most, &count, &ignored) &&
	       count < most;
}

static int search_grants(struct search *search, bool *allowed, struct fault *f)
{
	const struct grant_asker asker = { ask_group, has_fewer, search };

	if (grant_groups_asked(search->request, &asker) == -ENOMEM)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	*allowed = search->allowed;
	if (!search->allowed && search->damaged) {
		*f = search->why;
		return -1;
	}
	return 0;
}

/**
 * key_grants_ask() - does a grant allow the access?
 * @access: with a principal and a key
 * @permitted: the policies of the principal allow the access. A grant to the account as a whole leaves
 *	it to them
 * @f: KMSInternalException
 *
 * Return: 0 or -1.
 */
int key_grants_ask(const struct access *access, bool permitted, bool *allowed, struct fault *f)
{
	char principal[USER_ARN_MAX], root[64];
	struct grant_request request = {
		.operation = grant_operation(access->action),
		.key_id = access->key->key_id,
		.principal = principal,
		.context = access->context,
	};
	struct search search = { .access = access, .request = &request };

	*allowed = false;
	if (!request.operation || !access->grants)
		return 0;
	/* A grant to a user is bound to its id, see user_binding.h. */
	if (access->user)
		strcpy(principal, access->user->id);
	else
		principal_arn(access->principal, principal);
	if (permitted) {
		snprintf(root, sizeof(root), "arn:aws:iam::%s:root", access->principal->account);
		request.root = root;
	}
	if (request.operation == GRANT_RETIRE_GRANT) {
		*allowed = access->grant && grant_may_retire(access->grant, &request);
		return 0;
	}
	if (request.operation == GRANT_CREATE_GRANT)
		request.made = access->grant;
	return search_grants(&search, allowed, f);
}
