// SPDX-License-Identifier: MIT
/* See authorize_fixture.h. */
#include "authorize_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kms/grants/grant_groups.h"

const struct principal user = { .name = "user", .account = OWN };
const struct principal stranger = { .name = "user", .account = OTHER };
const struct cmk customer_key = { KEY }, managed_key = { KEY, .aws_managed = true };
struct fixture_grants grants;

const struct grant decrypts = {
	.key_id = KEY_ID, .account = OWN, .grantee = GRANTEE, .operations = GRANT_DECRYPT
};

int store_find_grants(struct store *store, const char *group, store_grant_t each, void *userdata,
		      struct fault *f)
{
	(void)store;
	for (size_t i = 0; i < grants.count; i++) {
		struct grant_groups groups;

		assert_int_equal(grant_groups(&grants.list[i], &groups), 0);
		for (size_t j = 0; j < groups.count; j++)
			if (!strcmp(groups.list[j], group) && each(&grants.list[i], userdata))
				return 0;
	}
	return grants.damaged ? fault_set(f, "KMSInternalException", "A grant is missing.") : 0;
}

int store_count_group(struct store *store, const char *group, size_t most, size_t *count,
		      struct fault *f)
{
	(void)store, (void)group, (void)most, (void)f;
	*count = grants.count;
	return 0;
}

struct access access_to(const struct cmk *key, const char *action,
			const struct principal *principal, struct json_object *context)
{
	return (struct access){ .principal = principal,
				.service = "kms",
				.action = action,
				.key = key,
				.account = OWN,
				.resource = "*",
				.source = "127.0.0.1",
				.now = 1795989600,
				.context = context };
}

int decrypt_by(const struct principal *principal, const char *policy, struct fault *f)
{
	struct cmk key = { KEY, .policy = (char *)policy };
	struct access access = access_to(&key, "Decrypt", principal, NULL);

	*f = (struct fault){ 0 };
	access.grants = (struct store *)&grants;
	return authorize(&access, f);
}
