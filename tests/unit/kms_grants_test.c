// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_check.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c ../tests/unit/kms_grant_fixture.c */
/*
 * Grants in the store: each is found by its id and in its groups, its absence is proved, and what the
 * database has lost is never taken for a grant that was revoked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/grants/grant_groups.h"
#include "kms/store/store_set.h"
#include "kms_grant_fixture.h"
#include "lib/base/json.h"

/* Is @grant in all of its groups? Return: 1, 0 if it is proved that it is in none, -1 with a fault */
static int in_groups(struct store_fixture *x, const struct grant *grant)
{
	struct grant_groups groups;
	size_t found = 0, faults = 0;

	assert_int_equal(grant_groups(grant, &groups), 0);
	assert_int_equal(groups.count, grant->constraint == CONSTRAINT_SUBSET ? 4 : 3);
	for (size_t i = 0; i < groups.count; i++) {
		struct sought sought = { grant->id, false };
		struct fault f = { 0 };

		if (store_find_grants(x->store, groups.list[i], grant_fixture_compare, &sought,
				      &f)) {
			assert_string_equal(f.code, "KMSInternalException");
			faults++;
		} else if (sought.found) {
			found++;
		}
	}
	if (faults)
		return -1;
	assert_true(found == 0 || found == groups.count);
	return found > 0;
}

static int get(struct store_fixture *x, const struct grant *grant, struct fault *f)
{
	_cleanup_grant_ struct grant seen = { 0 };
	int r = store_get_grant(x->store, grant->id, &seen, f);

	if (!r)
		assert_true(grant_same(&seen, grant));
	return r;
}

static void a_grant_is_found_until_it_is_deleted(void **state)
{
	struct store_fixture *x = *state;

	for (int i = 0; i < GRANTS; i++) {
		_cleanup_grant_ struct grant grant = grant_fixture_make(i < GRANTS / 2 ? A : DUE,
									i);

		assert_int_equal(get(x, &grant, NULL), 0);
		assert_int_equal(in_groups(x, &grant), 1);
		assert_int_equal(store_delete_grant(x->store, &grant, NULL), 0);
		assert_int_equal(get(x, &grant, NULL), -ENOENT);
		assert_int_equal(in_groups(x, &grant), 0);
	}
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM grants"), 0);
	/* The keys and the alias have the set for themselves again. */
	assert_int_equal(store_fixture_count(x,
					     "SELECT count(*) FROM sets WHERE record LIKE '%group%'"),
			 0);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
}

/* Deletes each row of a grant in turn, and puts it back. */
static void a_deleted_row_is_no_end_of_a_grant(void **state)
{
	struct store_fixture *x = *state;
	char sql[256];

	store_fixture_tamper(x,
			     "CREATE TABLE kept AS SELECT * FROM grants; UPDATE store SET id = 1");
	for (int i = 0; i < GRANTS; i++) {
		_cleanup_grant_ struct grant grant = grant_fixture_make(i < GRANTS / 2 ? A : DUE,
									i);
		struct fault f = { 0 };

		snprintf(sql, sizeof(sql), "DELETE FROM grants WHERE grant_id = '%s'", grant.id);
		store_fixture_tamper(x, sql);
		assert_int_equal(get(x, &grant, &f), -1);
		assert_non_null(strstr(f.message, "is missing"));
		assert_int_equal(in_groups(x, &grant), -1);
		store_fixture_tamper(x, "INSERT OR IGNORE INTO grants SELECT * FROM kept");
		assert_int_equal(in_groups(x, &grant), 1);
	}
}

/* Deletes each node of the set in turn, and puts it back. */
static void a_deleted_node_is_no_end_of_a_grant(void **state)
{
	struct store_fixture *x = *state;
	long long nodes = store_fixture_count(x, "SELECT count(*) FROM sets");
	int missed = 0;
	char sql[256];

	store_fixture_tamper(x,
			     "CREATE TABLE kept AS SELECT * FROM sets ORDER BY path; UPDATE store SET id = 1");
	for (long long row = 1; row <= nodes; row++) {
		snprintf(sql, sizeof(sql),
			 "PRAGMA synchronous=OFF; DELETE FROM sets WHERE path = (SELECT path FROM kept WHERE rowid = %lld)",
			 row);
		store_fixture_tamper(x, sql);
		for (int i = 0; i < GRANTS; i += 3) {
			_cleanup_grant_ struct grant grant =
				grant_fixture_make(i < GRANTS / 2 ? A : DUE, i);
			struct fault f = { 0 };

			assert_int_not_equal(get(x, &grant, &f), -ENOENT);
			assert_int_not_equal(in_groups(x, &grant), 0);
			missed += in_groups(x, &grant) < 0;
		}
		store_fixture_tamper(x,
				     "PRAGMA synchronous=OFF; INSERT OR IGNORE INTO sets SELECT * FROM kept");
	}
	assert_true(missed > GRANTS);
}

static void an_old_row_is_no_grant(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant first = grant_fixture_make(A, 0),
				     second = grant_fixture_make(A, 2);
	struct fault f = { 0 };
	char sql[512];

	store_fixture_tamper(x,
			     "CREATE TABLE kept AS SELECT * FROM grants; UPDATE store SET id = 1");
	assert_int_equal(store_delete_grant(x->store, &first, NULL), 0);
	store_fixture_tamper(x, "INSERT OR IGNORE INTO grants SELECT * FROM kept");
	assert_int_equal(get(x, &first, NULL), -ENOENT);
	assert_int_equal(in_groups(x, &first), 0);
	snprintf(sql, sizeof(sql),
		 "UPDATE grants SET (record, seal) = (SELECT record, seal FROM kept WHERE grant_id ="
		 " '%s') WHERE grant_id = '%s'",
		 first.id, second.id);
	store_fixture_tamper(x, sql);
	assert_int_equal(get(x, &second, &f), -1);
	assert_non_null(strstr(f.message, "was swapped"));
	assert_int_equal(in_groups(x, &second), -1);
}

/* A decision opens the grants of its groups alone: damage to all other ones does no harm. */
static void other_grants_are_not_read(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant grant = grant_fixture_make(A, 1),
				     none = grant_fixture_make(A, GRANTS + 1);
	struct grant_groups groups;
	struct sought sought = { grant.id, false };
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "UPDATE grants SET seal = zeroblob(length(seal)) WHERE grant_id <> '%s'",
		 grant.id);
	store_fixture_tamper(x, sql);
	assert_int_equal(grant_groups(&grant, &groups), 0);
	assert_int_equal(store_find_grants(x->store, groups.list[0], grant_fixture_compare, &sought,
					   NULL),
			 0);
	assert_true(sought.found);
	assert_int_equal(grant_groups(&none, &groups), 0);
	assert_int_equal(store_find_grants(x->store, groups.list[0], grant_fixture_compare, &sought,
					   NULL),
			 0);
	assert_false(sought.found && !strcmp(sought.id, none.id));
}

static int count_grant(const struct grant *grant, void *userdata)
{
	(void)grant;
	++*(int *)userdata;
	return 0;
}

struct decision {
	struct store *store;
	int read;
};

static int read_group(const char *group, void *userdata)
{
	struct decision *decision = userdata;

	return store_find_grants(decision->store, group, count_grant, &decision->read, NULL);
}

static bool has_fewer(const char *group, size_t most, void *userdata)
{
	struct decision *decision = userdata;
	size_t count;

	assert_int_equal(store_count_group(decision->store, group, most, &count, NULL), 0);
	return count < most;
}

/* The grants that a decision reads which none of them ends. */
static int count_read(struct store_fixture *x, unsigned int operation, struct json_object *context)
{
	struct decision decision = { x->store, 0 };
	const struct grant_asker asker = { read_group, has_fewer, &decision };
	struct grant_request request = { operation, A,	 AGENT, "arn:aws:iam::" ACCOUNT ":root",
					 context,   NULL };

	assert_int_equal(grant_groups_asked(&request, &asker), 0);
	return decision.read;
}

/* The number of grants makes no decision slow: those that cannot allow the request are not read. */
static void a_decision_reads_the_grants_that_allow_it(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_json_ struct json_object *context = json_object_new_object();
	char name[16];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		json_add_string(context, name, "");
	}
	/* Half of the grants of A have no constraint. */
	assert_int_equal(count_read(x, GRANT_DECRYPT, NULL), GRANTS / 4);
	assert_int_equal(count_read(x, GRANT_ENCRYPT, NULL), 0);
	assert_int_equal(count_read(x, GRANT_CREATE_GRANT, NULL), 0);
	assert_int_equal(count_read(x, GRANT_ENCRYPT, context), GRANTS / 8);
	assert_int_equal(count_read(x, GRANT_DESCRIBE_KEY, NULL), GRANTS / 2);
}

/* CreateGrant looks for a grant with the same name and terms: one of another kind is not read. */
static void grants_of_one_name_are_not_read(void **state)
{
	struct store_fixture *x = *state;
	char group[GRANT_GROUP_CHARS + 1];

	for (int i = 0; i < 16; i++) {
		_cleanup_grant_ struct grant grant = grant_fixture_make(A, GRANTS + i);
		size_t count;

		strcpy(grant.name, "same");
		grant.operations = 1U << (i / 4);
		assert_int_equal(store_add_grant(x->store, &grant, NULL), 0);
		assert_int_equal(grant_group_of_terms(&grant, group), 0);
		assert_int_equal(store_count_group(x->store, group, 100, &count, NULL), 0);
		/* The even ones have the same terms. */
		assert_in_range(count, 1, 2);
	}
}

static int count_member(struct store *store, const char *member, const sd_id128_t *tag,
			void *userdata, struct fault *f)
{
	(void)store, (void)tag, (void)f;
	++*(int *)userdata;
	assert_int_equal(member[0], 'm');
	return 0;
}

/* The way to a group has 8 digits: more of the group's name tells it from another. */
static void groups_with_one_way_stay_apart(void **state)
{
	struct store_fixture *x = *state;
	static const char *const names[] = { "0123456789abcdef0000000000000000",
					     "0123456789abcdef0000000000000001" };
	sd_id128_t tag = { .bytes = { 1 } };

	assert_int_equal(store_begin(x->store, NULL), 0);
	for (int group = 0; group < 2; group++) {
		for (int i = 0; i < 50; i++) {
			char name[SET_NAME_MAX], member[16];

			snprintf(member, sizeof(member), "m%d", i);
			set_member_name(names[group], member, name);
			assert_int_equal(set_put(x->store, name, &tag, NULL), 0);
			if (group && i > 10)
				assert_int_equal(set_drop(x->store, name, NULL), 0);
		}
	}
	for (int group = 0; group < 2; group++) {
		int count = 0;

		assert_int_equal(set_list_group(x->store, names[group], count_member, &count, NULL),
				 0);
		assert_int_equal(count, group ? 11 : 50);
	}
	store_rollback(x->store);
}

static int note_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	(void)f;
	assert_string_equal(cmk->key_id, DUE);
	++*(int *)userdata;
	return 0;
}

static void grants_end_with_their_key(void **state)
{
	struct store_fixture *x = *state;
	int ended = 0;
	int64_t next;

	assert_int_equal(store_fixture_destroy_due(x, NOW + 100, note_end, &ended, &next), 1);
	assert_int_equal(ended, 1);
	for (int i = 0; i < GRANTS; i++) {
		_cleanup_grant_ struct grant grant = grant_fixture_make(i < GRANTS / 2 ? A : DUE,
									i);

		assert_int_equal(in_groups(x, &grant), i < GRANTS / 2);
		assert_int_equal(get(x, &grant, NULL), i < GRANTS / 2 ? 0 : -ENOENT);
	}
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM grants"), GRANTS / 2);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
}

static void a_store_of_the_version_before_grants_is_upgraded(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant grant = grant_fixture_make(A, 1);

	store_fixture_take_back(x, 3, BEFORE_ROTATIONS "DROP TABLE grants;");
	for (int i = 0; i < 2; i++) {
		store_close(x->store);
		assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
		assert_int_equal(store_fixture_count(x,
						     "SELECT json_extract(record, '$.Version') FROM store"),
				 STORE_VERSION);
	}
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
	assert_int_equal(get(x, &grant, NULL), -ENOENT);
	assert_int_equal(store_add_grant(x->store, &grant, NULL), 0);
	assert_int_equal(in_groups(x, &grant), 1);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
}

static void tokens_name_their_grant_and_are_of_one_store(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant grant = grant_fixture_make(A, 1);
	char *first = store_make_token(x->store, grant.id);
	char *second = store_make_token(x->store, grant.id);
	char id[GRANT_ID_CHARS + 1] = "";
	struct fault f;

	assert_string_not_equal(first, second);
	assert_int_equal(store_read_token(x->store, first, id, &f), 0);
	assert_string_equal(id, grant.id);
	first[2] = first[2] == 'A' ? 'B' : 'A';
	assert_int_equal(store_read_token(x->store, first, id, &f), -1);
	assert_string_equal(f.code, "InvalidGrantTokenException");
	free(first);
	free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRANT_TEST(a_grant_is_found_until_it_is_deleted),
		GRANT_TEST(a_deleted_row_is_no_end_of_a_grant),
		GRANT_TEST(a_deleted_node_is_no_end_of_a_grant),
		GRANT_TEST(an_old_row_is_no_grant),
		GRANT_TEST(other_grants_are_not_read),
		GRANT_TEST(a_decision_reads_the_grants_that_allow_it),
		GRANT_TEST(grants_of_one_name_are_not_read),
		GRANT_TEST(groups_with_one_way_stay_apart),
		GRANT_TEST(grants_end_with_their_key),
		STORE_TEST(a_store_of_the_version_before_grants_is_upgraded),
		STORE_TEST(tokens_name_their_grant_and_are_of_one_store),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_grants", tests, NULL, NULL);
}
