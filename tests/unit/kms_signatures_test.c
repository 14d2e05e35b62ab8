// SPDX-License-Identifier: MIT
/* sources: kms/store/store_signatures.c kms/store/store.c kms/store/store_disk.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c */
/*
 * Signatures of changes: each is taken once, also after the clock went back, and what was undone may
 * come again. The memory is bounded, and a full one forgets nothing that can still be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "kms/store/store_signatures.h"

#include "kms_store_fixture.h"

#define VALID 300 /* SIGV4_SKEW_SECONDS */

static int take(struct store_fixture *x, const char *signature, int64_t expires, int64_t now)
{
	struct fault f;
	int r;

	assert_int_equal(store_begin(x->store, &f), 0);
	r = store_take_signature(x->store, signature, expires, now, &f);
	if (r == -1)
		fail_msg("%s", f.message);
	if (r)
		store_rollback(x->store);
	else
		assert_int_equal(store_commit(x->store, &f), 0);
	return r;
}

static void a_signature_is_taken_once(void **state)
{
	struct store_fixture *x = *state;

	assert_int_equal(take(x, "one", NOW + VALID, NOW), 0);
	assert_int_equal(take(x, "two", NOW + VALID, NOW), 0);
	assert_int_equal(take(x, "one", NOW + VALID, NOW), -EEXIST);
	assert_int_equal(take(x, "one", NOW + VALID, NOW + VALID), -EEXIST);
	assert_int_equal(take(x, "two", NOW + VALID, NOW + VALID), -EEXIST);
}

static void a_change_that_was_undone_may_come_again(void **state)
{
	struct store_fixture *x = *state;
	struct fault f;

	assert_int_equal(store_begin(x->store, &f), 0);
	assert_int_equal(store_take_signature(x->store, "one", NOW + VALID, NOW, &f), 0);
	store_rollback(x->store);
	assert_int_equal(take(x, "one", NOW + VALID, NOW), 0);
}

static void a_clock_that_goes_back_revives_no_signature(void **state)
{
	struct store_fixture *x = *state;

	assert_int_equal(take(x, "one", NOW + VALID, NOW), 0);
	assert_int_equal(take(x, "two", NOW + VALID + 3000, NOW + 3000), 0);
	assert_int_equal(take(x, "one", NOW + VALID, NOW), -EEXIST);
}

static void old_signatures_are_forgotten(void **state)
{
	struct store_fixture *x = *state;

	assert_int_equal(take(x, "one", NOW + VALID, NOW), 0);
	assert_int_equal(take(x, "two", NOW + 99999, NOW + 99999 - VALID), 0);
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM signatures"), 1);
}

static void a_full_memory_forgets_none_that_can_be_sent(void **state)
{
	struct store_fixture *x = *state;
	char fill[256];

	assert_int_equal(take(x, "old", NOW - VALID, NOW - 2 * VALID), 0);
	assert_int_equal(take(x, "one", NOW + VALID, NOW), 0);
	snprintf(fill, sizeof(fill),
		 "WITH RECURSIVE n(i) AS (SELECT 3 UNION SELECT i + 1 FROM n WHERE i < %d)"
		 " INSERT INTO signatures SELECT %d, i FROM n",
		 STORE_SIGNATURES_MAX, NOW + VALID);
	store_fixture_tamper(x, fill);
	/* The place of the old one, which has expired. */
	assert_int_equal(take(x, "two", NOW + VALID, NOW), 0);
	assert_int_equal(take(x, "three", NOW + VALID, NOW), -ENOSPC);
	assert_int_equal(take(x, "three", NOW + 3 * VALID, NOW + 2 * VALID), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_signature_is_taken_once),
		STORE_TEST(a_change_that_was_undone_may_come_again),
		STORE_TEST(a_clock_that_goes_back_revives_no_signature),
		STORE_TEST(old_signatures_are_forgotten),
		STORE_TEST(a_full_memory_forgets_none_that_can_be_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_signatures", tests, NULL, NULL);
}
