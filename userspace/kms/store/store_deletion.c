// SPDX-License-Identifier: MIT
/*
 * Destroying keys whose waiting period is over.
 *
 * The column "deletion" is the hint that finds their rows, see store_due.h.
 *
 * Must never destroy a key because of a hint.
 */
#include <errno.h>

#include "kms/store/store.h"
#include "kms/store/store_disk.h"
#include "kms/store/store_due.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "lib/base/log.h"

#define ERASE_SECONDS	60
#define GRANTS_A_CHANGE 2 /* a key of many grants takes many turns of the loop */

static const struct due_hint deletion_hint = DUE_HINT("deletion");

static bool is_due(const struct cmk *cmk, int64_t now)
{
	return cmk->state == KEY_PENDING_DELETION && cmk->due <= now;
}

/* Finds the next key whose hint is due, without what cmk_free() frees; key_id "" for none. */
static int find_hinted(struct store *store, int64_t now, struct cmk *first, struct due_place *found,
		       struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (due_find(store, &deletion_hint, now, &store->search.place, &cmk, found, f))
		return -1;
	*first = cmk;
	first->description = NULL;
	first->policy = NULL;
	first->tags = NULL;
	first->materials = NULL;
	return 0;
}

static int destroy_key(struct store *store, const char *key_id, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char name[SET_NAME_MAX];

	if (alias_drop_target(store, key_id, f))
		return -EBADMSG;
	if (store_prepare(store, "DELETE FROM keys WHERE key_id = ?", &statement, f))
		return -1;
	store_bind_text(statement, 1, key_id);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return store_fault(store, "destroy a key", f);
	if (sqlite3_changes(store->db) != 1) {
		fault_set(f, "KMSInternalException",
			  "The row of key %s cannot be deleted. Restore the key store from a backup.",
			  key_id);
		return -EBADMSG;
	}
	set_key_name(key_id, name);
	return set_drop(store, name, f);
}

/*
 * All or nothing: a key is not gone unless @each has recorded it.
 *
 * Return: 0; -EBADMSG when damage keeps this key alone; or -1.
 */
static int destroy(struct store *store, const struct cmk *cmk, store_destroyed_t each,
		   void *userdata, struct fault *f)
{
	int r;

	if (store_begin_urgent(store, f))
		return -1;
	r = destroy_key(store, cmk->key_id, f);
	if (!r && each(cmk, userdata, f))
		r = -1;
	if (r) {
		store_rollback(store);
		return r;
	}
	store->unerased = true;
	return store_commit(store, f);
}

/*
 * Deletes some grants of a key that is due. Nobody can use the key any more, nor take its deletion back,
 * so its grants give nothing. They wait for room on the disk, whose reserve is for revocations.
 *
 * Return: their number; -EAGAIN when this key waits; or -1
 */
static int drop_grants(struct store *store, const char *key_id, struct fault *f)
{
	int dropped = grant_has_key(store, key_id, f);

	if (dropped <= 0)
		return dropped;
	if (disk_hold(store, f))
		return -EAGAIN;
	if (store_begin_urgent(store, f))
		return -1;
	dropped = grant_drop_some(store, key_id, GRANTS_A_CHANGE, f);
	if (dropped <= 0) {
		store_rollback(store);
		return dropped;
	}
	return store_commit(store, f) ? -1 : dropped;
}

/** key_set_hint() - make the row's hint agree with @cmk; Return: 0 or -1 */
int key_set_hint(struct store *store, const struct cmk *cmk, struct fault *f)
{
	if (due_set(store, &deletion_hint, cmk->key_id, key_hint(cmk), f))
		return -1;
	/* Otherwise store_destroy_due() would find the same row again and again. */
	if (sqlite3_changes(store->db) != 1)
		return fault_set(f, "KMSInternalException",
				 "The row of key %s cannot be updated. Restore the key store from a backup.",
				 cmk->key_id);
	return 0;
}

/* The log still holds the rows of keys that were destroyed. */
static void erase(struct store *store)
{
	if (store->unerased && !disk_erase_log(store))
		store->unerased = false;
}

/* Takes the search behind the key at @place, which stays until the next search. */
static void pass_over(struct store *store, const struct due_place *place, const struct fault *why)
{
	if (!store->search.failed)
		store->search.why = *why;
	store->search.failed = true;
	store->search.place = *place;
}

static void begin_search(struct store *store)
{
	store->search.place = (struct due_place){ 0 };
	store->search.failed = false;
}

/* Nothing is due any more. */
static int end_search(struct store *store, int64_t now, int64_t *next, struct fault *f)
{
	if (due_next(store, &deletion_hint, now, next, f))
		return -1;
	erase(store);
	if (!store->unerased)
		return 0;
	log_warning(
		"The bytes of destroyed keys stay in the log of the key store while another program reads it. End that program.");
	if (!*next || *next > now + ERASE_SECONDS)
		*next = now + ERASE_SECONDS;
	return 0;
}

/*
 * Takes one step with a key whose hint is due. Return: 1 when the key is destroyed, else 0; -EBADMSG or
 * -EAGAIN when this key alone stays; or -1
 */
static int take_step(struct store *store, const struct cmk *cmk, int64_t now,
		     store_destroyed_t each, void *userdata, struct fault *f)
{
	int r;

	if (!is_due(cmk, now))
		return key_set_hint(store, cmk, f) ? -EBADMSG : 0;
	r = drop_grants(store, cmk->key_id, f);
	if (r)
		return r < 0 ? r : 0;
	r = destroy(store, cmk, each, userdata, f);
	return r ? r : 1;
}

/* As store_destroy_due(), but keys that were destroyed before a fault stay in the log. */
static int destroy_due(struct store *store, int64_t now, store_destroyed_t each, void *userdata,
		       int64_t *next, struct fault *f)
{
	int64_t begun = due_turn_begin();
	struct due_place place = { 0 };
	int destroyed = 0, r;
	struct cmk cmk;

	for (;;) {
		if (find_hinted(store, now, &cmk, &place, f))
			return -1;
		if (!cmk.key_id[0])
			break;
		if (due_turn_is_over(begun)) {
			*next = now;
			return destroyed;
		}
		r = take_step(store, &cmk, now, each, userdata, f);
		if (r == -1)
			return -1;
		if (r < 0)
			pass_over(store, &place, f);
		else
			destroyed += r;
	}
	if (store->search.failed && !destroyed) {
		*f = store->search.why;
		return -1;
	}
	/* The next turn tells of the fault. */
	if (store->search.failed)
		*next = now;
	else if (end_search(store, now, next, f))
		return -1;
	return destroyed;
}

/**
 * store_destroy_due() - destroy keys whose waiting period is over, with their aliases and grants
 * @now: by store_clock()
 * @each: called before each, with the key's description and policy gone
 * @next: set to @now if more keys may be due, else to the earliest deletion that is still to come, or
 *	to the time of a try to erase, or 0
 *
 * Gives up its turn of the event loop after 5 ms and the key that it is at. A key that cannot be
 * destroyed because of damage does not keep the later keys: the last turn of the search has its fault.
 *
 * Return: number of keys destroyed, or -1.
 */
int store_destroy_due(struct store *store, int64_t now, store_destroyed_t each, void *userdata,
		      int64_t *next, struct fault *f)
{
	int r = destroy_due(store, now, each, userdata, next, f);

	if (r < 0)
		erase(store);
	if (r < 0 || *next != now)
		begin_search(store);
	return r;
}

/* Gives @cmk its whole waiting period; of the longest kind if the record does not say. */
static int begin_waiting(struct store *store, struct cmk *cmk, struct fault *f)
{
	int days = cmk->pending_days ? cmk->pending_days : CMK_WAIT_DAYS_MOST;

	cmk->due = store_clock(store) + (int64_t)days * CMK_DAY_SECONDS;
	return store_update_key(store, cmk, f);
}

/* Begins the waiting period of the row's key if it has no end. */
static int begin_one(struct store *store, sqlite3_stmt *statement, void *begun, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int r = key_row_read(store, statement, &cmk, NULL, f);

	if (r)
		return r == -EBADMSG ? 0 : -1;
	if (cmk.due != CMK_DUE_UNKNOWN)
		return 0;
	++*(int *)begun;
	return begin_waiting(store, &cmk, f);
}

/* Return: number of keys whose waiting period had no end, or -1 */
static int begin_all(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int begun = 0;

	if (store_prepare(store,
			  "SELECT " KEY_COLUMNS " FROM keys WHERE deletion > 0 ORDER BY key_id",
			  &statement, f) ||
	    row_list(store, statement, begin_one, &begun, f))
		return -1;
	return begun;
}

/**
 * store_begin_waiting() - begin the waiting periods of keys that an older version scheduled, anew
 *
 * Their records have a date alone, and the wall clock may be far ahead of the date: a host without a
 * clock of its own has a wrong one until it has asked a time server.
 *
 * Return: number of such keys, or -1; then they wait until the next start.
 */
int store_begin_waiting(struct store *store, struct fault *f)
{
	int begun;

	/* An older version writes a head without this. */
	if (store->all_due)
		return 0;
	if (store_begin_urgent(store, f))
		return -1;
	begun = begin_all(store, f);
	store->all_due = begun >= 0;
	/* The new ends are counted by this clock, which an older store does not keep. */
	if (begun < 0 || store_save_clock(store, f)) {
		store->all_due = false;
		store_rollback(store);
		return -1;
	}
	if (!store_commit(store, f))
		return begun;
	store->all_due = false;
	return -1;
}
