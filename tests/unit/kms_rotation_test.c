// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * The materials of rotated keys in the store: each one is there until its key is destroyed, what is
 * missing, damaged or old is no denial, and automatic rotations follow the record alone.
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
#include <time.h>

#include "kms_store_fixture.h"
#include "lib/base/json.h"

#define DAY 86400

static void read_key(struct store_fixture *x, const char *key_id, struct cmk *cmk)
{
	struct fault f;

	if (store_get_key(x->store, key_id, cmk, NULL, &f))
		fail_msg("%s", f.message);
}

/* Gives @cmk a material of @fill in each byte. */
static int add_material(struct store *store, struct cmk *cmk, uint8_t fill, struct fault *f)
{
	_cleanup_secret_ struct secret *bytes = secret_new(CMK_MATERIAL_BYTES);
	struct material material = { .date = NOW + fill, .type = ROTATION_ON_DEMAND };

	memset(bytes->bytes, fill, bytes->size);
	assert_int_equal(material_id(cmk->key_id, bytes, material.id, f), 0);
	return store_add_material(store, cmk, &material, bytes, f);
}

static void rotate(struct store_fixture *x, const char *key_id, uint8_t fill)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	struct fault f;

	read_key(x, key_id, &cmk);
	if (add_material(x->store, &cmk, fill, &f))
		fail_msg("%s", f.message);
}

/* Return: the byte of material @number of @key_id, or as store_get_material() */
static int byte_of(struct store_fixture *x, const char *key_id, size_t number, struct fault *f)
{
	_cleanup_secret_ struct secret *bytes = NULL;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int r;

	read_key(x, key_id, &cmk);
	r = store_get_material(x->store, &cmk, number, &bytes, f);
	assert_int_equal(!r, bytes != NULL);
	return r ? r : bytes->bytes[31];
}

static void is_no_denial(struct store_fixture *x, size_t number, const char *after)
{
	struct fault f = { 0 };
	int r = byte_of(x, A, number, &f);

	if (r != -1 || strcmp(f.code, "KMSInternalException"))
		fail_msg("%s: material %zu gives %d %s", after, number, r, f.code);
}

static void each_material_of_a_key_is_kept(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_cmk_ struct cmk before = { 0 }, after = { 0 };
	char id[MATERIAL_ID_CHARS + 1], other[MATERIAL_ID_CHARS + 1];
	struct fault f;

	read_key(x, A, &before);
	assert_int_equal(strlen(before.first_material), MATERIAL_ID_CHARS);
	rotate(x, A, 0x11);
	rotate(x, A, 0x22);
	rotate(x, B, 0x11);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(byte_of(x, A, 1, &f), 0x11);
		assert_int_equal(byte_of(x, A, 2, &f), 0x22);
		assert_int_equal(byte_of(x, B, 1, &f), 0x11);
		assert_int_equal(byte_of(x, A, 3, &f), -ENOENT);
		assert_int_equal(store_fixture_get(x, A, &f), 0);
		store_close(x->store);
		assert_int_equal(store_fixture_open(x, x->root, &x->store, &f), 0);
	}
	read_key(x, A, &after);
	assert_string_equal(cmk_material_id(&after, 0, id), before.first_material);
	assert_string_not_equal(cmk_material_id(&after, 1, id), cmk_material_id(&after, 2, other));
	assert_int_equal(materials_on_demand(after.materials), 2);
	/* Two keys with the same bytes do not show it. */
	cmk_free(&before);
	read_key(x, B, &before);
	assert_string_not_equal(cmk_material_id(&after, 1, id), cmk_material_id(&before, 1, other));
}

/* Reads the row of material 1 of A, in hexadecimal digits. */
static void read_row(struct store_fixture *x, char record[512], char seal[512])
{
	strcpy(record, store_fixture_query(x,
					   "SELECT hex(record) FROM materials WHERE number = 1"
					   " AND key_id = '" A "'",
					   0));
	strcpy(seal, store_fixture_query(x,
					 "SELECT hex(seal) FROM materials WHERE number = 1"
					 " AND key_id = '" A "'",
					 0));
}

static void write_row(struct store_fixture *x, const char *record, const char *seal)
{
	char sql[1200];

	snprintf(sql, sizeof(sql),
		 "PRAGMA synchronous=OFF; UPDATE materials SET record = CAST(x'%s' AS TEXT),"
		 " seal = x'%s' WHERE number = 1 AND key_id = '" A "'",
		 record, seal);
	store_fixture_tamper(x, sql);
}

static void set_up_three(struct store_fixture *x)
{
	rotate(x, A, 0x11);
	rotate(x, A, 0x22);
	rotate(x, B, 0x33);
}

static void an_altered_byte_of_a_material_is_no_denial(void **state)
{
	struct store_fixture *x = *state;
	char record[512], seal[512];

	set_up_three(x);
	read_row(x, record, seal);
	for (int part = 0; part < 2; part++) {
		char *hex = part ? seal : record;

		for (size_t i = 1; i < strlen(hex); i += 2) {
			char digit = hex[i];

			hex[i] = digit == '1' ? '2' : '1';
			write_row(x, record, seal);
			is_no_denial(x, 1, part ? "a byte of the seal" : "a byte of the record");
			hex[i] = digit;
		}
	}
	write_row(x, record, seal);
	assert_int_equal(byte_of(x, A, 1, NULL), 0x11); /* negative control */
}

static void a_lost_or_swapped_material_is_no_denial(void **state)
{
	static const char *const damages[] = {
		"DELETE FROM materials WHERE number = 1",
		"UPDATE materials SET seal = x'' WHERE number = 1",
		"UPDATE materials SET record = '' WHERE number = 1",
		"UPDATE materials SET number = 7 WHERE number = 1",
		"UPDATE materials SET number = 9 - number; UPDATE materials SET number = number - 6",
		"DELETE FROM materials WHERE key_id = '" A "';"
		"UPDATE materials SET key_id = '" A "' WHERE key_id = '" B "'",
		"UPDATE materials SET record = (SELECT record FROM kept WHERE number = 2),"
		" seal = (SELECT seal FROM kept WHERE number = 2) WHERE number = 1",
	};
	struct store_fixture *x = *state;

	set_up_three(x);
	store_fixture_tamper(x, "CREATE TABLE kept AS SELECT * FROM materials;"
				"UPDATE store SET id = 1");
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		store_fixture_tamper(x, damages[i]);
		is_no_denial(x, 1, damages[i]);
		assert_int_equal(store_fixture_get(x, A, NULL), 0);
		store_fixture_tamper(x, "DELETE FROM materials;"
					"INSERT INTO materials SELECT * FROM kept");
		assert_int_equal(byte_of(x, A, 1, NULL), 0x11);
	}
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[32 << 20];
	FILE *file = fopen(from, "r");
	size_t size = fread(bytes, 1, sizeof(bytes), file);

	fclose(file);
	assert_true(size > 0 && size < sizeof(bytes));
	file = fopen(to, "w");
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

/* A row of a history that was given up has the number, the key and a good seal. */
static void a_material_of_another_history_is_not_taken(void **state)
{
	struct store_fixture *x = *state;
	char record[512], seal[512], old[128];

	store_close(x->store);
	snprintf(old, sizeof(old), "%s.old", x->database);
	copy_file(x->database, old);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	rotate(x, A, 0x11);
	read_row(x, record, seal);
	store_close(x->store);
	copy_file(old, x->database);
	remove(old);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
	assert_int_equal(byte_of(x, A, 1, NULL), -ENOENT);
	rotate(x, A, 0x11);
	assert_int_equal(byte_of(x, A, 1, NULL), 0x11);
	write_row(x, record, seal);
	is_no_denial(x, 1, "a row of another history");
}

/* Without the record of the key with its list, the materials of the key do not count. */
static void an_old_record_of_the_key_forgets_no_material(void **state)
{
	struct store_fixture *x = *state;
	struct fault f = { 0 };

	rotate(x, A, 0x11);
	store_fixture_tamper(x, "CREATE TABLE kept AS SELECT * FROM keys; UPDATE store SET id = 1");
	rotate(x, A, 0x22);
	store_fixture_tamper(x,
			     "UPDATE keys SET record = (SELECT record FROM kept WHERE key_id = '" A
			     "'), seal = (SELECT seal FROM kept WHERE key_id = '" A
			     "') WHERE key_id = '" A "'");
	assert_int_equal(store_fixture_get(x, A, &f), -1);
	assert_string_equal(f.code, "KMSInternalException");
}

/* Is @hex, the seal of a row, anywhere in the database or its log? */
static bool in_files(struct store_fixture *x, const char *hex)
{
	static uint8_t bytes[32 << 20];
	uint8_t needle[256];
	size_t size = strlen(hex) / 2;
	bool found = false;

	for (size_t i = 0; i < size; i++)
		sscanf(hex + 2 * i, "%2hhx", &needle[i]);
	for (int log = 0; log < 2; log++) {
		char path[128];
		FILE *file;

		snprintf(path, sizeof(path), "%s%s", x->database, log ? "-wal" : "");
		file = fopen(path, "r");
		if (!file)
			continue;
		/* The bytes of the material alone: its nonce is no secret. */
		found |= memmem(bytes, fread(bytes, 1, sizeof(bytes), file), needle + 12, 32) !=
			 NULL;
		fclose(file);
	}
	return found;
}

static int note_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	(void)f;
	assert_string_equal(cmk->key_id, A);
	assert_null(cmk->materials); /* those of the row have been freed */
	++*(int *)userdata;
	return 0;
}

static void a_destroyed_key_leaves_no_material(void **state)
{
	struct store_fixture *x = *state;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char record[512], seal[512];
	int64_t next;
	int ended = 0;

	set_up_three(x);
	read_row(x, record, seal);
	read_key(x, A, &cmk);
	cmk.state = KEY_PENDING_DELETION;
	cmk.due = NOW;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
	assert_true(in_files(x, seal)); /* negative control */
	assert_int_equal(store_fixture_destroy_due(x, NOW, note_end, &ended, &next), 1);
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM materials"), 1);
	assert_false(in_files(x, seal));
	assert_int_equal(byte_of(x, B, 1, NULL), 0x33);
}

static int rotate_now(struct cmk *cmk, void *userdata, struct fault *f)
{
	struct store_fixture *x = userdata;

	return add_material(x->store, cmk, 0x44, f);
}

static int refuse(struct cmk *cmk, void *userdata, struct fault *f)
{
	rotate_now(cmk, userdata, f);
	return -1;
}

static int rotate_slowly(struct cmk *cmk, void *userdata, struct fault *f)
{
	struct timespec pause = { .tv_nsec = 20000000 }; /* longer than a turn may last */

	nanosleep(&pause, NULL);
	return rotate_now(cmk, userdata, f);
}

/* Sets the automatic rotation of a key, as EnableKeyRotation did at @now. */
static void enable(struct store_fixture *x, const char *key_id, int days, int64_t now)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	read_key(x, key_id, &cmk);
	cmk_begin_rotation(&cmk, days, now);
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
}

static size_t rotations_of(struct store_fixture *x, const char *key_id)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	read_key(x, key_id, &cmk);
	return materials_count(cmk.materials);
}

static int rotate_due(struct store_fixture *x, int64_t now, store_rotate_t each, int64_t *next)
{
	struct fault f;

	return store_rotate_due(x->store, now, each, x, next, &f);
}

/* As rotate_due(), in as many turns as it needs. */
static int rotate_all(struct store_fixture *x, int64_t now, int64_t *next)
{
	int rotated = 0;

	do {
		rotated += rotate_due(x, now, rotate_now, next);
	} while (*next == now);
	return rotated;
}

static void a_key_is_rotated_when_its_period_is_over(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;

	enable(x, A, 90, NOW);
	enable(x, B, 90, NOW); /* disabled */
	assert_int_equal(rotate_all(x, NOW + 90 * DAY - 1, &next), 0);
	assert_int_equal(next, NOW + 90 * DAY);
	assert_int_equal(rotate_due(x, NOW + 90 * DAY, refuse, &next), -1);
	assert_int_equal(rotations_of(x, A), 0);
	assert_int_equal(rotate_all(x, NOW + 91 * DAY, &next), 1);
	/* A late one does not move the next one. */
	assert_int_equal(next, NOW + 180 * DAY);
	assert_int_equal(rotations_of(x, A), 1);
	assert_int_equal(rotate_all(x, NOW + 91 * DAY, &next), 0);
	assert_int_equal(rotate_all(x, NOW + 1000 * DAY, &next), 1);
	assert_int_equal(next, NOW + 1090 * DAY);
	assert_int_equal(rotations_of(x, A), 2);
	assert_int_equal(rotations_of(x, B), 0);
}

/* The column with the date is not sealed. The record decides. */
static void a_hint_rotates_no_key(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;

	enable(x, A, 90, NOW);
	store_fixture_tamper(x, "UPDATE keys SET rotation = 1");
	assert_int_equal(rotate_all(x, NOW, &next), 0);
	assert_int_equal(next, NOW + 90 * DAY); /* corrected */
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM keys WHERE rotation > 0"), 1);
	assert_int_equal(rotations_of(x, A) + rotations_of(x, B), 0);
}

static void a_turn_ends_although_more_keys_are_due(void **state)
{
	static const char *const due[] = { "dddddddd-0000-4000-8000-000000000001",
					   "dddddddd-0000-4000-8000-000000000002",
					   "dddddddd-0000-4000-8000-000000000003" };
	struct store_fixture *x = *state;
	int64_t next;

	for (size_t i = 0; i < 3; i++) {
		store_fixture_add_key(x->store, due[i], KEY_ENABLED, 0, 0xdd);
		enable(x, due[i], 90, NOW - 90 * DAY);
	}
	/* Damage to one key keeps no other from its rotation. */
	store_fixture_tamper(x, "UPDATE keys SET seal = zeroblob(length(seal)) WHERE key_id = 'dddd"
				"dddd-0000-4000-8000-000000000001'");
	assert_int_equal(rotate_due(x, NOW, rotate_slowly, &next), 1);
	assert_int_equal(next, NOW);
	assert_int_equal(rotations_of(x, due[1]), 1);
	assert_int_equal(rotations_of(x, due[2]), 0);
	assert_int_equal(rotate_due(x, NOW, rotate_slowly, &next), 1);
	assert_int_equal(next, NOW);
	assert_int_equal(rotate_due(x, NOW, rotate_slowly, &next), 0);
	assert_int_equal(next, NOW + 90 * DAY);
	assert_int_equal(rotations_of(x, due[2]), 1);
}

/* An old row of the last due key has a seal that fits, and is dropped because the set names another one. */
static void a_key_whose_row_was_put_back_is_not_rotated(void **state)
{
	struct store_fixture *x = *state;
	int64_t next;

	enable(x, A, 90, NOW - 91 * DAY);
	store_fixture_tamper(x, "CREATE TABLE kept AS SELECT * FROM keys; UPDATE store SET id = 1");
	enable(x, A, 90, NOW - 90 * DAY);
	store_fixture_tamper(x,
			     "UPDATE keys SET record = (SELECT record FROM kept WHERE key_id = '" A
			     "'), seal = (SELECT seal FROM kept WHERE key_id = '" A
			     "') WHERE key_id = '" A "'");
	assert_int_equal(rotate_due(x, NOW, rotate_now, &next), 0);
	assert_int_equal(next, 0);
	assert_int_equal(store_fixture_count(x, "SELECT count(*) FROM materials"), 0);
}

static void due_keys_are_found_through_an_index(void **state)
{
	struct store_fixture *x = *state;

	assert_non_null(
		strstr(store_fixture_query(x,
					   "EXPLAIN QUERY PLAN SELECT * FROM keys WHERE rotation > 0"
					   " AND rotation <= 5 ORDER BY rotation, key_id",
					   3),
		       "keys_by_rotation"));
	assert_non_null(
		strstr(store_fixture_query(x,
					   "EXPLAIN QUERY PLAN SELECT min(rotation) FROM keys"
					   " WHERE rotation > 0 AND rotation > 5",
					   3),
		       "keys_by_rotation"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(each_material_of_a_key_is_kept),
		STORE_TEST(an_altered_byte_of_a_material_is_no_denial),
		STORE_TEST(a_lost_or_swapped_material_is_no_denial),
		STORE_TEST(a_material_of_another_history_is_not_taken),
		STORE_TEST(an_old_record_of_the_key_forgets_no_material),
		STORE_TEST(a_destroyed_key_leaves_no_material),
		STORE_TEST(a_key_is_rotated_when_its_period_is_over),
		STORE_TEST(a_hint_rotates_no_key),
		STORE_TEST(a_turn_ends_although_more_keys_are_due),
		STORE_TEST(a_key_whose_row_was_put_back_is_not_rotated),
		STORE_TEST(due_keys_are_found_through_an_index),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("kms_rotation", tests, NULL, NULL);
}
