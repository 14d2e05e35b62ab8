// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_check.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * A key that exists is never answered as one that does not, whatever is lost from the database file:
 * a row, a table, a bit. The end of a key ends clusters for good.
 *
 * ENVELOPE_FLIPS gives another number of flipped bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "kms_store_fixture.h"

#define KEYS	    300
#define ALIASES	    20
#define PAGE_BYTES  4096
#define FEW	    4 /* keys asked for beside the ones of a page */
#define FEWER_FLIPS 1500

static char ids[KEYS][KEY_ID_MAX];

static void alias_name(int i, char name[32])
{
	snprintf(name, 32, "alias/name-%d", i);
}

static int fill(void **state)
{
	struct store_fixture *x;

	assert_int_equal(store_fixture_set_up(state), 0);
	x = *state;
	assert_int_equal(store_begin(x->store, NULL), 0);
	for (int i = 0; i < KEYS; i++) {
		struct alias alias = { .account = ACCOUNT, .region = "us-east-1" };

		snprintf(ids[i], KEY_ID_MAX, "%08x-1111-4000-8000-%012x",
			 (unsigned int)i * 2654435761u, (unsigned int)i);
		store_fixture_add_key(x->store, ids[i], KEY_ENABLED, 0, 0x5a);
		if (i >= ALIASES)
			continue;
		alias_name(i, alias.name);
		strcpy(alias.target, ids[i]);
		assert_int_equal(store_add_alias(x->store, &alias, NULL), 0);
	}
	assert_int_equal(store_commit(x->store, NULL), 0);
	return 0;
}

/* Asks for key @i. Fails on each answer but the key and KMSInternalException. */
static int ask(struct store_fixture *x, int i, const char *after)
{
	struct fault f = { 0 };
	int r = store_fixture_get(x, ids[i], &f);

	if (r == -ENOENT)
		fail_msg("%s: key %s does not exist", after, ids[i]);
	if (r)
		assert_string_equal(f.code, "KMSInternalException");
	return r;
}

static int ask_alias(struct store_fixture *x, int i, const char *after)
{
	struct fault f = { 0 };
	struct alias alias;
	char name[32];
	int r;

	alias_name(i, name);
	r = store_get_alias(x->store, "us-east-1", ACCOUNT, name, &alias, &f);
	if (r == -ENOENT)
		fail_msg("%s: %s does not exist", after, name);
	if (r)
		assert_string_equal(f.code, "KMSInternalException");
	return r;
}

static void tamper(struct store_fixture *x, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->database, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int count_key(const struct cmk *cmk, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

/* Deletes each row of keys and aliases in turn, and puts it back. */
static void a_deleted_row_is_no_denial(void **state)
{
	struct store_fixture *x = *state;
	struct fault f = { 0 };
	int listed = 0;
	char sql[512];

	tamper(x, "CREATE TABLE kept AS SELECT * FROM keys");
	tamper(x, "CREATE TABLE kept_aliases AS SELECT * FROM aliases");
	for (int i = 0; i < KEYS; i++) {
		snprintf(sql, sizeof(sql), "DELETE FROM keys WHERE key_id = '%.36s'", ids[i]);
		tamper(x, sql);
		assert_int_equal(ask(x, i, sql), -1);
		assert_int_equal(ask(x, (i + 1) % KEYS, sql), 0);
		assert_int_equal(store_list_keys(x->store, ACCOUNT, "", NULL, NULL, &f), -1);
		assert_string_equal(f.code, "KMSInternalException");
		snprintf(sql, sizeof(sql),
			 "INSERT INTO keys SELECT * FROM kept WHERE key_id = '%.36s'", ids[i]);
		tamper(x, sql);
		assert_int_equal(ask(x, i, sql), 0);
		/* The listing counts the rows, and the next one must not rely on that. */
		assert_int_equal(store_list_keys(x->store, ACCOUNT, ids[i], count_key, &listed, &f),
				 0);
	}
	for (int i = 0; i < ALIASES; i++) {
		snprintf(sql, sizeof(sql), "DELETE FROM aliases WHERE name = 'alias/name-%d'", i);
		tamper(x, sql);
		assert_int_equal(ask_alias(x, i, sql), -1);
		snprintf(sql, sizeof(sql),
			 "INSERT INTO aliases SELECT * FROM kept_aliases WHERE name = 'alias/name-%d'",
			 i);
		tamper(x, sql);
		assert_int_equal(ask_alias(x, i, sql), 0);
	}
	/* A name that never was is still proved absent. */
	assert_int_equal(store_fixture_get(x, DUE, &f), -ENOENT);
}

/* Each node of the set in turn. Without the first node the store does not open again. */
static void a_deleted_node_of_the_set_is_no_denial(void **state)
{
	struct store_fixture *x = *state;
	long long nodes = store_fixture_count(x, "SELECT count(*) FROM sets");
	struct store *store;
	struct fault f;
	char sql[128];

	assert_true(nodes > 16);
	tamper(x, "CREATE TABLE kept AS SELECT * FROM sets");
	for (long long n = 0; n < nodes; n++) {
		snprintf(sql, sizeof(sql),
			 "DELETE FROM sets WHERE path = (SELECT path FROM kept LIMIT 1 OFFSET %lld)",
			 n);
		tamper(x, sql);
		for (int i = 0; i < KEYS; i += 3)
			ask(x, i, sql);
		for (int i = 0; i < ALIASES; i++)
			ask_alias(x, i, sql);
		if (!store_fixture_count(x, "SELECT count(*) FROM sets WHERE path = ''")) {
			assert_int_equal(store_fixture_open(x, x->root, &store, &f), -1);
			assert_string_equal(f.code, "InvalidConfiguration");
			assert_non_null(strstr(f.message, "lost the set of its keys"));
		}
		tamper(x, "DELETE FROM sets; INSERT INTO sets SELECT * FROM kept");
	}
	assert_int_equal(ask(x, 0, "all put back"), 0);
}

static void a_store_without_its_head_does_not_open(void **state)
{
	static const char *const losses[] = {
		"DELETE FROM store",
		"DROP TABLE store",
		"DROP TABLE aliases; DROP TABLE grants; DROP TABLE users; DROP TABLE materials;"
		"DROP TABLE keys; DROP TABLE sets; VACUUM",
	};
	struct store_fixture *x = *state;
	struct store_setup setup = {
		.directory = x->folder, .root = x->root, .region = "us-east-1", .create = true
	};
	struct fault f = { 0 };

	store_close(x->store);
	x->store = NULL;
	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		tamper(x, losses[i]);
		assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), -1);
		assert_string_equal(f.code, "InvalidConfiguration");
		assert_non_null(strstr(f.message, "lost its head"));
		assert_int_equal(store_check(x->folder, x->root, &f), -1);
		assert_non_null(strstr(f.message, "lost its head"));
		/* --new-store begins a new one only where no table is left. */
		if (i < 2)
			assert_int_equal(store_open(&setup, &x->store, &f), -1);
	}
}

/* An old row is neither taken nor a denial. A row of a key that is gone does not bring it back. */
static void an_old_row_is_not_taken(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct fault f = { 0 };
	struct alias alias;

	tamper(x, "CREATE TABLE kept AS SELECT * FROM keys;"
		  "CREATE TABLE kept_aliases AS SELECT * FROM aliases");
	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_DISABLED;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/name-1", &alias,
					 NULL),
			 0);
	strcpy(alias.target, B);
	assert_int_equal(store_update_alias(x->store, &alias, NULL), 0);
	assert_int_equal(store_delete_alias(x->store, "us-east-1", ACCOUNT, "alias/name-2", NULL),
			 0);
	tamper(x, "UPDATE keys SET (record, seal) = (SELECT k.record, k.seal FROM kept k"
		  " WHERE k.key_id = keys.key_id); INSERT OR REPLACE INTO aliases"
		  " SELECT * FROM kept_aliases");
	assert_int_equal(store_fixture_get(x, A, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
	assert_non_null(strstr(f.message, "put back"));
	assert_int_equal(store_fixture_get(x, B, &f), 0);
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/name-1", &alias,
					 &f),
			 -1);
	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/name-2", &alias,
					 &f),
			 -ENOENT);
}

static void a_lost_alias_can_be_deleted_and_made_again(void **state)
{
	struct store_fixture *x = *state;
	struct alias alias;

	assert_int_equal(store_get_alias(x->store, "us-east-1", ACCOUNT, "alias/name-3", &alias,
					 NULL),
			 0);
	tamper(x, "DELETE FROM aliases WHERE name = 'alias/name-3'");
	assert_int_equal(store_add_alias(x->store, &alias, NULL), -EEXIST);
	assert_int_equal(store_delete_alias(x->store, "us-east-1", ACCOUNT, "alias/name-3", NULL),
			 0);
	assert_int_equal(store_delete_alias(x->store, "us-east-1", ACCOUNT, "alias/name-3", NULL),
			 -ENOENT);
	assert_int_equal(store_add_alias(x->store, &alias, NULL), 0);
	assert_int_equal(ask_alias(x, 3, "made again"), 0);
}

static int take_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	return 0;
}

/* The set grows and shrinks with its keys, and keeps its count. */
static void the_set_follows_each_change(void **state)
{
	struct store_fixture *x = *state;
	struct fault f;
	int listed = 0;
	int64_t next;

	for (int i = 0; i < KEYS; i += 2) {
		_cleanup_cmk_ struct cmk cmk = { 0 };

		assert_int_equal(store_get_key(x->store, ids[i], &cmk, NULL, NULL), 0);
		cmk.state = KEY_PENDING_DELETION;
		cmk.due = 1;
		assert_int_equal(store_begin(x->store, NULL), 0);
		assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
		if (i % 4)
			assert_int_equal(store_commit(x->store, NULL), 0);
		else
			store_rollback(x->store);
	}
	assert_int_equal(store_fixture_destroy_due(x, NOW, take_end, NULL, &next), KEYS / 4);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(store_fixture_get(x, ids[i], &f), i % 4 == 2 ? -ENOENT : 0);
	assert_int_equal(store_list_keys(x->store, ACCOUNT, "", count_key, &listed, &f), 0);
	assert_int_equal(listed, 2 + KEYS - KEYS / 4);
	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), 0);
	assert_int_equal(ask(x, 1, "opened again"), 0);
}

static uint8_t *read_database(struct store_fixture *x, size_t *size)
{
	int fd = open(x->database, O_RDONLY);
	struct stat st;
	uint8_t *bytes;

	assert_true(fd >= 0 && !fstat(fd, &st));
	/* Behind its pages the file has only reserved space. */
	*size = (size_t)store_fixture_count(x, "PRAGMA page_count") * PAGE_BYTES;
	assert_true(*size <= (size_t)st.st_size);
	bytes = malloc(*size);
	assert_int_equal(read(fd, bytes, *size), *size);
	close(fd);
	return bytes;
}

static void write_byte(struct store_fixture *x, size_t at, uint8_t byte)
{
	int fd = open(x->database, O_WRONLY);

	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

/* Asks for all keys that the page of the flipped bit names, and for a few others. */
static void ask_around(struct store_fixture *x, const uint8_t *page, size_t at, int bit)
{
	char after[64];

	snprintf(after, sizeof(after), "bit %d of byte %zu", bit, at);
	for (int i = 0; i < KEYS; i++)
		if (memmem(page, PAGE_BYTES, ids[i], KEY_ID_MAX - 1))
			ask(x, i, after);
	for (int i = 0; i < FEW; i++)
		ask(x, rand() % KEYS, after);
	ask_alias(x, rand() % ALIASES, after);
}

static void a_flipped_bit_is_no_denial(void **state)
{
	const char *wanted = getenv("ENVELOPE_FLIPS");
	int flips = wanted ? atoi(wanted) : FEWER_FLIPS, opened = 0;
	struct store_fixture *x = *state;
	uint8_t *bytes;
	size_t size;

	store_close(x->store);
	x->store = NULL;
	bytes = read_database(x, &size);
	srand(1);
	for (int i = 0; i < flips; i++) {
		size_t at = (size_t)((unsigned int)rand() % size);
		int bit = rand() % 8;
		struct fault f;

		write_byte(x, at, bytes[at] ^ (uint8_t)(1 << bit));
		if (!store_fixture_open(x, x->root, &x->store, &f)) {
			ask_around(x, bytes + at / PAGE_BYTES * PAGE_BYTES, at, bit);
			store_close(x->store);
			x->store = NULL;
			opened++;
		}
		write_byte(x, at, bytes[at]);
	}
	print_message("# %d of %d damaged stores opened\n", opened, flips);
	assert_true(opened > flips / 2);
	free(bytes);
}

#define FILLED(name) cmocka_unit_test_setup_teardown(name, fill, store_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(a_deleted_row_is_no_denial),
		FILLED(a_deleted_node_of_the_set_is_no_denial),
		FILLED(a_store_without_its_head_does_not_open),
		FILLED(an_old_row_is_not_taken),
		FILLED(a_lost_alias_can_be_deleted_and_made_again),
		FILLED(the_set_follows_each_change),
		FILLED(a_flipped_bit_is_no_denial),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_absence", tests, NULL, NULL);
}
