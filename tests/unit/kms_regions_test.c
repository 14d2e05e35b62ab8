// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_check.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_rotation.c kms/store/store_due.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * Aliases of several regions in one store: the same name in each, and stores of before, whose aliases
 * have no region as a column.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "kms_store_fixture.h"

#define FIRST "us-east-1"
#define OTHER "eu-west-1"

static void add(struct store *store, const char *region, const char *name, const char *target)
{
	struct alias alias = { .account = ACCOUNT, .created = NOW };
	struct fault f;

	strcpy(alias.region, region);
	strcpy(alias.name, name);
	strcpy(alias.target, target);
	if (store_add_alias(store, &alias, &f))
		fail_msg("%s", f.message);
}

/* Return: that of store_get_alias(); a fault must be KMSInternalException, which ends no cluster */
static int get(struct store_fixture *x, const char *region, const char *name, const char *target)
{
	struct fault f = { 0 };
	struct alias alias;
	int r = store_get_alias(x->store, region, ACCOUNT, name, &alias, &f);

	if (!r) {
		assert_string_equal(alias.region, region);
		assert_string_equal(alias.target, target);
	} else if (r != -ENOENT) {
		assert_string_equal(f.code, "KMSInternalException");
	}
	return r;
}

static int note(const struct alias *alias, void *userdata)
{
	strcat(userdata, alias->target);
	return 0;
}

static void assert_lists(struct store_fixture *x, const char *region, const char *targets)
{
	char seen[256] = "";

	assert_int_equal(store_list_aliases(x->store, region, ACCOUNT, NULL, "", note, seen, NULL),
			 0);
	assert_string_equal(seen, targets);
}

static void a_name_is_in_each_region_by_itself(void **state)
{
	struct store_fixture *x = *state;

	assert_int_equal(get(x, OTHER, "alias/one", NULL), -ENOENT);
	add(x->store, OTHER, "alias/one", B);
	assert_int_equal(get(x, FIRST, "alias/one", A), 0);
	assert_int_equal(get(x, OTHER, "alias/one", B), 0);
	assert_lists(x, FIRST, A);
	assert_lists(x, OTHER, B);
	assert_lists(x, "eu-west-2", "");
	assert_int_equal(store_delete_alias(x->store, FIRST, ACCOUNT, "alias/one", NULL), 0);
	assert_int_equal(get(x, FIRST, "alias/one", NULL), -ENOENT);
	assert_int_equal(get(x, OTHER, "alias/one", B), 0);
	/* A lost row is missed in its region alone. */
	store_fixture_tamper(x, "DELETE FROM aliases WHERE region = '" OTHER "'");
	assert_int_equal(get(x, OTHER, "alias/one", NULL), -1);
	assert_int_equal(get(x, FIRST, "alias/one", NULL), -ENOENT);
}

/* Each row of one region stands under the other one's name in the set. */
static void a_row_moved_to_another_region_is_refused(void **state)
{
	struct store_fixture *x = *state;

	add(x->store, OTHER, "alias/one", B);
	store_fixture_tamper(x, "UPDATE aliases SET region = 'x' || region");
	store_fixture_tamper(x,
			     "UPDATE aliases SET region = '" FIRST "' WHERE region = 'x" OTHER "'");
	store_fixture_tamper(x,
			     "UPDATE aliases SET region = '" OTHER "' WHERE region = 'x" FIRST "'");
	assert_int_equal(get(x, FIRST, "alias/one", NULL), -1);
	assert_int_equal(get(x, OTHER, "alias/one", NULL), -1);
}

static void a_store_of_before_several_regions_is_upgraded(void **state)
{
	struct store_fixture *x = *state;

	add(x->store, FIRST, "alias/lost", A);
	add(x->store, FIRST, "alias/damaged", A);
	add(x->store, FIRST, "alias/no-json", A);
	/* Region= had another value once. Its aliases had names like all others. */
	strcpy(x->store->region, OTHER);
	add(x->store, OTHER, "alias/two", B);
	add(x->store, OTHER, "alias/altered", B);
	store_fixture_take_back(x, 5, BEFORE_REGIONS);
	store_fixture_tamper(x, "DELETE FROM aliases WHERE name = 'alias/lost'");
	store_fixture_tamper(x, "UPDATE aliases SET record = replace(record, '" FIRST "', '" OTHER
				"') WHERE name = 'alias/damaged'");
	store_fixture_tamper(x, "UPDATE aliases SET record = 'x' WHERE name = 'alias/no-json'");
	store_fixture_tamper(x, "UPDATE aliases SET seal = zeroblob(length(seal))"
				" WHERE name = 'alias/altered'");
	for (int i = 0; i < 2; i++) {
		store_close(x->store);
		assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
		assert_int_equal(get(x, FIRST, "alias/one", A), 0);
		assert_int_equal(get(x, OTHER, "alias/one", NULL), -ENOENT);
		assert_int_equal(get(x, OTHER, "alias/two", B), 0);
		assert_int_equal(get(x, FIRST, "alias/two", NULL), -ENOENT);
		/* None of them is known to be absent. */
		assert_int_equal(get(x, FIRST, "alias/lost", NULL), -1);
		assert_int_equal(get(x, FIRST, "alias/damaged", NULL), -1);
		assert_int_equal(get(x, FIRST, "alias/no-json", NULL), -1);
		assert_int_equal(get(x, FIRST, "alias/altered", NULL), -1);
	}
	assert_int_equal(store_delete_alias(x->store, OTHER, ACCOUNT, "alias/two", NULL), 0);
	assert_int_equal(get(x, OTHER, "alias/two", NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_name_is_in_each_region_by_itself),
		STORE_TEST(a_row_moved_to_another_region_is_refused),
		STORE_TEST(a_store_of_before_several_regions_is_upgraded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
