/* SPDX-License-Identifier: MIT */
/*
 * Keys and aliases at rest: an sqlite database whose every row is sealed under the root key.
 *
 * A row is a JSON record in clear and a seal: AES-256-GCM under the root key with the record as
 * associated data; for a key its material is the sealed plaintext. So no row can be swapped,
 * retargeted, or have its state changed by someone who can write the database but lacks the root
 * key. Putting back an old copy of the whole file is not noticed.
 *
 * Must never hand out a row whose seal does not fit.
 */
#ifndef ENVELOPE_KMS_STORE_H
#define ENVELOPE_KMS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "kms/keys/cmk.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define CMK_MATERIAL_BYTES 32

struct store;

struct alias {
	char name[264]; /* with "alias/" */
	char account[13];
	char region[32];
	char target[KEY_ID_MAX]; /* key id */
	int64_t created;	 /* seconds since the epoch */
	int64_t updated;
};

/**
 * store_open() - open the database
 * @directory: of kms.sqlite, must exist
 * @root: CRYPTO_KEY_BYTES; must outlive the store
 * @create: make the database if there is none. Only with a new root key, or when told to: an empty
 *	store in place of a lost one would answer NotFoundException for each key, and that ends
 *	clusters for good.
 * @f: says so when the root key is not this database's
 *
 * Return: 0 or -1.
 */
int store_open(const char *directory, const struct secret *root, bool create, struct store **store,
	       struct fault *f);

void store_close(struct store *store);

/**
 * store_begin() - begin a change of several steps, or one that waits for its audit record
 *
 * Return: 0 or -1.
 */
int store_begin(struct store *store, struct fault *f);

/** store_commit() - keep the change, if one was begun; Return: 0, or -1: nothing of it was kept */
int store_commit(struct store *store, struct fault *f);

/** store_rollback() - undo what was changed since store_begin(); fine when nothing was begun */
void store_rollback(struct store *store);

/** store_add_key() - insert @cmk; Return: 0 or -1 */
int store_add_key(struct store *store, const struct cmk *cmk, const struct secret *material,
		  struct fault *f);

/**
 * store_get_key() - read a key and check its seal
 * @cmk: filled; cmk_free()
 * @material: NULL, or set to the key's material; secret_free()
 *
 * Return: 0, -ENOENT with @f untouched when there is none, or -1.
 */
int store_get_key(struct store *store, const char *key_id, struct cmk *cmk,
		  struct secret **material, struct fault *f);

/** store_update_key() - seal the key's material anew with the metadata of @cmk; Return: 0 or -1 */
int store_update_key(struct store *store, const struct cmk *cmk, struct fault *f);

/** typedef store_destroyed_t - a key is about to be gone; Return: 0, or -1 to keep it and stop */
typedef int (*store_destroyed_t)(const struct cmk *cmk, void *userdata, struct fault *f);

/**
 * store_destroy_due() - destroy each key whose waiting period is over, with its aliases
 * @now: seconds since the epoch
 * @each: called before each; the key's description is not there any more
 * @next: set to the earliest deletion that is still to come, or 0
 *
 * Return: number of keys destroyed, or -1.
 */
int store_destroy_due(struct store *store, int64_t now, store_destroyed_t each, void *userdata,
		      int64_t *next, struct fault *f);

/** typedef store_key_t - one listed key; Return: 0 to go on, 1 to stop */
typedef int (*store_key_t)(const struct cmk *cmk, void *userdata);

/**
 * store_list_keys() - keys of @account in order of key id, the ones after @after
 * @after: "" for all
 *
 * Return: 0 or -1.
 */
int store_list_keys(struct store *store, const char *account, const char *after, store_key_t each,
		    void *userdata, struct fault *f);

void alias_point(struct alias *alias, const char *name, const struct cmk *cmk, int64_t now);

/** store_add_alias() - insert; Return: 0, -EEXIST with @f untouched, or -1 */
int store_add_alias(struct store *store, const struct alias *alias, struct fault *f);

/** store_get_alias() - read; Return: 0, -ENOENT with @f untouched, or -1 */
int store_get_alias(struct store *store, const char *account, const char *name, struct alias *alias,
		    struct fault *f);

/** store_update_alias() - point an existing alias elsewhere; Return: 0 or -1 */
int store_update_alias(struct store *store, const struct alias *alias, struct fault *f);

/** store_delete_alias() - delete; Return: 0, -ENOENT with @f untouched, or -1 */
int store_delete_alias(struct store *store, const char *account, const char *name, struct fault *f);

typedef int (*store_alias_t)(const struct alias *alias, void *userdata);

/** store_list_aliases() - as store_list_keys(), in order of name */
int store_list_aliases(struct store *store, const char *account, const char *after,
		       store_alias_t each, void *userdata, struct fault *f);

#endif
