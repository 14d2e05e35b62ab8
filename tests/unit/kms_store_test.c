// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * The key store, attacked through its database file: every column of every row altered, rows
 * swapped, another root key.
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
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "kms_store_fixture.h"
#include "lib/base/json.h"

static void keeps_keys(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };

	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	assert_int_equal(store_get_key(x->store, B, &cmk, &material, NULL), 0);
	assert_string_equal(cmk.key_id, B);
	assert_int_equal(cmk.state, KEY_DISABLED);
	assert_int_equal(cmk.created, NOW);
	assert_int_equal(material->size, CMK_MATERIAL_BYTES);
	assert_int_equal(material->bytes[0], 0xbb);
	assert_int_equal(store_fixture_get(x, "cccccccc-0000-4000-8000-000000000003", NULL),
			 -ENOENT);
}

static void update_keeps_the_material(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct cmk again = { 0 };

	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_DISABLED;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	assert_int_equal(store_get_key(x->store, A, &again, &material, NULL), 0);
	assert_int_equal(again.state, KEY_DISABLED);
	assert_int_equal(material->bytes[31], 0xaa);
	cmk_free(&again);
}

static void tampered_key_is_refused(void **state)
{
	static const char *const attacks[] = {
		"UPDATE keys SET record = replace(record, 'Disabled', 'Enabled') WHERE key_id = '" B
		"'",
		"UPDATE keys SET record = replace(record, '\"d\"', '\"e\"') WHERE key_id = '" B "'",
		"UPDATE keys SET record = record || ' ' WHERE key_id = '" B "'",
		"UPDATE keys SET record = '' WHERE key_id = '" B "'",
		"UPDATE keys SET seal = zeroblob(length(seal)) WHERE key_id = '" B "'",
		"UPDATE keys SET seal = x'' WHERE key_id = '" B "'",
		"UPDATE keys SET seal = substr(seal, 1, length(seal) - 1) WHERE key_id = '" B "'",
		"UPDATE keys SET seal = CAST(seal || x'00' AS BLOB) WHERE key_id = '" B "'",
		/* seal of the other key */
		"UPDATE keys SET seal = (SELECT seal FROM keys WHERE key_id = '" A
		"') WHERE key_id = '" B "'",
		/* the whole row of the enabled key under the name of the disabled one */
		"UPDATE keys SET seal = (SELECT seal FROM keys WHERE key_id = '" A "'),"
		" record = (SELECT record FROM keys WHERE key_id = '" A "') WHERE key_id = '" B "'",
		/* to somebody else's account */
		"UPDATE keys SET account = '210987654321' WHERE key_id = '" B "'",
		/* a record of another kind */
		"UPDATE keys SET seal = (SELECT seal FROM store), record = (SELECT record FROM store)"
		" WHERE key_id = '" B "'",
	};

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		struct store_fixture *x;
		struct fault f = { 0 };
		void *fresh;

		assert_int_equal(store_fixture_set_up(&fresh), 0);
		x = fresh;
		assert_int_equal(store_fixture_get(x, B, NULL), 0); /* negative control */
		store_fixture_tamper(x, attacks[i]);
		if (store_fixture_get(x, B, &f) != -1)
			fail_msg("accepted: %s", attacks[i]);
		assert_string_equal(f.code, "KMSInternalException");
		assert_int_equal(store_fixture_get(x, A, NULL), 0);
		store_fixture_tear_down(&fresh);
	}
}

static void tampered_alias_is_refused(void **state)
{
	static const char *const attacks[] = {
		"UPDATE aliases SET record = replace(record, '" A "', '" B "')",
		"UPDATE aliases SET name = 'alias/three' WHERE name = 'alias/one'",
		/* the whole row of an alias under the name of another one */
		"UPDATE aliases SET (record, seal) = (SELECT record, seal FROM aliases"
		" WHERE name = 'alias/two') WHERE name = 'alias/one'",
		"UPDATE aliases SET account = '210987654321'",
		"UPDATE aliases SET seal = zeroblob(28)",
	};

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		struct alias alias;
		struct store_fixture *x;
		struct fault f = { 0 };
		void *fresh;

		assert_int_equal(store_fixture_set_up(&fresh), 0);
		x = fresh;
		assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one",
						 &alias, NULL),
				 0);
		strcpy(alias.name, "alias/two");
		strcpy(alias.target, B);
		assert_int_equal(store_add_alias(x->store, &alias, NULL), 0);
		store_fixture_tamper(x, attacks[i]);
		if (store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one", &alias, &f) != -1)
			fail_msg("accepted: %s", attacks[i]);
		assert_string_equal(f.code, "KMSInternalException");
		store_fixture_tear_down(&fresh);
	}
}

static void column_beside_the_record_is_not_believed(void **state)
{
	struct store_fixture *x = *state;
	struct alias alias;

	store_fixture_tamper(x, "UPDATE aliases SET target = '" B "'");
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one", &alias, NULL),
			 0);
	assert_string_equal(alias.target, A);
}

static void other_root_key_is_refused(void **state)
{
	struct store_fixture *x = *state;
	struct secret *other = secret_new(CRYPTO_KEY_BYTES);
	struct store *store;
	struct fault f = { 0 };

	assert_int_equal(store_fixture_open(x, other, &store, &f), -1);
	assert_string_equal(f.code, "InvalidConfiguration");
	assert_non_null(strstr(f.message, "root key"));
	secret_free(other);
}

static void lost_database_is_not_replaced(void **state)
{
	struct store_fixture *x = *state;
	struct store *store;
	struct fault f = { 0 };

	unlink(x->database);
	assert_int_equal(store_fixture_open(x, x->root, &store, &f), -1);
	assert_non_null(strstr(f.message, "missing"));
	assert_int_equal(access(x->database, F_OK), -1);
}

static int note_due(const struct cmk *cmk, void *userdata, struct fault *f)
{
	assert_string_equal(cmk->key_id, DUE);
	++*(int *)userdata;
	return 0;
}

static int refuse_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	return -1;
}

/* OpenSSL without ciphers must look neither like a damaged store nor like another root key. */
static void a_cipher_that_fails_is_no_damage(void **state)
{
	struct store_fixture *x = *state;
	struct alias alias;
	struct fault f;
	int64_t next;
	int ended = 0;

	store_fixture_tamper(x,
			     "UPDATE keys SET account = '0', deletion = 1 WHERE key_id = '" B "'");
	store_fixture_add_key(x->store, DUE, KEY_PENDING_DELETION, NOW, 0xcc);
	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	assert_int_equal(store_fixture_get(x, A, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
	assert_non_null(strstr(f.message, "need not be at fault"));
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one", &alias, &f),
			 -1);
	assert_non_null(strstr(f.message, "need not be at fault"));
	/* -1 makes the timer try again later. */
	assert_int_equal(store_fixture_destroy_due(x, NOW, refuse_end, NULL, &next), -1);
	store_close(x->store);
	x->store = NULL;
	assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");

	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), 0);
	assert_int_equal(store_fixture_get(x, A, &f), 0);
	assert_int_equal(store_fixture_get(x, B, &f), -1); /* the damaged row is still reported */
	assert_non_null(strstr(f.message, "swapped"));
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_due, &ended, &next), 1);
	assert_int_equal(ended, 1);
}

static int take_first(const struct cmk *cmk, void *userdata)
{
	strcpy(userdata, cmk->key_id);
	return 1;
}

static void lists_in_order_after_a_key(void **state)
{
	struct store_fixture *x = *state;
	char first[KEY_ID_MAX] = "";

	assert_int_equal(store_list_keys(x->store, ACCOUNT, "", take_first, first, NULL), 0);
	assert_string_equal(first, A);
	assert_int_equal(store_list_keys(x->store, ACCOUNT, A, take_first, first, NULL), 0);
	assert_string_equal(first, B);
	strcpy(first, "");
	assert_int_equal(store_list_keys(x->store, ACCOUNT, B, take_first, first, NULL), 0);
	assert_int_equal(store_list_keys(x->store, "210987654321", "", take_first, first, NULL), 0);
	assert_string_equal(first, "");
}

/* What a version without policies asks of a record before it takes the key. */
static bool older_takes(struct json_object *record)
{
	return !strcmp(json_get_string(record, "Record"), "key");
}

static void an_older_version_refuses_a_key_with_a_policy(void **state)
{
	struct cmk cmk = { .key_id = A, .account = ACCOUNT, .region = "us-east-1" }, again;
	_cleanup_json_ struct json_object *plain = NULL, *record = NULL;

	cmk.description = (char *)"d";
	plain = cmk_record(&cmk);
	assert_true(older_takes(plain));
	assert_int_equal(cmk_from_record(plain, &again), 0);
	assert_null(again.policy);
	cmk_free(&again);

	cmk.policy = (char *)"{}";
	record = cmk_record(&cmk);
	assert_false(older_takes(record));
	assert_int_equal(cmk_from_record(record, &again), 0);
	assert_string_equal(again.policy, "{}");
	cmk_free(&again);

	/* As the first version with policies has written it. */
	json_add_string(record, "Record", "key");
	assert_int_equal(cmk_from_record(record, &again), 0);
	assert_string_equal(again.policy, "{}");
	cmk_free(&again);

	json_add_string(plain, "Record", "key-with-policy");
	assert_int_equal(cmk_from_record(plain, &again), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(keeps_keys),
		STORE_TEST(update_keeps_the_material),
		cmocka_unit_test(tampered_key_is_refused),
		cmocka_unit_test(tampered_alias_is_refused),
		STORE_TEST(column_beside_the_record_is_not_believed),
		STORE_TEST(other_root_key_is_refused),
		STORE_TEST(lost_database_is_not_replaced),
		STORE_TEST(a_cipher_that_fails_is_no_damage),
		STORE_TEST(lists_in_order_after_a_key),
		cmocka_unit_test(an_older_version_refuses_a_key_with_a_policy),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_store", tests, NULL, NULL);
}
