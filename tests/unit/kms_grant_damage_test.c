// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_check.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c ../tests/unit/full_disk.c ../tests/unit/kms_grant_fixture.c */
/*
 * Grants in a damaged key store: each one that allows access can be ended, and the damage keeps neither
 * the end of other keys nor a listing.
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

#include "full_disk.h"
#include "kms/grants/grant_groups.h"
#include "kms/store/store_set.h"
#include "kms_grant_fixture.h"
#include "lib/base/json.h"

static void keep_nodes(struct store_fixture *x)
{
	store_fixture_tamper(x,
			     "CREATE TABLE kept AS SELECT * FROM sets ORDER BY path; UPDATE store SET id = 1");
}

static void delete_node(struct store_fixture *x, long long row)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		 "PRAGMA synchronous=OFF; DELETE FROM sets WHERE path = (SELECT path FROM kept WHERE rowid = %lld)",
		 row);
	store_fixture_tamper(x, sql);
}

static void put_nodes_back(struct store_fixture *x)
{
	store_fixture_tamper(x,
			     "PRAGMA synchronous=OFF; INSERT OR IGNORE INTO sets SELECT * FROM kept");
}

/* Is @grant found in one of its groups? */
static bool is_live(struct store_fixture *x, const struct grant *grant)
{
	struct grant_groups groups;
	bool live = false;

	assert_int_equal(grant_groups(grant, &groups), 0);
	for (size_t i = 0; i < groups.count; i++) {
		struct sought sought = { grant->id, false };

		live |= !store_find_grants(x->store, groups.list[i], grant_fixture_compare, &sought,
					   NULL) &&
			sought.found;
	}
	return live;
}

/* Deletes @grant as RevokeGrant does, looks for it, and takes the deletion back. */
static void end_for_a_moment(struct store_fixture *x, const struct grant *grant)
{
	_cleanup_grant_ struct grant seen = { 0 };
	struct fault f = { 0 };

	if (store_get_grant_to_end(x->store, grant->id, &seen, &f))
		fail_msg("a grant allows access and cannot be read: %s", f.message);
	assert_true(grant_same(&seen, grant));
	assert_int_equal(store_begin(x->store, NULL), 0);
	if (store_delete_grant(x->store, &seen, &f))
		fail_msg("a grant allows access and cannot be deleted: %s", f.message);
	assert_false(is_live(x, grant));
	assert_int_equal(set_count_rows(x->store, NULL), 0);
	store_rollback(x->store);
}

/* Deletes each node of the set in turn, and puts it back. */
static void each_grant_that_allows_access_can_be_ended(void **state)
{
	struct store_fixture *x = *state;
	long long nodes = store_fixture_count(x, "SELECT count(*) FROM sets");
	int ended = 0;

	keep_nodes(x);
	for (long long row = 1; row <= nodes; row++) {
		delete_node(x, row);
		for (int i = 0; i < GRANTS; i += 7) {
			_cleanup_grant_ struct grant grant =
				grant_fixture_make(i < GRANTS / 2 ? A : DUE, i);

			if (!is_live(x, &grant))
				continue;
			end_for_a_moment(x, &grant);
			ended++;
		}
		put_nodes_back(x);
	}
	assert_true(ended > nodes);
}

#define LATER "cccccccc-0000-4000-8000-00000000000e"

static int note_any(const struct cmk *cmk, void *userdata, struct fault *f)
{
	(void)cmk, (void)f;
	++*(int *)userdata;
	return 0;
}

/* Makes the key LATER, too. */
static int set_up(void **state)
{
	struct store_fixture *x;

	assert_int_equal(grant_fixture_set_up(state), 0);
	x = *state;
	store_fixture_add_key(x->store, LATER, KEY_PENDING_DELETION, NOW + 101, 0xcd);
	return 0;
}

#define DAMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, store_fixture_tear_down)

/* Ends the keys DUE, with grants, and LATER, without. Return: 0, or -1 if one stays */
static int end_both(struct store_fixture *x)
{
	int ended = 0, r;
	int64_t next;

	r = store_fixture_destroy_due(x, NOW + 200, note_any, &ended, &next);
	return r < 0 ? -1 : 0;
}

/* Deletes one node of the set: both keys end, but for the one on the way to which the node is. */
static void a_damaged_set_keeps_no_other_key(void **state)
{
	void *other;

	(void)state;
	for (long long row = 2;; row++) {
		struct store_fixture *x;
		long long left;
		bool last;

		assert_int_equal(set_up(&other), 0);
		x = other;
		last = row > store_fixture_count(x, "SELECT count(*) FROM sets");
		if (!last) {
			keep_nodes(x);
			delete_node(x, row);
			end_both(x);
			left = store_fixture_count(x,
						   "SELECT count(*) FROM keys WHERE deletion > 0");
			if (left > 1)
				fail_msg("node %lld keeps %lld keys", row, left);
		}
		store_fixture_tear_down(&other);
		if (last)
			return;
	}
}

/* A key whose row cannot be deleted stays, has its fault in the log, and keeps no later key. */
static void a_key_that_stays_keeps_no_later_key(void **state)
{
	struct store_fixture *x = *state;

	store_fixture_tamper(x, "CREATE TRIGGER stay BEFORE DELETE ON keys WHEN old.key_id = '" DUE
				"' BEGIN SELECT raise(IGNORE); END; UPDATE store SET id = 1");
	assert_int_equal(end_both(x), -1);
	assert_int_equal(store_fixture_get(x, LATER, NULL), -ENOENT);
	assert_int_equal(store_fixture_get(x, DUE, NULL), 0);
}

/* The reserve of the disk is for revocations. A key without grants needs none of it. */
static void grants_of_a_destroyed_key_wait_for_room_on_the_disk(void **state)
{
	struct store_fixture *x = *state;
	struct grant grant = grant_fixture_make(DUE, GRANTS - 2);

	disk_is_full = true;
	x->store->disk.log_end = 0;
	assert_int_equal(end_both(x), -1);
	disk_is_full = false;
	assert_int_equal(store_fixture_get(x, LATER, NULL), -ENOENT);
	assert_int_equal(store_fixture_get(x, DUE, NULL), 0);
	assert_true(is_live(x, &grant));
	assert_int_equal(end_both(x), 0);
	assert_int_equal(store_fixture_get(x, DUE, NULL), -ENOENT);
}

static void a_damaged_grant_of_a_destroyed_key_harms_no_listing(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant other = grant_fixture_make(A, 0);

	store_fixture_tamper(x,
			     "UPDATE grants SET seal = zeroblob(length(seal)) WHERE key_id = '" DUE
			     "' AND grant_id IN (SELECT grant_id FROM grants WHERE key_id = '" DUE
			     "' LIMIT 3)");
	store_fixture_tamper(x, "INSERT INTO grants SELECT 'forged', key_id, '', '', '', x'' FROM"
				" grants WHERE key_id = '" DUE "' LIMIT 1");
	assert_int_equal(end_both(x), 0);
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM grants"), GRANTS / 2);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
	assert_int_equal(store_delete_grant(x->store, &other, NULL), 0);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
}

/* The column of a damaged row names a live grant of another key: that grant can still be ended. */
static void a_damaged_row_takes_no_other_grant_out_of_the_set(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_grant_ struct grant live = grant_fixture_make(A, 0),
				     due = grant_fixture_make(DUE, GRANTS - 2);
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "CREATE TABLE kept AS SELECT * FROM grants WHERE grant_id = '%s';"
		 "DELETE FROM grants WHERE grant_id = '%s';"
		 "UPDATE grants SET grant_id = '%s' WHERE grant_id = '%s'",
		 live.id, live.id, live.id, due.id);
	store_fixture_tamper(x, sql);
	assert_int_equal(end_both(x), 0);
	store_fixture_tamper(x, "INSERT INTO grants SELECT * FROM kept");
	assert_true(is_live(x, &live));
	end_for_a_moment(x, &live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DAMAGE_TEST(each_grant_that_allows_access_can_be_ended),
		cmocka_unit_test(a_damaged_set_keeps_no_other_key),
		DAMAGE_TEST(a_key_that_stays_keeps_no_later_key),
		DAMAGE_TEST(grants_of_a_destroyed_key_wait_for_room_on_the_disk),
		DAMAGE_TEST(a_damaged_grant_of_a_destroyed_key_harms_no_listing),
		DAMAGE_TEST(a_damaged_row_takes_no_other_grant_out_of_the_set),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_grant_damage", tests, NULL, NULL);
}
