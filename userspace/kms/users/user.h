/* SPDX-License-Identifier: MIT */
/*
 * A user of IAM: its access keys and its policies.
 *
 * Must never be stored but by the store, which seals the secret access keys.
 */
#ifndef ENVELOPE_KMS_USER_H
#define ENVELOPE_KMS_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/http/credentials.h"
#include "lib/http/principal.h"

#define USER_NAME_CHARS	  64
#define USER_ID_CHARS	  21
#define USER_KEYS_MAX	  2    /* as AWS */
#define USER_POLICIES_MAX 2048 /* bytes of all of a user's policies without white space, as AWS */

struct user_key {
	char id[ACCESS_KEY_CHARS + 1];
	bool active;
	int64_t created; /* seconds since the epoch */
};

struct user { /* owner: the caller's stack, or its call; user_free() */
	char name[USER_NAME_CHARS + 1];
	char account[13];
	char id[USER_ID_CHARS + 1];
	int64_t created; /* seconds since the epoch */
	struct user_key keys[USER_KEYS_MAX];
	size_t key_count;
	struct secret *secrets;	      /* of each key, SECRET_KEY_CHARS without terminator */
	struct json_object *policies; /* owned: names with the texts that PutUserPolicy took */
};

int user_new(struct user *user, const char *account, const char *name, int64_t now,
	     struct fault *f);

void user_free(struct user *user);
#define _cleanup_user_ __attribute__((cleanup(user_free)))

struct json_object *user_record(const struct user *user);

int user_from_record(struct json_object *record, struct user *user);

struct user_key *user_key_find(struct user *user, const char *id);

int user_key_add(struct user *user, int64_t now, char secret[SECRET_KEY_CHARS + 1],
		 struct fault *f);

void user_key_drop(struct user *user, struct user_key *key);

int user_principal(const struct user *user, const struct user_key *key, struct principal *principal,
		   struct fault *f);

#endif
