/* SPDX-License-Identifier: MIT */
/*
 * Keys, aliases, grants and users at rest: an sqlite database. Each row of it is sealed under the root
 * key.
 *
 * A row is a JSON record in clear and a seal: AES-256-GCM under the root key with the record as
 * associated data. The material of a key is the sealed plaintext. An attacker who can write the
 * database but lacks the root key can therefore not swap a row, retarget it or change its state.
 * store_set.h tells a row that is missing, or old, from one that never was. store_counter.h tells an
 * old copy of the whole file from the present one.
 *
 * The other columns only find and order rows, since they are not sealed. An attacker who alters one
 * can hide a row from the timer that destroys keys, but key_lookup() still refuses a key that is due. It
 * can hide a row from the timer that rotates keys, so that the key keeps its material. It can
 * hide a grant from the listing of a key or of a principal, but neither from a decision nor from
 * RevokeGrant.
 *
 * Must never hand out a row whose seal does not fit. Must never answer "there is no such row" unless
 * the set of rows proves it.
 */
#ifndef ENVELOPE_KMS_STORE_H
#define ENVELOPE_KMS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "kms/grants/grant.h"
#include "kms/keys/cmk.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/kms/kms_proof.h"

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

int store_lock(const char *directory, int *lock, struct fault *f);

/**
 * typedef store_event_t - what the store does by itself is about to be kept
 * @details: taken over
 *
 * Return: 0, or -1 to refuse it
 */
typedef int (*store_event_t)(const char *name, struct json_object *details, void *userdata,
			     struct fault *f);

/**
 * struct store_setup - what store_open() needs
 * @directory: of kms.sqlite, must exist
 * @root: CRYPTO_KEY_BYTES; must outlive the store
 * @create: make the database if it is missing. Only with a new root key or at the operator's
 *	request: an empty store in place of a lost one would answer NotFoundException for each key,
 *	and that ends clusters for good.
 * @counter: file of the counter of changes, see store_counter.h; NULL for none
 * @region: that a new store, or one of before several regions, gets as its first one
 * @accept: take an old copy of the database, or one whose counter is lost, for the present one
 * @event: NULL for none; with @userdata
 */
struct store_setup {
	const char *directory;
	const struct secret *root;
	const char *counter;
	const char *region;
	bool create;
	bool accept;
	store_event_t event;
	void *userdata;
};

bool store_missing(const char *directory);

int store_open(const struct store_setup *setup, struct store **store, struct fault *f);

int store_check(const char *directory, const struct secret *root, struct fault *f);

int store_read_sequence(const char *directory, const struct secret *root, int64_t *sequence,
			struct fault *f);

int store_backup(const char *directory, const struct secret *root, const char *file,
		 struct fault *f);

int store_restore(const struct store_setup *setup, const char *file, struct store **ret,
		  struct fault *f);

void store_close(struct store *store);

const char *store_id(const struct store *store);

int store_prove(const struct store *store, const struct kms_answer *answer,
		char proof[KMS_PROOF_MAX]);

int64_t store_clock(const struct store *store);

int store_save_clock(struct store *store, struct fault *f);

int store_begin(struct store *store, struct fault *f);

int store_begin_urgent(struct store *store, struct fault *f);

int store_begin_aside(struct store *store, struct fault *f);

int64_t store_usage_since(const struct store *store);

void store_note_event(struct store *store, const char *event, int64_t sequence);

const char *store_last_event(const struct store *store);

int64_t store_last_sequence(const struct store *store);

int store_commit(struct store *store, struct fault *f);

void store_rollback(struct store *store);

int store_add_key(struct store *store, const struct cmk *cmk, const struct secret *material,
		  struct fault *f);

int store_get_key(struct store *store, const char *key_id, struct cmk *cmk,
		  struct secret **material, struct fault *f);

int store_update_key(struct store *store, const struct cmk *cmk, struct fault *f);

int store_add_material(struct store *store, struct cmk *cmk, const struct material *material,
		       const struct secret *bytes, struct fault *f);

int store_get_material(struct store *store, const struct cmk *cmk, size_t number,
		       struct secret **bytes, struct fault *f);

/** typedef store_destroyed_t - a key is about to be gone; Return: 0, or -1 to keep it and stop */
typedef int (*store_destroyed_t)(const struct cmk *cmk, void *userdata, struct fault *f);

int store_begin_waiting(struct store *store, struct fault *f);

int store_destroy_due(struct store *store, int64_t now, store_destroyed_t each, void *userdata,
		      int64_t *next, struct fault *f);

/** typedef store_rotate_t - gives a key its next material, in a change; Return: 0, or -1 to stop */
typedef int (*store_rotate_t)(struct cmk *cmk, void *userdata, struct fault *f);

int store_rotate_due(struct store *store, int64_t now, store_rotate_t each, void *userdata,
		     int64_t *next, struct fault *f);

/** typedef store_key_t - one listed key; Return: 0 to go on, 1 to stop */
typedef int (*store_key_t)(const struct cmk *cmk, void *userdata);

int store_list_keys(struct store *store, const char *account, const char *after, store_key_t each,
		    void *userdata, struct fault *f);

void alias_point(struct alias *alias, const char *name, const struct cmk *cmk, int64_t now);

int store_add_alias(struct store *store, const struct alias *alias, struct fault *f);

int store_get_alias(struct store *store, const char *region, const char *account, const char *name,
		    struct alias *alias, struct fault *f);

int store_count_aliases(struct store *store, const char *target, int64_t *count, struct fault *f);

int store_update_alias(struct store *store, const struct alias *alias, struct fault *f);

int store_delete_alias(struct store *store, const char *region, const char *account,
		       const char *name, struct fault *f);

/** typedef store_alias_t - one listed alias; Return: 0 to go on, 1 to stop */
typedef int (*store_alias_t)(const struct alias *alias, void *userdata);

int store_list_aliases(struct store *store, const char *region, const char *account,
		       const char *target, const char *after, store_alias_t each, void *userdata,
		       struct fault *f);

int store_add_grant(struct store *store, const struct grant *grant, struct fault *f);

int store_get_grant(struct store *store, const char *grant_id, struct grant *grant,
		    struct fault *f);

int store_get_grant_to_end(struct store *store, const char *grant_id, struct grant *grant,
			   struct fault *f);

int store_delete_grant(struct store *store, const struct grant *grant, struct fault *f);

int store_count_grants(struct store *store, const char *key_id, int64_t *count, struct fault *f);

/** typedef store_grant_t - one grant; Return: 0 to go on, 1 to stop */
typedef int (*store_grant_t)(const struct grant *grant, void *userdata);

int store_find_grants(struct store *store, const char *group, store_grant_t each, void *userdata,
		      struct fault *f);

int store_count_group(struct store *store, const char *group, size_t most, size_t *count,
		      struct fault *f);

struct grant_filter { /* each is NULL for any */
	const char *key_id;
	const char *grantee;
	const char *retiring; /* without @key_id */
	const char *region;   /* of the key */
};

int store_list_grants(struct store *store, const struct grant_filter *filter, const char *after,
		      store_grant_t each, void *userdata, struct fault *f);

struct user;

int store_get_user(struct store *store, const char *account, const char *name, struct user *user,
		   struct fault *f);

int store_find_user(struct store *store, const char *access_key, struct user *user,
		    struct fault *f);

int store_put_user(struct store *store, const struct user *user, const struct user *before,
		   struct fault *f);

int store_delete_user(struct store *store, const struct user *user, struct fault *f);

/** typedef store_user_t - one listed user; Return: 0 to go on, 1 to stop */
typedef int (*store_user_t)(const struct user *user, void *userdata);

int store_list_users(struct store *store, const char *account, const char *after, store_user_t each,
		     void *userdata, struct fault *f);

int store_count_users(struct store *store, const char *account, int64_t *count, struct fault *f);

#define GRANT_TOKEN_MAX 8192 /* characters, as AWS */

char *store_make_token(const struct store *store, const char *grant_id);

int store_read_token(const struct store *store, const char *token,
		     char grant_id[GRANT_ID_CHARS + 1], struct fault *f);

#endif
