// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * Keys whose waiting period is over. The store finds their rows, and erases their bytes from the
 * raw file. Also the upgrade of a store that lacks the column with the deletion date.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "kms_store_fixture.h"

/* sqlite's plan for finding the rows. */
static const char *plan(struct store_fixture *x, const char *sql)
{
	char explain[256];

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	return store_fixture_query(x, explain, 3);
}

/* Is @needle anywhere in the database or its log? */
static int in_files(struct store_fixture *x, const uint8_t *needle, size_t size)
{
	static uint8_t bytes[16 << 20];
	char command_path[128];
	int found = 0;

	for (int log = 0; log < 2; log++) {
		size_t got;
		FILE *file;

		snprintf(command_path, sizeof(command_path), "%s%s", x->database,
			 log ? "-wal" : "");
		file = fopen(command_path, "r");
		if (!file)
			continue;
		got = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		found |= memmem(bytes, got, needle, size) != NULL;
	}
	return found;
}

static size_t read_seal(struct store_fixture *x, uint8_t *seal)
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
	struct store_fixture *x = *state;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct alias alias;
	uint8_t seal[256];
	int64_t next;
	size_t size;
	int ended = 0;

	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_PENDING_DELETION;
	cmk.deletion = NOW + 7 * 86400;
	cmk.due = cmk.deletion;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	size = read_seal(x, seal);
	assert_true(in_files(x, seal, size)); /* negative control */

	assert_int_equal(store_fixture_destroy_due(x, cmk.deletion - 1, note_end, &ended, &next),
			 0);
	assert_int_equal(next, cmk.deletion);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);

	/* The store keeps a key until the trail has recorded its deletion. */
	assert_int_equal(store_fixture_destroy_due(x, cmk.deletion, refuse_end, &ended, &next), -1);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one", &alias, NULL),
			 0);
	assert_int_equal(ended, 0);

	assert_int_equal(store_fixture_destroy_due(x, cmk.deletion, note_end, &ended, &next), 1);
	assert_int_equal(ended, 1);
	assert_int_equal(next, 0);
	assert_int_equal(store_fixture_get(x, A, NULL), -ENOENT);
	assert_int_equal(store_fixture_get(x, B, NULL), 0);
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/one", &alias, NULL),
			 -ENOENT);
	assert_false(in_files(x, seal, size));
	assert_false(in_files(x, seal + 12, 32));
}

/* The first key has gone when the second one cannot be recorded. */
static int refuse_second(const struct cmk *cmk, void *userdata, struct fault *f)
{
	assert_null(cmk->description);
	assert_null(cmk->policy);
	return ++*(int *)userdata == 2 ? -1 : 0;
}

static void make_due(struct store_fixture *x, const char *key_id, int64_t due)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	assert_int_equal(store_get_key(x->store, key_id, &cmk, NULL, NULL), 0);
	free(cmk.policy);
	cmk.policy = strdup("{\"a policy that cmk_free() frees\":1}");
	cmk.state = KEY_PENDING_DELETION;
	cmk.due = due;
	cmk.deletion = due;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
}

static void a_fault_leaves_no_bytes_of_a_destroyed_key(void **state)
{
	struct store_fixture *x = *state;
	uint8_t seal[256];
	int64_t next;
	size_t size;
	int calls = 0;

	make_due(x, A, NOW + 1);
	make_due(x, B, NOW + 2);
	size = read_seal(x, seal);
	assert_int_equal(store_fixture_destroy_due(x, NOW + 2, refuse_second, &calls, &next), -1);
	assert_int_equal(calls, 2);
	assert_int_equal(store_fixture_get(x, A, NULL), -ENOENT);
	assert_int_equal(store_fixture_get(x, B, NULL), 0);
	assert_false(in_files(x, seal, size));
}

/* A program that reads the store over a restart of the KMS. */
static void a_reader_at_the_start_delays_the_erasure_alone(void **state)
{
	struct store_fixture *x = *state;
	uint8_t seal[256];
	int64_t next;
	sqlite3 *db;
	size_t size;
	int ended = 0;

	make_due(x, A, NOW + 1);
	size = read_seal(x, seal);
	assert_int_equal(sqlite3_open(x->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM keys", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(store_fixture_destroy_due(x, NOW + 1, note_end, &ended, &next), 1);
	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	assert_true(in_files(x, seal, size)); /* negative control */
	assert_int_equal(store_fixture_destroy_due(x, NOW + 2, note_end, &ended, &next), 0);
	assert_true(next > NOW + 2);
	sqlite3_close(db);
	assert_int_equal(store_fixture_destroy_due(x, next, note_end, &ended, &next), 0);
	assert_int_equal(next, 0);
	assert_false(in_files(x, seal, size));
}

static int take_long(const struct cmk *cmk, void *userdata, struct fault *f)
{
	struct timespec pause = { .tv_nsec = 20000000 }; /* longer than a turn may last */

	nanosleep(&pause, NULL);
	return 0;
}

/* Many due keys do not hold up the requests that come meanwhile. */
static void a_turn_ends_although_more_keys_are_due(void **state)
{
	static const char *const due[] = { "dddddddd-0000-4000-8000-000000000001",
					   "dddddddd-0000-4000-8000-000000000002",
					   "dddddddd-0000-4000-8000-000000000003" };
	struct store_fixture *x = *state;
	int64_t next;

	for (size_t i = 0; i < 3; i++)
		store_fixture_add_key(x->store, due[i], KEY_PENDING_DELETION, NOW - 1, 0xdd);
	for (int left = 2; left >= 0; left--) {
		assert_int_equal(store_destroy_due(x->store, NOW, take_long, NULL, &next, NULL), 1);
		assert_int_equal(next, left ? NOW : 0);
		assert_int_equal(store_fixture_count(x,
						     "SELECT count(*) FROM keys WHERE deletion > 0"),
				 left);
	}
}

/* The column with the deletion date is not sealed. The date in the sealed record decides. */
static void a_hint_destroys_no_key(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;
	int ended = 0;

	store_fixture_add_key(x->store, DUE, KEY_PENDING_DELETION, NOW + 100, 0xcc);
	store_fixture_tamper(x, "UPDATE keys SET deletion = 1");
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_end, &ended, &next), 0);
	assert_int_equal(ended, 0);
	assert_int_equal(next, NOW + 100); /* corrected */
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM keys WHERE deletion > 0"), 1);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
	assert_int_equal(store_fixture_get(x, DUE, NULL), 0);
}

/* A trigger keeps the hint as it is. The search says so, and does not find the same row again in each turn. */
static void a_hint_that_cannot_be_corrected_is_a_fault(void **state)
{
	struct store_fixture *x = *state;
	struct fault f = { 0 };
	int64_t next;
	int ended = 0;

	store_fixture_tamper(x, "UPDATE keys SET deletion = 1;"
				"CREATE TRIGGER keep BEFORE UPDATE ON keys"
				" BEGIN SELECT raise(IGNORE); END; UPDATE store SET id = 1");
	assert_int_equal(store_destroy_due(x->store, NOW, note_end, &ended, &next, &f), -1);
	assert_non_null(strstr(f.message, "cannot be updated"));
	assert_int_equal(ended, 0);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
}

/* A jump out of the handler would leave sqlite's lock taken, and the test's end would wait for it. */
static void on_alarm(int number)
{
	static const char said[] = "not ok 6 - the search for due keys does not end\n";

	_exit(write(STDERR_FILENO, said, sizeof(said) - 1) > 0 ? 1 : 2);
}

/* A key id with a NUL inside equals another key id in C, but not in sqlite. */
static void a_twin_behind_a_nul_ends_no_search(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;
	int ended = 0;

	store_fixture_tamper(x,
			     "INSERT INTO keys SELECT CAST(CAST(key_id AS BLOB) || x'0078' AS TEXT),"
			     " account, record, seal, 1, 0 FROM keys WHERE key_id = '" A "'");
	signal(SIGALRM, on_alarm);
	alarm(20);
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_end, &ended, &next), 0);
	alarm(0);
	assert_int_equal(ended, 0);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
}

/* To destroy a due key the store opens only the row of that key, so a damaged row does no harm. */
static void only_rows_with_a_hint_are_opened(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;

	assert_int_equal(EVP_set_default_properties(NULL, "provider=none"), 1);
	assert_int_equal(store_fixture_destroy_due(x, NOW, refuse_end, NULL, &next), 0);
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
static void seal_version(struct store_fixture *x, int version)
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
	store_fixture_tamper(x, sql);
}

/* Takes the store back to version 1, which had no column "deletion". */
static void make_version_1(struct store_fixture *x)
{
	store_close(x->store);
	x->store = NULL;
	store_fixture_tamper(x, BEFORE_ROTATIONS
			     "DROP TABLE grants; DROP TABLE sets; DROP INDEX keys_by_deletion;"
			     "ALTER TABLE keys DROP COLUMN deletion;"
			     "UPDATE store SET id = 1");
	seal_version(x, 1);
}

static void an_older_store_is_upgraded(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;
	int ended = 0;
	char id[37];

	store_fixture_add_key(x->store, DUE, KEY_PENDING_DELETION, NOW + 100, 0xcc);
	make_version_1(x);
	/* A damaged row is left as it is, and does not stop the upgrade. */
	store_fixture_tamper(x, "UPDATE keys SET seal = zeroblob(length(seal)) WHERE key_id = '" B
				"'");
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	assert_int_equal(store_fixture_count(x,
					     "SELECT deletion FROM keys WHERE key_id = '" DUE "'"),
			 NOW + 100);
	assert_int_equal(store_fixture_count(x, "SELECT sum(deletion) FROM keys"), NOW + 100);
	assert_int_equal(store_fixture_count(x,
					     "SELECT json_extract(record, '$.Version') FROM store"),
			 8);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
	assert_int_equal(store_fixture_get(x, B, NULL), -1);
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_due, &ended, &next), 0);
	assert_int_equal(next, NOW + 100);

	/* Opened again, it is at its version already, and has the id that it got. */
	assert_int_equal(strlen(store_id(x->store)), 36);
	strcpy(id, store_id(x->store));
	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	assert_string_equal(store_id(x->store), id);
	assert_int_equal(store_fixture_destroy_due(x, NOW + 100, note_due, &ended, &next), 1);
	assert_int_equal(ended, 1);
	assert_int_equal(store_fixture_get(x, DUE, NULL), -ENOENT);
}

/* A store of this version that was made before stores had an id. */
static void a_store_without_an_id_gets_one_and_keeps_it(void **state)
{
	struct store_fixture *x = *state;
	char id[37];

	store_close(x->store);
	x->store = NULL;
	store_fixture_tamper(x, BEFORE_ROTATIONS
			     "DROP TABLE grants; DROP TABLE sets; UPDATE store SET id = 1");
	seal_version(x, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
		assert_int_equal(strlen(store_id(x->store)), 36);
		if (i)
			assert_string_equal(store_id(x->store), id);
		strcpy(id, store_id(x->store));
		if (!i)
			store_close(x->store);
	}
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
}

static void an_older_store_is_left_alone_unless_it_can_be_upgraded(void **state)
{
	struct store_fixture *x = *state;
	struct secret *other = secret_new(CRYPTO_KEY_BYTES);
	struct fault f = { 0 };

	make_version_1(x);
	assert_int_equal(store_fixture_open(x, other, &x->store, &f), -1);
	assert_string_equal(f.code, "InvalidConfiguration");
	secret_free(other);
	/* The upgrade fails halfway, when it makes the index. */
	store_fixture_tamper(x, "CREATE TABLE keys_by_deletion (a); UPDATE store SET id = 1");
	assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), -1);
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM pragma_table_info('keys')"),
			 4);
	assert_int_equal(store_fixture_count(x,
					     "SELECT json_extract(record, '$.Version') FROM store"),
			 1);
	store_fixture_tamper(x, "DROP TABLE keys_by_deletion; UPDATE store SET id = 1");
	assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), 0);
	assert_int_equal(store_fixture_get(x, A, NULL), 0);
}

static void a_newer_store_is_refused(void **state)
{
	struct store_fixture *x = *state;
	struct store *store;
	struct fault f = { 0 };

	seal_version(x, 9);
	assert_int_equal(store_fixture_open(x, x->root, &store, &f), -1);
	assert_non_null(strstr(f.message, "newer version"));
}

static void forged_deletion_destroys_nothing(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;
	int ended = 0;

	store_fixture_tamper(x,
			     "UPDATE keys SET record = replace(replace(record, 'Enabled', 'PendingDeletion'),"
			     " '\"Deletion\":0', '\"Deletion\":1'), deletion = 1 WHERE key_id = '" A
			     "'");
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_end, &ended, &next), 0);
	assert_int_equal(ended, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(due_key_is_destroyed_with_its_bytes),
		STORE_TEST(a_fault_leaves_no_bytes_of_a_destroyed_key),
		STORE_TEST(a_reader_at_the_start_delays_the_erasure_alone),
		STORE_TEST(a_turn_ends_although_more_keys_are_due),
		STORE_TEST(a_hint_destroys_no_key),
		STORE_TEST(a_twin_behind_a_nul_ends_no_search),
		STORE_TEST(a_hint_that_cannot_be_corrected_is_a_fault),
		STORE_TEST(only_rows_with_a_hint_are_opened),
		STORE_TEST(an_older_store_is_upgraded),
		STORE_TEST(a_store_without_an_id_gets_one_and_keeps_it),
		STORE_TEST(an_older_store_is_left_alone_unless_it_can_be_upgraded),
		STORE_TEST(a_newer_store_is_refused),
		STORE_TEST(forged_deletion_destroys_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_due_keys", tests, NULL, NULL);
}
