// SPDX-License-Identifier: MIT
/*
 * Finding the keys whose automatic rotation is due.
 *
 * The column "rotation" finds their rows through an index, so that no other row is opened. The column
 * is a hint, since it is not sealed: the record decides, and a hint that disagrees with its record is
 * corrected.
 *
 * Must never rotate a key because of a hint.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "kms/store/store.h"
#include "kms/store/store_row.h"

#define SLICE_NS    5000000LL /* a key takes less than that again, so a turn ends in 10 ms */
#define HINT_COLUMN 4	      /* behind KEY_COLUMNS */

/** key_rotation_hint() - what the column "rotation" holds: when the next rotation is due, 0 for never */
int64_t key_rotation_hint(const struct cmk *cmk)
{
	return cmk->state == KEY_ENABLED && cmk->rotation_days ? cmk->rotation_due : 0;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/*
 * Finds the next key whose hint is due; key_id "" for none. The search goes on behind it. A damaged row
 * is passed over: it must not keep the other keys from their rotation.
 */
static int find_hinted(struct store *store, int64_t now, struct cmk *cmk, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step, r;

	if (store_prepare(store,
			  "SELECT " KEY_COLUMNS ", rotation FROM keys WHERE rotation > 0"
			  " AND rotation <= ?1 AND (rotation > ?2 OR (rotation = ?2 AND key_id > ?3))"
			  " ORDER BY rotation, key_id",
			  &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, now);
	sqlite3_bind_int64(statement, 2, store->rotations.rotation);
	store_bind_text(statement, 3, store->rotations.key_id);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		r = key_row_read(store, statement, cmk, NULL, f);
		/* cmk_free() has run, but the id and the state are those of the dropped row. */
		if (r == -EBADMSG) {
			*cmk = (struct cmk){ 0 };
			continue;
		}
		if (r)
			return -1;
		store->rotations.rotation = sqlite3_column_int64(statement, HINT_COLUMN);
		memcpy(store->rotations.key_id, cmk->key_id, sizeof(cmk->key_id));
		return 0;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the keys", f);
}

/* Finds the earliest hint after @now, 0 for none. A wrong hint makes the timer fire at another time. */
static int find_next(struct store *store, int64_t now, int64_t *next, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store,
			  "SELECT min(rotation) FROM keys WHERE rotation > 0 AND rotation > ?",
			  &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, now);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return store_fault(store, "read the keys", f);
	*next = sqlite3_column_int64(statement, 0);
	return 0;
}

static int correct_hint(struct store *store, const struct cmk *cmk, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "UPDATE keys SET rotation = ? WHERE key_id = ?", &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, key_rotation_hint(cmk));
	store_bind_text(statement, 2, cmk->key_id);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : store_fault(store, "update a key", f);
}

/* Return: 1 when the key is rotated; 0 when it was not due; or -1 */
static int take_step(struct store *store, struct cmk *cmk, int64_t now, store_rotate_t each,
		     void *userdata, struct fault *f)
{
	int64_t due = key_rotation_hint(cmk);

	if (!due || due > now)
		return correct_hint(store, cmk, f);
	/* The reserve of the disk is for revocations. */
	if (store_begin(store, f))
		return -1;
	cmk_pass_rotation(cmk, now);
	if (each(cmk, userdata, f)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, f) ? -1 : 1;
}

static int rotate_due(struct store *store, int64_t now, store_rotate_t each, void *userdata,
		      int64_t *next, struct fault *f)
{
	int64_t begun = monotonic_ns();
	int rotated = 0;

	for (;;) {
		_cleanup_cmk_ struct cmk cmk = { 0 };
		int r = find_hinted(store, now, &cmk, f);

		if (r)
			return -1;
		if (!cmk.key_id[0])
			return find_next(store, now, next, f) ? -1 : rotated;
		r = take_step(store, &cmk, now, each, userdata, f);
		if (r < 0)
			return -1;
		rotated += r;
		if (monotonic_ns() - begun > SLICE_NS) {
			*next = now;
			return rotated;
		}
	}
}

/**
 * store_rotate_due() - rotate the keys whose automatic rotation is due
 * @now: by store_clock()
 * @each: called for each, in a change of its own; cmk_pass_rotation() is done
 * @next: set to @now if more keys may be due, else to the earliest rotation that is still to come, or 0
 *
 * Gives up its turn of the event loop after SLICE_NS and the key that it is at.
 *
 * Return: number of keys rotated, or -1.
 */
int store_rotate_due(struct store *store, int64_t now, store_rotate_t each, void *userdata,
		     int64_t *next, struct fault *f)
{
	int r = rotate_due(store, now, each, userdata, next, f);

	if (r < 0 || *next != now) {
		store->rotations.rotation = 0;
		store->rotations.key_id[0] = '\0';
	}
	return r;
}
