/* SPDX-License-Identifier: MIT */
/*
 * The set of all keys, aliases, grants and users that the store has, and of the present row of each: a
 * tree of sealed nodes. A node names each of its entries with the tag of the entry's seal, and
 * the head of the store names the tag of the first node. So a row that is missing, old or foreign
 * is found out, and a name that is not in the set has proved its absence.
 *
 * A change costs the nodes on the way to one entry: their number grows with the logarithm of the
 * number of entries.
 *
 * A row may be in the set by several names. The names in a group stand together in the tree, so the set
 * proves which rows a group has, too.
 *
 * Must never answer "not in the set" because a node is missing or damaged.
 */
#ifndef ENVELOPE_KMS_STORE_SET_H
#define ENVELOPE_KMS_STORE_SET_H

#include "kms/store/store_row.h"

#define SET_NAME_MAX 320

void set_key_name(const char *key_id, char name[SET_NAME_MAX]);

void set_alias_name(const struct store *store, const char *region, const char *account,
		    const char *alias, char name[SET_NAME_MAX]);

void set_grant_name(const char *grant_id, char name[SET_NAME_MAX]);

void set_member_name(const char *group, const char *member, char name[SET_NAME_MAX]);

/* typedef set_member_t - one member of a group; Return: 0 to go on, else to stop */
typedef int (*set_member_t)(struct store *store, const char *member, const sd_id128_t *tag,
			    void *userdata, struct fault *f);

int set_list_group(struct store *store, const char *group, set_member_t each, void *userdata,
		   struct fault *f);

int set_make(struct store *store, struct fault *f);

int set_check(struct store *store, struct fault *f);

int set_find(struct store *store, const char *name, sd_id128_t *tag, struct fault *f);

int set_put(struct store *store, const char *name, const sd_id128_t *tag, struct fault *f);

int set_put_row(struct store *store, const char *name, sqlite3_stmt *statement, int column,
		struct fault *f);

int set_drop(struct store *store, const char *name, struct fault *f);

int set_check_row(struct store *store, const char *name, sqlite3_stmt *statement, int column,
		  struct fault *f);

int set_compare_row(const char *name, const sd_id128_t *tag, sqlite3_stmt *statement, int column,
		    struct fault *f);

int set_count_rows(struct store *store, struct fault *f);

#endif
