// SPDX-License-Identifier: MIT
/*
 * A key store for tests. See kms_store_fixture.h.
 */

#include "kms_store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <sqlite3.h>

#include "lib/base/json.h"

/** store_fixture_add_key() - add a key whose material is @fill in each byte */
void store_fixture_add_key(struct store *store, const char *key_id, enum key_state state,
			   int64_t deletion, uint8_t fill)
{
	struct secret *material = secret_new(CMK_MATERIAL_BYTES);
	struct cmk cmk = { .account = ACCOUNT,
			   .region = "us-east-1",
			   .description = "d",
			   .state = state,
			   .created = NOW,
			   .deletion = deletion,
			   .due = deletion };
	struct fault f;

	memset(material->bytes, fill, material->size);
	strcpy(cmk.key_id, key_id);
	if (store_add_key(store, &cmk, material, &f))
		fail_msg("%s", f.message);
	secret_free(material);
}

static void store_fixture_add_alias(struct store *store, const char *name, const char *target)
{
	struct alias alias = { .account = ACCOUNT, .region = "us-east-1", .created = NOW };

	strcpy(alias.name, name);
	strcpy(alias.target, target);
	assert_int_equal(store_add_alias(store, &alias, NULL), 0);
}

/** store_fixture_open() - open the store of @x, which exists; Return: as store_open() */
int store_fixture_open(struct store_fixture *x, const struct secret *root, struct store **store,
		       struct fault *f)
{
	struct store_setup setup = { .directory = x->folder, .root = root, .region = "us-east-1" };

	return store_open(&setup, store, f);
}

/**
 * store_fixture_take_back() - close the store of @x, and make it one of an older version
 * @version: 3 or later, which have a set of rows and a counter
 * @sql: takes away what @version does not have
 */
void store_fixture_take_back(struct store_fixture *x, int version, const char *sql)
{
	static const char *const newer[] = { "Version", "Region", "Grants" };
	char head[2048], hex[2 * CRYPTO_SEAL_BYTES + 1];
	const char *text = store_fixture_query(x, "SELECT record FROM store", 0);
	struct json_object *record = json_parse(text, strlen(text));
	struct crypto_bytes none = { NULL, 0 }, aad;
	uint8_t seal[CRYPTO_SEAL_BYTES];

	for (size_t i = 0; i < (version < 4 ? 3 : 2); i++)
		json_object_object_del(record, newer[i]);
	json_add_int(record, "Version", version);
	text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
	aad = (struct crypto_bytes){ (const uint8_t *)text, strlen(text) };
	assert_int_equal(crypto_seal(x->root, aad, none, seal), 0);
	for (size_t i = 0; i < sizeof(seal); i++)
		snprintf(hex + 2 * i, 3, "%02x", seal[i]);
	snprintf(head, sizeof(head), "UPDATE store SET record = '%s', seal = x'%s'", text, hex);
	json_object_put(record);
	store_close(x->store);
	x->store = NULL;
	store_fixture_tamper(x, sql);
	store_fixture_tamper(x, head);
}

/** store_fixture_set_up() - make the store; its state is a struct store_fixture */
int store_fixture_set_up(void **state)
{
	struct store_fixture *x = calloc(1, sizeof(*x));
	struct store_setup setup = { .directory = x->folder,
				     .region = "us-east-1",
				     .create = true };
	struct fault f;

	strcpy(x->folder, "/tmp/envelope-store-test-XXXXXX");
	if (!mkdtemp(x->folder))
		return -1;
	snprintf(x->database, sizeof(x->database), "%s/kms.sqlite", x->folder);
	x->root = secret_new(CRYPTO_KEY_BYTES);
	crypto_random(x->root->bytes, x->root->size);
	setup.root = x->root;
	if (store_open(&setup, &x->store, &f))
		fail_msg("%s", f.message);
	store_fixture_add_key(x->store, A, KEY_ENABLED, 0, 0xaa);
	store_fixture_add_key(x->store, B, KEY_DISABLED, 0, 0xbb);
	store_fixture_add_alias(x->store, "alias/one", A);
	*state = x;
	return 0;
}

/** store_fixture_tear_down() - close the store and remove its folder */
int store_fixture_tear_down(void **state)
{
	struct store_fixture *x = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[128];

	store_close(x->store);
	secret_free(x->root);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(path, sizeof(path), "%s%s", x->database, ends[i]);
		unlink(path);
	}
	rmdir(x->folder);
	free(x);
	return 0;
}

/** store_fixture_tamper() - change the file as an attacker without the root key can */
void store_fixture_tamper(struct store_fixture *x, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->database, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_changes(db) == 0)
		fail_msg("changed nothing: %s", sql);
	sqlite3_close(db);
}

/** store_fixture_query() - column @column of the first row, as text that the next query overwrites */
const char *store_fixture_query(struct store_fixture *x, const char *sql, int column)
{
	static char text[512];
	sqlite3_stmt *statement;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->database, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(statement, column));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return text;
}

/** store_fixture_count() - the first column of the first row, as a number */
long long store_fixture_count(struct store_fixture *x, const char *sql)
{
	return atoll(store_fixture_query(x, sql, 0));
}

/** store_fixture_destroy_due() - store_destroy_due() in as many turns as it needs; Return: as it */
int store_fixture_destroy_due(struct store_fixture *x, int64_t now, store_destroyed_t each,
			      void *userdata, int64_t *next)
{
	struct fault f;
	int all = 0;

	do {
		int destroyed = store_destroy_due(x->store, now, each, userdata, next, &f);

		if (destroyed < 0)
			return -1;
		all += destroyed;
	} while (*next == now);
	return all;
}

/** store_fixture_get() - read a key and its material; Return: as store_get_key() */
int store_fixture_get(struct store_fixture *x, const char *key_id, struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int r = store_get_key(x->store, key_id, &cmk, &material, f);

	assert_int_equal(!r, material != NULL);
	return r;
}
