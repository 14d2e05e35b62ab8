// SPDX-License-Identifier: MIT
/*
 * Finding the keys whose automatic rotation is due.
 *
 * The column "rotation" is the hint that finds their rows, see store_due.h.
 *
 * Must never rotate a key because of a hint.
 */
#include "kms/store/store.h"
#include "kms/store/store_due.h"
#include "kms/store/store_row.h"

static const struct due_hint rotation_hint = DUE_HINT("rotation");

/** key_rotation_hint() - what the column "rotation" holds: when the next rotation is due, 0 for never */
int64_t key_rotation_hint(const struct cmk *cmk)
{
	return cmk->state == KEY_ENABLED && cmk->rotation_days ? cmk->rotation_due : 0;
}

/* Return: 1 when the key is rotated; 0 when it was not due; or -1 */
static int take_step(struct store *store, struct cmk *cmk, int64_t now, store_rotate_t each,
		     void *userdata, struct fault *f)
{
	int64_t due = key_rotation_hint(cmk);

	if (!due || due > now)
		return due_set(store, &rotation_hint, cmk->key_id, due, f);
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
	int64_t begun = due_turn_begin();
	int rotated = 0;

	for (;;) {
		_cleanup_cmk_ struct cmk cmk = { 0 };
		int r;

		if (due_find(store, &rotation_hint, now, &store->rotations, &cmk, &store->rotations,
			     f))
			return -1;
		if (!cmk.key_id[0])
			return due_next(store, &rotation_hint, now, next, f) ? -1 : rotated;
		r = take_step(store, &cmk, now, each, userdata, f);
		if (r < 0)
			return -1;
		rotated += r;
		if (due_turn_is_over(begun)) {
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
 * Gives up its turn of the event loop after 5 ms and the key that it is at.
 *
 * Return: number of keys rotated, or -1.
 */
int store_rotate_due(struct store *store, int64_t now, store_rotate_t each, void *userdata,
		     int64_t *next, struct fault *f)
{
	int r = rotate_due(store, now, each, userdata, next, f);

	if (r < 0 || *next != now)
		store->rotations = (struct due_place){ 0 };
	return r;
}
