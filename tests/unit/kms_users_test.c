// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_check.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_rotation.c kms/store/store_due.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * Users in the store: found by name and by access key, absent only when the set proves it, and sealed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kms/grants/grant_groups.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "kms/users/user.h"
#include "kms_store_fixture.h"
#include "lib/base/json.h"

struct known { /* a user with two access keys, and what only its client knows */
	char keys[USER_KEYS_MAX][ACCESS_KEY_CHARS + 1];
	char secrets[USER_KEYS_MAX][SECRET_KEY_CHARS + 1];
};

static void add(struct store_fixture *x, const char *name, struct known *known)
{
	_cleanup_user_ struct user user = { 0 };
	struct fault f;

	assert_int_equal(user_new(&user, ACCOUNT, name, NOW, &f), 0);
	for (size_t i = 0; i < USER_KEYS_MAX; i++) {
		assert_int_equal(user_key_add(&user, NOW, known->secrets[i], &f), 0);
		strcpy(known->keys[i], user.keys[i].id);
	}
	json_add_string(user.policies, "p", "{\"Statement\":[]}");
	if (store_put_user(x->store, &user, NULL, &f))
		fail_msg("%s", f.message);
}

/* Return: that of store_get_user(); a fault must be KMSInternalException, which ends no cluster */
static int get(struct store_fixture *x, const char *name)
{
	_cleanup_user_ struct user user = { 0 };
	struct fault f = { 0 };
	int r = store_get_user(x->store, ACCOUNT, name, &user, &f);

	if (r && r != -ENOENT)
		assert_string_equal(f.code, "KMSInternalException");
	return r;
}

/* As get(), by access key. The principal signs with @secret. */
static int find(struct store_fixture *x, const char *access_key, const char *secret)
{
	_cleanup_user_ struct user user = { 0 };
	struct principal principal = { 0 };
	struct fault f = { 0 };
	int r = store_find_user(x->store, access_key, &user, &f);

	if (r && r != -ENOENT)
		assert_string_equal(f.code, "KMSInternalException");
	if (r)
		return r;
	assert_int_equal(user_principal(&user, user_key_find(&user, access_key), &principal, &f),
			 0);
	assert_string_equal(principal.access_key, access_key);
	assert_true(principal.limited);
	assert_int_equal(principal.secret_key->size, SECRET_KEY_CHARS);
	assert_memory_equal(principal.secret_key->bytes, secret, SECRET_KEY_CHARS);
	secret_free(principal.secret_key);
	return 0;
}

static void a_user_is_found_by_name_and_by_each_access_key(void **state)
{
	struct store_fixture *x = *state;
	struct known known, other;

	assert_int_equal(get(x, "anna"), -ENOENT);
	add(x, "anna", &known);
	add(x, "bert", &other);
	assert_int_equal(get(x, "anna"), 0);
	assert_int_equal(get(x, "ANNA"), 0);
	assert_int_equal(get(x, "ann"), -ENOENT);
	for (size_t i = 0; i < USER_KEYS_MAX; i++) {
		assert_int_equal(find(x, known.keys[i], known.secrets[i]), 0);
		assert_int_equal(find(x, other.keys[i], other.secrets[i]), 0);
	}
	assert_int_equal(find(x, "AKIAAAAAAAAAAAAAAAAA", ""), -ENOENT);
	assert_int_equal(find(x, "", ""), -ENOENT);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
}

static void the_secrets_are_in_no_record(void **state)
{
	struct store_fixture *x = *state;
	struct known known;

	add(x, "anna", &known);
	for (size_t i = 0; i < USER_KEYS_MAX; i++) {
		char sql[256];

		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM users WHERE instr(record, '%s') OR instr(seal, '%s')",
			 known.secrets[i], known.secrets[i]);
		assert_int_equal(store_fixture_count(x, sql), 0);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM users WHERE instr(record, '%s')",
			 known.keys[i]);
		assert_int_equal(store_fixture_count(x, sql), 1);
	}
}

static void an_access_key_that_is_dropped_is_gone(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_user_ struct user user = { 0 };
	struct user before;
	struct known known;
	struct fault f;

	add(x, "anna", &known);
	assert_int_equal(store_get_user(x->store, ACCOUNT, "anna", &user, &f), 0);
	before = user;
	user_key_drop(&user, user_key_find(&user, known.keys[0]));
	assert_int_equal(store_put_user(x->store, &user, &before, &f), 0);
	assert_int_equal(find(x, known.keys[0], ""), -ENOENT);
	assert_int_equal(find(x, known.keys[1], known.secrets[1]), 0);
	assert_int_equal(store_delete_user(x->store, &user, &f), 0);
	assert_int_equal(find(x, known.keys[1], ""), -ENOENT);
	assert_int_equal(get(x, "anna"), -ENOENT);
	assert_int_equal(set_count_rows(x->store, NULL), 0);
}

/* What an attacker does who can write the database: no answer is "there is no such user". */
static void damage_is_no_absence(void **state)
{
	static const char *const damages[] = {
		"DELETE FROM users",
		"UPDATE users SET record = replace(record, '\"Active\":true', '\"Active\":false')",
		"UPDATE users SET record = replace(record, 'anna', 'anne'), name = 'anne'",
		"UPDATE users SET seal = zeroblob(length(seal))",
		"UPDATE users SET first_key = '', second_key = '', account = 'x'",
	};
	struct store_fixture *x = *state;
	struct known known;

	add(x, "anna", &known);
	store_fixture_tamper(x, "CREATE TABLE kept AS SELECT * FROM users;"
				"UPDATE store SET id = 1");
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		store_fixture_tamper(x, damages[i]);
		if (get(x, "anna") != -1 || find(x, known.keys[1], known.secrets[1]) != -1)
			fail_msg("%s", damages[i]);
		store_fixture_tamper(x, "DELETE FROM users; INSERT INTO users SELECT * FROM kept");
	}
	assert_int_equal(get(x, "anna"), 0);
}

/* The row of before the change would give a user its policies and access keys back. */
static void an_old_row_is_not_taken(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_user_ struct user user = { 0 };
	struct known known;
	struct fault f;

	add(x, "anna", &known);
	store_fixture_tamper(x, "CREATE TABLE kept AS SELECT * FROM users;"
				"UPDATE store SET id = 1");
	assert_int_equal(store_get_user(x->store, ACCOUNT, "anna", &user, &f), 0);
	user_key_find(&user, known.keys[0])->active = false;
	assert_int_equal(store_put_user(x->store, &user, NULL, &f), 0);
	store_fixture_tamper(x, "DELETE FROM users; INSERT INTO users SELECT * FROM kept");
	assert_int_equal(find(x, known.keys[0], ""), -1);
	assert_int_equal(get(x, "anna"), -1);
}

static void a_store_of_before_users_is_upgraded(void **state)
{
	struct store_fixture *x = *state;
	struct known known;

	store_fixture_take_back(x, 6, "DROP TABLE users; UPDATE store SET id = 1");
	for (int i = 0; i < 2; i++) {
		store_close(x->store);
		assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
		assert_int_equal(get(x, "anna"), i ? 0 : -ENOENT);
		if (!i)
			add(x, "anna", &known);
		assert_int_equal(find(x, known.keys[0], known.secrets[0]), 0);
	}
}

static int note(const struct user *user, void *userdata)
{
	strcat(userdata, user->name);
	return 0;
}

static void users_are_listed_in_order(void **state)
{
	struct store_fixture *x = *state;
	char seen[64] = "";
	struct known known;
	int64_t count;

	add(x, "bert", &known);
	add(x, "Anna", &known);
	add(x, "cora", &known);
	assert_int_equal(store_list_users(x->store, ACCOUNT, "", note, seen, NULL), 0);
	assert_string_equal(seen, "Annabertcora");
	assert_int_equal(store_list_users(x->store, ACCOUNT, "anna", note, strcpy(seen, ""), NULL),
			 0);
	assert_string_equal(seen, "bertcora");
	assert_int_equal(store_list_users(x->store, "210987654321", "", note, strcpy(seen, ""),
					  NULL),
			 0);
	assert_string_equal(seen, "");
	assert_int_equal(store_count_users(x->store, ACCOUNT, &count, NULL), 0);
	assert_int_equal(count, 3);
	/* A row that is moved to another account is in no list of its users. */
	store_fixture_tamper(x, "UPDATE users SET account = '210987654321' WHERE name = 'bert'");
	assert_int_equal(store_list_users(x->store, "210987654321", "", note, seen,
					  &(struct fault){ 0 }),
			 -1);
	store_fixture_tamper(x, "UPDATE users SET account = '" ACCOUNT "' WHERE name = 'bert'");
	store_fixture_tamper(x, "DELETE FROM users WHERE name = 'bert'");
	assert_int_equal(store_list_users(x->store, ACCOUNT, "", note, seen, &(struct fault){ 0 }),
			 -1);
}

#define NAMED "arn:aws:iam::" ACCOUNT ":user/Anna"
#define OTHER "arn:aws:iam::" ACCOUNT ":user/Berta"
#define GIVES "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" NAMED "\"}}}"
#define GIVEN "a00000000000000000000000000000000000000000000000000000000000000%d"

static void add_grant(struct store_fixture *x, int number, const char *grantee,
		      const char *retiring)
{
	struct grant grant = { .account = ACCOUNT,
			       .region = "us-east-1",
			       .issuer = ACCOUNT,
			       .operations = GRANT_DECRYPT | GRANT_CREATE_GRANT,
			       .created = NOW };
	struct fault f;

	snprintf(grant.id, sizeof(grant.id), GIVEN, number);
	strcpy(grant.key_id, A);
	strcpy(grant.grantee, grantee);
	strcpy(grant.retiring, retiring);
	if (store_add_grant(x->store, &grant, &f))
		fail_msg("%s", f.message);
}

static int is_found(const struct grant *grant, void *userdata)
{
	*(int *)userdata += 1;
	return 0;
}

/* How many grants on key A does a decision find for @principal, with Decrypt? */
static int found(struct store_fixture *x, const char *principal)
{
	struct grant like = { .operations = GRANT_DECRYPT };
	struct grant_groups groups;
	struct fault f;
	int count = 0;

	strcpy(like.key_id, A);
	strcpy(like.grantee, principal);
	assert_int_equal(grant_groups(&like, &groups), 0);
	for (size_t i = 0; i < groups.count; i++)
		assert_int_equal(store_find_grants(x->store, groups.list[i], is_found, &count, &f),
				 0);
	return count;
}

/* A version with users kept names alone. They are bound to the users that have them at the upgrade. */
static void names_are_bound_by_the_upgrade(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_user_ struct user user = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	_cleanup_grant_ struct grant grant = { 0 };
	struct secret *material = NULL;
	struct known known;
	struct fault f;
	char id[GRANT_ID_CHARS + 1];

	add(x, "Anna", &known);
	assert_int_equal(store_get_user(x->store, ACCOUNT, "Anna", &user, &f), 0);
	add_grant(x, 1, NAMED, "");
	add_grant(x, 2, OTHER, NAMED);
	add_grant(x, 3, OTHER, "");
	add_grant(x, 4, NAMED, NAMED);
	assert_int_equal(store_get_key(x->store, A, &cmk, &material, &f), 0);
	cmk.policy = strdup(GIVES);
	assert_int_equal(store_update_key(x->store, &cmk, &f), 0);
	cmk_free(&cmk);
	secret_free(material);
	store_fixture_take_back(x, 7, "UPDATE store SET id = 1");
	/* A damaged grant does not keep the others from it, nor the store from opening. */
	store_fixture_tamper(x, "UPDATE grants SET seal = x'00' WHERE grant_id LIKE '%4'");
	if (store_fixture_open(x, x->root, &x->store, &f))
		fail_msg("%s", f.message);
	assert_int_equal(store_get_key(x->store, A, &cmk, &material, &f), 0);
	secret_free(material);
	assert_string_equal(json_get_string(cmk.policy_users, NAMED), user.id);
	assert_int_equal(json_object_object_length(cmk.policy_users), 1);
	assert_int_equal(found(x, user.id), 1);
	assert_int_equal(found(x, OTHER), 2);
	snprintf(id, sizeof(id), GIVEN, 2);
	assert_int_equal(store_get_grant(x->store, id, &grant, &f), 0);
	assert_string_equal(grant.retiring_id, user.id);
	assert_string_equal(grant.grantee_id, "");
	grant_free(&grant);
	snprintf(id, sizeof(id), GIVEN, 4);
	assert_int_equal(store_get_grant(x->store, id, &grant, &f), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_user_is_found_by_name_and_by_each_access_key),
		STORE_TEST(the_secrets_are_in_no_record),
		STORE_TEST(an_access_key_that_is_dropped_is_gone),
		STORE_TEST(damage_is_no_absence),
		STORE_TEST(an_old_row_is_not_taken),
		STORE_TEST(a_store_of_before_users_is_upgraded),
		STORE_TEST(users_are_listed_in_order),
		STORE_TEST(names_are_bound_by_the_upgrade),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms users", tests, NULL, NULL);
}
