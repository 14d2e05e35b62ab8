// SPDX-License-Identifier: MIT
/*
 * Grants for tests. See kms_grant_fixture.h.
 */
#include "kms_grant_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"

/**
 * grant_fixture_make() - grant @i of @key_id, with a context of its own unless @i is even; grant_free()
 */
struct grant grant_fixture_make(const char *key_id, int i)
{
	struct grant grant = { .account = ACCOUNT,
			       .region = "us-east-1",
			       .issuer = ACCOUNT,
			       .grantee = AGENT,
			       .operations = GRANT_DECRYPT | GRANT_DESCRIBE_KEY,
			       .created = NOW };
	char volume[16];

	snprintf(grant.id, sizeof(grant.id), "%08x%.36s%020d", (unsigned int)i * 2654435761u,
		 "000000000000000000000000000000000000", i);
	strcpy(grant.key_id, key_id);
	snprintf(grant.name, sizeof(grant.name), "volume-%d", i);
	if (i % 2 == 0)
		return grant;
	snprintf(volume, sizeof(volume), "%d", i);
	grant.context = json_object_new_object();
	json_add_string(grant.context, "volume", volume);
	grant.constraint = i % 4 == 1 ? CONSTRAINT_EQUALS : CONSTRAINT_SUBSET;
	return grant;
}

/** grant_fixture_set_up() - make the store with its grants, as store_fixture_set_up() */
int grant_fixture_set_up(void **state)
{
	struct store_fixture *x;

	assert_int_equal(store_fixture_set_up(state), 0);
	x = *state;
	store_fixture_add_key(x->store, DUE, KEY_PENDING_DELETION, NOW + 100, 0xcc);
	assert_int_equal(store_begin(x->store, NULL), 0);
	for (int i = 0; i < GRANTS; i++) {
		_cleanup_grant_ struct grant grant = grant_fixture_make(i < GRANTS / 2 ? A : DUE,
									i);

		assert_int_equal(store_add_grant(x->store, &grant, NULL), 0);
	}
	assert_int_equal(store_commit(x->store, NULL), 0);
	return 0;
}

/** grant_fixture_compare() - a store_grant_t that stops at the one that @userdata, a struct sought, names */
int grant_fixture_compare(const struct grant *grant, void *userdata)
{
	struct sought *sought = userdata;

	sought->found = !strcmp(grant->id, sought->id);
	return sought->found;
}
