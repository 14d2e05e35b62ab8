// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c ../tests/unit/full_disk.c kms/keys/usage.c kms/call.c kms/users/user.c */
/*
 * The last use of a key: kept at most once an hour, without making a copy of the store an older one, and
 * never in the way of the call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "full_disk.h"
#include "kms/audit/kms_audit.h"
#include "kms/keys/usage.h"
#include "kms/store/store_row.h"
#include "kms_store_fixture.h"

#define HOUR 3600

const char *audit_last_event(const struct audit *audit)
{
	(void)audit;
	return "11111111-2222-4333-8444-555555555555";
}

/* A call at @now that uses @key_id. */
static void use(struct store_fixture *x, const char *key_id, const char *operation, int64_t now)
{
	struct kms kms = { .store = x->store };
	struct call call = { .kms = &kms, .now = now, .request_id = "request" };
	_cleanup_cmk_ struct cmk cmk = { 0 };

	strcpy(call.operation, operation);
	assert_int_equal(store_get_key(x->store, key_id, &cmk, NULL, NULL), 0);
	usage_note(&call, &cmk);
	usage_note(&call, &cmk); /* ReEncrypt under one key */
	usage_keep(&call);
}

static void is_used(struct store_fixture *x, const char *operation, int64_t time)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	assert_string_equal(cmk.usage.operation, operation);
	assert_int_equal(cmk.usage.time, time);
	if (time)
		assert_string_equal(cmk.usage.event, audit_last_event(NULL));
}

static void a_use_is_kept_once_an_hour(void **state)
{
	struct store_fixture *x = *state;
	int64_t change;

	is_used(x, "", 0);
	use(x, A, "Decrypt", NOW);
	is_used(x, "Decrypt", NOW);
	change = x->store->head.change;
	use(x, A, "Encrypt", NOW + HOUR - 1);
	is_used(x, "Decrypt", NOW);
	assert_int_equal(x->store->head.change, change);
	use(x, A, "Encrypt", NOW + HOUR);
	is_used(x, "Encrypt", NOW + HOUR);
	assert_int_equal(x->store->head.change, change + 1);
	/* The clock was an hour ahead: what it wrote does not hide later uses. */
	use(x, A, "ReEncrypt", NOW + 1);
	is_used(x, "ReEncrypt", NOW + 1);
	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	is_used(x, "ReEncrypt", NOW + 1);
}

/* Else each use would make a copy of the store, such as a second server's, an older one. */
static void a_use_makes_no_copy_an_older_one(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int64_t before = x->store->head.set_change;

	use(x, A, "Decrypt", NOW);
	assert_int_equal(x->store->head.set_change, before);
	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_DISABLED;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	assert_true(x->store->head.set_change > before);
	is_used(x, "Decrypt", NOW);
}

/* The reserve of the disk is for revocations. */
static void a_use_on_a_full_disk_is_not_kept(void **state)
{
	struct store_fixture *x = *state;

	disk_is_full = true;
	x->store->disk.log_end = 0;
	use(x, A, "Decrypt", NOW);
	disk_is_full = false;
	is_used(x, "", 0);
	use(x, A, "Encrypt", NOW + 1);
	is_used(x, "Encrypt", NOW + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_use_is_kept_once_an_hour),
		STORE_TEST(a_use_makes_no_copy_an_older_one),
		STORE_TEST(a_use_on_a_full_disk_is_not_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_usage", tests, NULL, NULL);
}
