/* SPDX-License-Identifier: MIT */
/*
 * A customer master key's metadata. The material is never part of it.
 *
 * Must never be stored but by the store, which seals it together with the material.
 */
#ifndef ENVELOPE_KMS_CMK_H
#define ENVELOPE_KMS_CMK_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "kms/keys/key_state.h"
#include "kms/keys/materials.h"
#include "lib/base/arn.h"

#define KEY_ID_MAX	    37
#define CMK_DESCRIPTION_MAX 8192 /* characters */
#define CMK_WAIT_DAYS_MOST  30
#define CMK_DAY_SECONDS	    86400
#define CMK_ROTATION_DAYS   365 /* of AWS's own keys, and of others by default */

/* A record of an older version, which has the date of the deletion alone. */
#define CMK_DUE_UNKNOWN INT64_MAX

struct key_usage {	    /* see usage.h */
	char operation[65]; /* "Decrypt"; "" for none */
	int64_t time;	    /* seconds since the epoch, for people */
	char event[37];	    /* eventID of its record */
	char request[37];
};

struct cmk { /* owner: the caller's stack; cmk_free() */
	char key_id[KEY_ID_MAX];
	char account[13];
	char region[32];
	char *description; /* malloc'd */
	char *policy;	   /* malloc'd, as PutKeyPolicy took it; NULL: the default policy */
	struct json_object *policy_users; /* owned: names in @policy, see user_binding.h; or NULL */
	struct json_object *tags;	  /* owned, see tags.h; NULL for none */
	enum key_state state;
	bool aws_managed; /* alias/aws/...: cannot be managed by anyone */
	int64_t created;  /* seconds since the epoch */
	int64_t deletion; /* seconds since the epoch, for people; 0 unless pending */
	int64_t due;	  /* the end of the waiting period by store_clock(), or CMK_DUE_UNKNOWN */
	int pending_days; /* waiting period; 0 unless pending */
	char first_material[MATERIAL_ID_CHARS + 1]; /* its id; "" in a record of an older version */
	struct json_object *materials; /* owned, those of rotations, see materials.h; NULL for none */
	int rotation_days;	       /* between two automatic rotations; 0 for none */
	struct key_usage usage;	       /* the last one that is kept */
	int64_t rotation_due;	       /* the next one, by store_clock(); 0 for none */
};

void cmk_free(struct cmk *cmk);
#define _cleanup_cmk_ __attribute__((cleanup(cmk_free)))

const char *cmk_material_id(const struct cmk *cmk, size_t number, char id[MATERIAL_ID_CHARS + 1]);

void cmk_begin_rotation(struct cmk *cmk, int days, int64_t now);

void cmk_pass_rotation(struct cmk *cmk, int64_t now);

void cmk_arn(const struct cmk *cmk, char arn[ARN_MAX]);

struct json_object *cmk_record(const struct cmk *cmk);

int cmk_from_record(struct json_object *record, struct cmk *cmk);

struct json_object *cmk_metadata(const struct cmk *cmk);

#endif
