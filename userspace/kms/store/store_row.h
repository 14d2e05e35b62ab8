/* SPDX-License-Identifier: MIT */
/*
 * Sealed rows: what the files of the store share.
 *
 * Must never be included outside the store.
 */
#ifndef ENVELOPE_KMS_STORE_ROW_H
#define ENVELOPE_KMS_STORE_ROW_H

#include <json-c/json.h>
#include <sqlite3.h>
#include <systemd/sd-id128.h>

#include "kms/keys/cmk.h"
#include "kms/keys/crypto.h"
#include "kms/users/user.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

struct alias;
struct store_setup;

/* A start waits that long for another program that has the database for itself. */
#define STORE_BUSY_MSEC 10000
/* A change waits that long for another program that writes, and the event loop waits with it. */
#define STORE_CHANGE_MSEC 20

/*
 * What the row of table "store" says of the others. The copy in memory counts, not the one in the
 * file.
 */
struct store_head {
	int64_t change;	    /* number of the last change */
	int64_t set_change; /* number of the last change that was not of clock or usage alone */
	int64_t keys;	    /* entries in the set */
	int64_t aliases;
	int64_t grants;
	int64_t users;
	sd_id128_t set;	  /* tag of the first node of the set */
	sd_id128_t tag;	  /* of the head itself */
	sd_id128_t after; /* what the counter had when the head was written */
};

#define COUNTER_UNKNOWN (-1)

struct counter { /* see store_counter.h */
	int fd;	 /* -1: the store has no counter */
	int slot;
	int64_t change; /* COUNTER_UNKNOWN: lost or damaged */
	sd_id128_t head;
};

struct disk {		  /* see store_disk.h */
	int log_fd;	  /* -1: not open */
	int index_fd;	  /* -1: not open */
	int page;	  /* bytes */
	int frames;	  /* in the log, after the last change */
	int copied_at;	  /* @frames when the log was last copied into the database */
	int64_t log_end;  /* the log owns the disk up to here; 0: not known */
	int64_t file_end; /* size of the database's file, which may be more than it needs */
	int index_blocks; /* of the log's index, that have their space */
};

struct due_place { /* where a search stands, see store_due.h; zero before the first key */
	int64_t hint;
	char key_id[KEY_ID_MAX];
};

struct store {
	sqlite3 *db;
	struct disk disk;
	const struct secret *root; /* borrowed */
	char id[37];
	char region[32]; /* the first one, see set_alias_name() */
	struct store_head head;
	struct counter counter;
	struct store_head before; /* the change that is under way */
	sqlite3_int64 rows_before;
	struct {
		bool known;	       /* the rows were as many as the set has entries, ... */
		int64_t version;       /* ... at this data_version, which others change, and ... */
		sqlite3_int64 changes; /* ... after so many changes of this process */
	} counted;
	int64_t usage_since; /* uses of keys are kept from then on; seconds since the epoch */
	bool aside;	     /* the change under way makes no copy of the store an older one */
	bool changing;	     /* between store_begin() and its end */
	char event[37];	     /* of the change under way, in the audit trail; else of the last one */
	char event_before[37];
	int64_t sequence; /* of @event's record, in the trail's chain; 0: not known */
	int64_t sequence_before;
	bool unerased; /* the log may hold rows of destroyed keys */
	struct {
		struct due_place place; /* of the last key that stays */
		bool failed;	  /* a key could not be destroyed, and waits for the next search */
		struct fault why; /* of the first one */
	} search;		  /* for keys that are due, which may take many turns */
	struct due_place rotations; /* of the last key whose rotation was due */
	bool all_due;		    /* each key that waits has an end by store_clock() */
	struct {
		int64_t seconds;  /* at @since_ns */
		int64_t since_ns; /* CLOCK_BOOTTIME */
	} clock;
};

void statement_finalize(sqlite3_stmt **statement);
#define _cleanup_statement_ __attribute__((cleanup(statement_finalize)))

int store_fault(struct store *store, const char *doing, struct fault *f);

int store_prepare(struct store *store, const char *sql, sqlite3_stmt **statement, struct fault *f);

void store_bind_text(sqlite3_stmt *statement, int index, const char *text);

int store_write_head(struct store *store, struct fault *f);

int store_find(const char *path, struct fault *f);

/*
 * 2: keys.deletion. 3: sets. 4: grants. 5: materials, keys.rotation. 6: aliases.region. 7: users.
 * 8: names of users in policies and grants are bound
 */
#define STORE_VERSION	  8
#define STORE_VERSION_SET 3 /* the first one with a set of rows and a counter */

int store_read_head(struct store *store, const char *path, int64_t *version, struct fault *f);

int store_headless(const char *path, struct fault *f);

int store_check_set(struct store *store, const char *path, struct fault *f);

int store_upgrade(struct store *store, const char *path, const struct store_setup *setup,
		  struct fault *f);

/* Begins a change unless one is under way; change_end() ends it if it was begun here. */
int change_begin(struct store *store, bool *own, struct fault *f);

int change_end(struct store *store, bool own, int r, struct fault *f);

int row_bind(struct store *store, sqlite3_stmt *statement, int index, struct json_object *record,
	     const struct secret *material, sd_id128_t *tag, struct fault *f);

void row_tag(sqlite3_stmt *statement, int column, sd_id128_t *tag);

bool row_has_tag(sqlite3_stmt *statement, int column, const sd_id128_t *tag);

int row_read(struct store *store, sqlite3_stmt *statement, int column, struct json_object **record,
	     size_t material_size, struct secret **material, struct fault *f);

int row_step(struct store *store, sqlite3_stmt *statement, const char *what, const char *doing,
	     struct fault *f);

int row_number(struct store *store, const char *sql, const char *text, const char *doing,
	       int64_t *number, struct fault *f);

/* typedef row_each_t - takes the current row; Return: 0 to go on, 1 to stop, -1 with @f */
typedef int (*row_each_t)(struct store *store, sqlite3_stmt *statement, void *userdata,
			  struct fault *f);

int row_list(struct store *store, sqlite3_stmt *statement, row_each_t each, void *userdata,
	     struct fault *f);

/* Columns that key_row_read() expects. */
#define KEY_COLUMNS "key_id, account, record, seal"

int key_row_open(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		 struct secret **material, struct fault *f);

int key_row_read(struct store *store, sqlite3_stmt *statement, struct cmk *cmk,
		 struct secret **material, struct fault *f);

/* Columns that alias_row_open() expects. */
#define ALIAS_COLUMNS "region, account, name, record, seal"

int alias_row_open(struct store *store, sqlite3_stmt *statement, struct alias *alias,
		   struct fault *f);

int alias_drop_target(struct store *store, const char *key_id, struct fault *f);

/* A user, for policies and grants of before version 8, which have its ARN alone. */
struct bound_user {
	char arn[USER_ARN_MAX];
	char id[USER_ID_CHARS + 1];
};

int user_each_name(struct store *store,
		   int (*each)(struct store *, const struct bound_user *, struct fault *),
		   struct fault *f);

int grant_bind_user(struct store *store, const struct bound_user *user, struct fault *f);

int grant_has_key(struct store *store, const char *key_id, struct fault *f);

/* Deletes grants of a key that is destroyed; in a change. Return: their number, or -1 */
int grant_drop_some(struct store *store, const char *key_id, int most, struct fault *f);

/* key_hint() - what the column "deletion" of @cmk holds: when it is due, 0 unless pending */
static inline int64_t key_hint(const struct cmk *cmk)
{
	return cmk->state == KEY_PENDING_DELETION ? cmk->due : 0;
}

int64_t key_rotation_hint(const struct cmk *cmk);

int key_set_hint(struct store *store, const struct cmk *cmk, struct fault *f);

#endif
