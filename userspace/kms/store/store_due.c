// SPDX-License-Identifier: MIT
/* See store_due.h. */
#include "kms/store/store_due.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SLICE_NS    5000000LL /* a key takes less than that again, so a turn ends in 10 ms */
#define HINT_COLUMN 4	      /* behind KEY_COLUMNS */

/**
 * due_find() - find the next key whose hint is due
 * @behind: where the search goes on; zero to begin
 * @cmk: filled, for cmk_free(); key_id "" for none
 * @found: set to the place of @cmk
 *
 * A damaged row is passed over: it must not keep the other keys from what they are due for.
 *
 * Return: 0 or -1.
 */
int due_find(struct store *store, const struct due_hint *hint, int64_t now,
	     const struct due_place *behind, struct cmk *cmk, struct due_place *found,
	     struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int step, r;

	*cmk = (struct cmk){ 0 };
	if (store_prepare(store, hint->find, &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, now);
	sqlite3_bind_int64(statement, 2, behind->hint);
	store_bind_text(statement, 3, behind->key_id);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		r = key_row_read(store, statement, cmk, NULL, f);
		/* cmk_free() has run, but the id and the state are those of the dropped row. */
		if (r == -EBADMSG) {
			*cmk = (struct cmk){ 0 };
			continue;
		}
		if (r)
			return -1;
		found->hint = sqlite3_column_int64(statement, HINT_COLUMN);
		memcpy(found->key_id, cmk->key_id, sizeof(cmk->key_id));
		return 0;
	}
	return step == SQLITE_DONE ? 0 : store_fault(store, "read the keys", f);
}

/**
 * due_next() - find the earliest hint after @now
 * @next: 0 for none
 *
 * A wrong hint makes a timer fire at another time.
 *
 * Return: 0 or -1.
 */
int due_next(struct store *store, const struct due_hint *hint, int64_t now, int64_t *next,
	     struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, hint->next, &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, now);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return store_fault(store, "read the keys", f);
	*next = sqlite3_column_int64(statement, 0);
	return 0;
}

/** due_set() - set the hint of a key; Return: 0, also if no row has @key_id, or -1 */
int due_set(struct store *store, const struct due_hint *hint, const char *key_id, int64_t value,
	    struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, hint->set, &statement, f))
		return -1;
	sqlite3_bind_int64(statement, 1, value);
	store_bind_text(statement, 2, key_id);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : store_fault(store, "update a key", f);
}

/** due_turn_begin() - begin a turn of the event loop, for due_turn_is_over() */
int64_t due_turn_begin(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/** due_turn_is_over() - whether the search must give way to requests after the key that it is at */
bool due_turn_is_over(int64_t begun)
{
	return due_turn_begin() - begun > SLICE_NS;
}
