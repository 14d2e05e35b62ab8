// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_upgrade.c kms/store/store_key.c kms/store/store_deletion.c kms/store/store_alias.c kms/keys/cmk.c kms/keys/key_state.c kms/keys/crypto.c */
/*
 * The key store, attacked through its database file: every column of every row altered, rows
 * swapped, another root key; and the destruction of a key, looked for in the raw file afterwards.
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

#include "kms/keys/crypto.h"
#include "kms/store/store.h"

#define A	"aaaaaaaa-0000-4000-8000-000000000001"
#define B	"bbbbbbbb-0000-4000-8000-000000000002"
#define DUE	"cccccccc-0000-4000-8000-00000000000d"
#define ACCOUNT "123456789012"
#define NOW	1700000000

struct fixture {
	char folder[64];
	char database[96];
	struct secret *root;
	struct store *store;
};

static void add_key(struct store *store, const char *key_id, enum key_state state, int64_t deletion,
		    uint8_t fill)
{
	struct secret *material = secret_new(CMK_MATERIAL_BYTES);
	struct cmk cmk = { .account = ACCOUNT,
			   .region = "us-east-1",
			   .description = "d",
			   .state = state,
			   .created = NOW,
			   .deletion = deletion };
	struct fault f;

	memset(material->bytes, fill, material->size);
	strcpy(cmk.key_id, key_id);
	if (store_add_key(store, &cmk, material, &f))
		fail_msg("%s", f.message);
	secret_free(material);
}

static void add_alias(struct store *store, const char *name, const char *target)
{
	struct alias alias = { .account = ACCOUNT, .region = "us-east-1", .created = NOW };

	strcpy(alias.name, name);
	strcpy(alias.target, target);
	assert_int_equal(store_add_alias(store, &alias, NULL), 0);
}

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct fault f;

	strcpy(x->folder, "/tmp/envelope-store-test-XXXXXX");
	if (!mkdtemp(x->folder))
		return -1;
	snprintf(x->database, sizeof(x->database), "%s/kms.sqlite", x->folder);
	x->root = secret_new(CRYPTO_KEY_BYTES);
	crypto_random(x->root->bytes, x->root->size);
	if (store_open(x->folder, x->root, true, &x->store, &f))
		fail_msg("%s", f.message);
	add_key(x->store, A, KEY_ENABLED, 0, 0xaa);
	add_key(x->store, B, KEY_DISABLED, 0, 0xbb);
	add_alias(x->store, "alias/one", A);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	char journal[128];

	store_close(x->store);
	secret_free(x->root);
	snprintf(journal, sizeof(journal), "%s-journal", x->database);
	unlink(x->database);
	unlink(journal);
	rmdir(x->folder);
	free(x);
	return 0;
}

/* What someone with write access to the file, but without the root key, does. */
static void tamper(struct fixture *x, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->database, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_changes(db) == 0)
		fail_msg("changed nothing: %s", sql);
	sqlite3_close(db);
}

/* Column @column of the first row, as text. */
static const char *query(struct fixture *x, const char *sql, int column)
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

static long long count(struct fixture *x, const char *sql)
{
	return atoll(query(x, sql, 0));
}

/* How sqlite would find the rows. */
static const char *plan(struct fixture *x, const char *sql)
{
	char explain[256];

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	return query(x, explain, 3);
}

static int get(struct fixture *x, const char *key_id, struct fault *f)
{
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int ret = store_get_key(x->store, key_id, &cmk, &material, f);

	assert_int_equal(ret == 0, material != NULL);
	return ret;
}

static void keeps_keys(void **state)
{
	struct fixture *x = *state;
	_cleanup_secret_ struct secret *material = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };

	store_close(x->store);
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, NULL), 0);
	assert_int_equal(store_get_key(x->store, B, &cmk, &material, NULL), 0);
	assert_string_equal(cmk.key_id, B);
	assert_int_equal(cmk.state, KEY_DISABLED);
	assert_int_equal(cmk.created, NOW);
	assert_int_equal(material->size, CMK_MATERIAL_BYTES);
	assert_int_equal(material->bytes[0], 0xbb);
	assert_int_equal(get(x, "cccccccc-0000-4000-8000-000000000003", NULL), -ENOENT);
}

static void update_keeps_the_material(void **state)
{
	struct fixture *x = *state;
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
		struct fixture *x;
		struct fault f = { 0 };
		void *fresh;

		assert_int_equal(set_up(&fresh), 0);
		x = fresh;
		assert_int_equal(get(x, B, NULL), 0); /* negative control */
		tamper(x, attacks[i]);
		if (get(x, B, &f) != -1)
			fail_msg("accepted: %s", attacks[i]);
		assert_string_equal(f.code, "KMSInternalException");
		assert_int_equal(get(x, A, NULL), 0);
		tear_down(&fresh);
	}
}

static void tampered_alias_is_refused(void **state)
{
	static const char *const attacks[] = {
		"UPDATE aliases SET record = replace(record, '" A "', '" B "')",
		"UPDATE aliases SET name = 'alias/two'",
		"UPDATE aliases SET account = '210987654321'",
		"UPDATE aliases SET seal = zeroblob(28)",
	};

	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		const char *name = i == 1 ? "alias/two" : "alias/one";
		const char *account = i == 2 ? "210987654321" : ACCOUNT;
		struct alias alias;
		struct fixture *x;
		void *fresh;

		assert_int_equal(set_up(&fresh), 0);
		x = fresh;
		assert_int_equal(store_get_alias(x->store, ACCOUNT, "alias/one", &alias, NULL), 0);
		tamper(x, attacks[i]);
		if (store_get_alias(x->store, account, name, &alias, NULL) != -1)
			fail_msg("accepted: %s", attacks[i]);
		tear_down(&fresh);
	}
}

static void column_beside_the_record_is_not_believed(void **state)
{
	struct fixture *x = *state;
	struct alias alias;

	tamper(x, "UPDATE aliases SET target = '" B "'");
	assert_int_equal(store_get_alias(x->store, ACCOUNT, "alias/one", &alias, NULL), 0);
	assert_string_equal(alias.target, A);
}

static void other_root_key_is_refused(void **state)
{
	struct fixture *x = *state;
	struct secret *other = secret_new(CRYPTO_KEY_BYTES);
	struct store *store;
	struct fault f = { 0 };

	assert_int_equal(store_open(x->folder, other, false, &store, &f), -1);
	assert_string_equal(f.code, "InvalidConfiguration");
	assert_non_null(strstr(f.message, "root key"));
	secret_free(other);
}

static void lost_database_is_not_replaced(void **state)
{
	struct fixture *x = *state;
	struct store *store;
	struct fault f = { 0 };

	unlink(x->database);
	assert_int_equal(store_open(x->folder, x->root, false, &store, &f), -1);
	assert_non_null(strstr(f.message, "missing"));
	assert_int_equal(access(x->database, F_OK), -1);
}

/* Is @needle anywhere in the database or its journal? */
static int in_files(struct fixture *x, const uint8_t *needle, size_t size)
{
	static uint8_t bytes[1 << 20];
	char command_path[128];
	int found = 0;

	for (int journal = 0; journal < 2; journal++) {
		size_t got;
		FILE *file;

		snprintf(command_path, sizeof(command_path), "%s%s", x->database,
			 journal ? "-journal" : "");
		file = fopen(command_path, "r");
		if (!file)
			continue;
		got = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		found |= memmem(bytes, got, needle, size) != NULL;
	}
	return found;
}

static size_t read_seal(struct fixture *x, uint8_t *seal)
{
	sqlite3_stmt *statement;
	sqlite3 *db;
	size_t size;

	sqlite3_open(x->database, &db);
	sqlite3_prepare_v2(db, "SELECT seal FROM keys WHERE key_id = '" A "'", -1, &statement,
			   NULL);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	size = (size_t)sqlite3_column_bytes(statement, 0);
	memcpy(seal, sqlite3_column_blob(statement, 0), size);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return size;
}

static int note_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	assert_string_equal(cmk->key_id, A);
	++*(int *)userdata;
	return 0;
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

static void due_key_is_destroyed_with_its_bytes(void **state)
{
	struct fixture *x = *state;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct alias alias;
	uint8_t seal[256];
	int64_t next;
	size_t size;
	int ended = 0;

	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_PENDING_DELETION;
	cmk.deletion = NOW + 7 * 86400;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	size = read_seal(x, seal);
	assert_true(in_files(x, seal, size)); /* negative control */

	assert_int_equal(store_destroy_due(x->store, cmk.deletion - 1, note_end, &ended, &next,
					   NULL),
			 0);
	assert_int_equal(next, cmk.deletion);
	assert_int_equal(get(x, A, NULL), 0);

	/* One whose end is not recorded stays. */
	assert_int_equal(store_destroy_due(x->store, cmk.deletion, refuse_end, &ended, &next, NULL),
			 -1);
	assert_int_equal(get(x, A, NULL), 0);
	assert_int_equal(store_get_alias(x->store, ACCOUNT, "alias/one", &alias, NULL), 0);
	assert_int_equal(ended, 0);

	assert_int_equal(store_destroy_due(x->store, cmk.deletion, note_end, &ended, &next, NULL),
			 1);
	assert_int_equal(ended, 1);
	assert_int_equal(next, 0);
	assert_int_equal(get(x, A, NULL), -ENOENT);
	assert_int_equal(get(x, B, NULL), 0);
	assert_int_equal(store_get_alias(x->store, ACCOUNT, "alias/one", &alias, NULL), -ENOENT);
	assert_false(in_files(x, seal, size));
	assert_false(in_files(x, seal + 12, 32));
}

/* The column that finds a due key is not sealed: whatever it says, the record decides. */
static void a_hint_destroys_no_key(void **state)
{
	struct fixture *x = *state;
	int64_t next;
	int ended = 0;

	add_key(x->store, DUE, KEY_PENDING_DELETION, NOW + 100, 0xcc);
	tamper(x, "UPDATE keys SET deletion = 1");
	assert_int_equal(store_destroy_due(x->store, NOW, note_end, &ended, &next, NULL), 0);
	assert_int_equal(ended, 0);
	assert_int_equal(next, NOW + 100); /* corrected */
	assert_int_equal(count(x, "SELECT count(*) FROM keys WHERE deletion > 0"), 1);
	assert_int_equal(get(x, A, NULL), 0);
	assert_int_equal(get(x, DUE, NULL), 0);
}

/* Destroying a due key opens its row and no other: a damaged row beside it is never looked at. */
static void only_rows_with_a_hint_are_opened(void **state)
{
	struct fixture *x = *state;
	int64_t next;

	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	assert_int_equal(store_destroy_due(x->store, NOW, refuse_end, NULL, &next, NULL), 0);
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(next, 0);
	assert_non_null(strstr(plan(x, "SELECT * FROM keys WHERE deletion > 0 AND deletion <= 5"
				       " ORDER BY deletion"),
			       "keys_by_deletion"));
	assert_non_null(strstr(plan(x, "SELECT min(deletion) FROM keys WHERE deletion > 0"
				       " AND deletion > 5"),
			       "keys_by_deletion"));
	assert_non_null(strstr(plan(x, "SELECT * FROM aliases WHERE account = '1' AND name > ''"
				       " AND target = '2' ORDER BY name"),
			       "aliases_by_target"));
}

/* Writes a version record with a good seal. */
static void seal_version(struct fixture *x, int version)
{
	char record[64], sql[256], hex[2 * CRYPTO_SEAL_BYTES + 1];
	struct crypto_bytes aad = { (const uint8_t *)record, 0 };
	struct crypto_bytes none = { NULL, 0 };
	uint8_t seal[CRYPTO_SEAL_BYTES];

	snprintf(record, sizeof(record), "{\"Record\":\"store\",\"Version\":%d}", version);
	aad.size = strlen(record);
	assert_int_equal(crypto_seal(x->root, aad, none, seal), 0);
	for (size_t i = 0; i < sizeof(seal); i++)
		snprintf(hex + 2 * i, 3, "%02x", seal[i]);
	snprintf(sql, sizeof(sql), "UPDATE store SET record = '%s', seal = x'%s'", record, hex);
	tamper(x, sql);
}

/* Takes the store back to version 1, which had no column "deletion". */
static void make_version_1(struct fixture *x)
{
	store_close(x->store);
	x->store = NULL;
	tamper(x, "DROP INDEX keys_by_deletion; ALTER TABLE keys DROP COLUMN deletion;"
		  "UPDATE store SET id = 1");
	seal_version(x, 1);
}

static void an_older_store_is_upgraded(void **state)
{
	struct fixture *x = *state;
	int64_t next;
	int ended = 0;

	add_key(x->store, DUE, KEY_PENDING_DELETION, NOW + 100, 0xcc);
	make_version_1(x);
	/* A damaged row is left as it is, and does not stop the upgrade. */
	tamper(x, "UPDATE keys SET seal = zeroblob(length(seal)) WHERE key_id = '" B "'");
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, NULL), 0);
	assert_int_equal(count(x, "SELECT deletion FROM keys WHERE key_id = '" DUE "'"), NOW + 100);
	assert_int_equal(count(x, "SELECT sum(deletion) FROM keys"), NOW + 100);
	assert_int_equal(count(x, "SELECT json_extract(record, '$.Version') FROM store"), 2);
	assert_int_equal(get(x, A, NULL), 0);
	assert_int_equal(get(x, B, NULL), -1);
	assert_int_equal(store_destroy_due(x->store, NOW, note_due, &ended, &next, NULL), 0);
	assert_int_equal(next, NOW + 100);

	/* Opened again, it is at its version already. */
	store_close(x->store);
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, NULL), 0);
	assert_int_equal(store_destroy_due(x->store, NOW + 100, note_due, &ended, &next, NULL), 1);
	assert_int_equal(ended, 1);
	assert_int_equal(get(x, DUE, NULL), -ENOENT);
}

static void an_older_store_is_left_alone_unless_it_can_be_upgraded(void **state)
{
	struct fixture *x = *state;
	struct secret *other = secret_new(CRYPTO_KEY_BYTES);
	struct fault f = { 0 };

	make_version_1(x);
	assert_int_equal(store_open(x->folder, other, false, &x->store, &f), -1);
	assert_string_equal(f.code, "InvalidConfiguration");
	secret_free(other);
	/* It fails half-way, at the index. */
	tamper(x, "CREATE TABLE keys_by_deletion (a); UPDATE store SET id = 1");
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, &f), -1);
	assert_int_equal(count(x, "SELECT count(*) FROM pragma_table_info('keys')"), 4);
	assert_int_equal(count(x, "SELECT json_extract(record, '$.Version') FROM store"), 1);
	tamper(x, "DROP TABLE keys_by_deletion; UPDATE store SET id = 1");
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, &f), 0);
	assert_int_equal(get(x, A, NULL), 0);
}

static void a_newer_store_is_refused(void **state)
{
	struct fixture *x = *state;
	struct store *store;
	struct fault f = { 0 };

	seal_version(x, 3);
	assert_int_equal(store_open(x->folder, x->root, false, &store, &f), -1);
	assert_non_null(strstr(f.message, "newer version"));
}

static void forged_deletion_destroys_nothing(void **state)
{
	struct fixture *x = *state;
	int64_t next;
	int ended = 0;

	tamper(x, "UPDATE keys SET record = replace(replace(record, 'Enabled', 'PendingDeletion'),"
		  " '\"Deletion\":0', '\"Deletion\":1'), deletion = 1 WHERE key_id = '" A "'");
	assert_int_equal(store_destroy_due(x->store, NOW, note_end, &ended, &next, NULL), 0);
	assert_int_equal(ended, 0);
}

/* OpenSSL without its ciphers: that must not look like a damaged store, nor like another root key. */
static void a_cipher_that_fails_is_no_damage(void **state)
{
	struct fixture *x = *state;
	struct alias alias;
	struct fault f;
	int64_t next;
	int ended = 0;

	tamper(x, "UPDATE keys SET account = '0', deletion = 1 WHERE key_id = '" B "'");
	add_key(x->store, DUE, KEY_PENDING_DELETION, NOW, 0xcc);
	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	assert_int_equal(get(x, A, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
	assert_non_null(strstr(f.message, "need not be at fault"));
	assert_int_equal(store_get_alias(x->store, ACCOUNT, "alias/one", &alias, &f), -1);
	assert_non_null(strstr(f.message, "need not be at fault"));
	/* Tried again later, in place of never. */
	assert_int_equal(store_destroy_due(x->store, NOW, refuse_end, NULL, &next, &f), -1);
	store_close(x->store);
	x->store = NULL;
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");

	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, &f), 0);
	assert_int_equal(get(x, A, &f), 0);
	assert_int_equal(get(x, B, &f), -1); /* what is damaged is still called so */
	assert_non_null(strstr(f.message, "swapped"));
	assert_int_equal(store_destroy_due(x->store, NOW, note_due, &ended, &next, &f), 1);
	assert_int_equal(ended, 1);
}

static int take_first(const struct cmk *cmk, void *userdata)
{
	strcpy(userdata, cmk->key_id);
	return 1;
}

static void lists_in_order_after_a_key(void **state)
{
	struct fixture *x = *state;
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

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		STORE_TEST(due_key_is_destroyed_with_its_bytes),
		STORE_TEST(forged_deletion_destroys_nothing),
		STORE_TEST(a_hint_destroys_no_key),
		STORE_TEST(only_rows_with_a_hint_are_opened),
		STORE_TEST(an_older_store_is_upgraded),
		STORE_TEST(an_older_store_is_left_alone_unless_it_can_be_upgraded),
		STORE_TEST(a_newer_store_is_refused),
		STORE_TEST(a_cipher_that_fails_is_no_damage),
		STORE_TEST(lists_in_order_after_a_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_store", tests, NULL, NULL);
}
