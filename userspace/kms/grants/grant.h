/* SPDX-License-Identifier: MIT */
/*
 * A grant: it gives a principal some operations on one key, beside the policy of the key.
 *
 * Must never hold a secret: grants are listed and recorded.
 */
#ifndef ENVELOPE_KMS_GRANT_H
#define ENVELOPE_KMS_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "kms/keys/cmk.h"
#include "kms/users/user.h"

#define GRANT_ID_CHARS	     64
#define GRANT_NAME_CHARS     256
#define GRANT_PRINCIPAL_MAX  256 /* characters */
#define GRANT_CONTEXT_PAIRS  8	 /* of a constraint */
#define GRANT_CONTEXT_VALUE  384 /* characters of a value of a constraint */
#define GRANTS_OF_A_KEY_MOST 50000

/* Operations that a grant may give on a symmetric key, as bits. Those of key pairs are not served. */
enum grant_operation {
	GRANT_DECRYPT = 1 << 0,
	GRANT_ENCRYPT = 1 << 1,
	GRANT_GENERATE_DATA_KEY = 1 << 2,
	GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT = 1 << 3,
	GRANT_RE_ENCRYPT_FROM = 1 << 4,
	GRANT_RE_ENCRYPT_TO = 1 << 5,
	GRANT_CREATE_GRANT = 1 << 6,
	GRANT_RETIRE_GRANT = 1 << 7,
	GRANT_DESCRIBE_KEY = 1 << 8,
	GRANT_GENERATE_DATA_KEY_PAIR = 1 << 9,
	GRANT_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT = 1 << 10,
};

/* Those with an encryption context. */
#define GRANT_DATA_OPERATIONS                                      \
	(GRANT_DECRYPT | GRANT_ENCRYPT | GRANT_GENERATE_DATA_KEY | \
	 GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT | GRANT_RE_ENCRYPT_FROM | GRANT_RE_ENCRYPT_TO)

enum grant_constraint {
	CONSTRAINT_NONE,
	CONSTRAINT_EQUALS, /* the encryption context of the request is the one of the grant */
	CONSTRAINT_SUBSET, /* it has each pair of the one of the grant */
};

struct grant { /* owner: the caller's stack; grant_free() */
	char id[GRANT_ID_CHARS + 1];
	char key_id[KEY_ID_MAX];
	char account[13]; /* of the key */
	char region[32];  /* of the key */
	char issuer[13];  /* account of the caller that made the grant */
	char grantee[GRANT_PRINCIPAL_MAX + 1];
	char retiring[GRANT_PRINCIPAL_MAX + 1]; /* "" for none */
	char grantee_id[USER_ID_CHARS + 1];	/* that @grantee is bound to; "": no user */
	char retiring_id[USER_ID_CHARS + 1];	/* as @grantee_id */
	char name[GRANT_NAME_CHARS + 1];	/* "" for none */
	unsigned int operations;		/* enum grant_operation */
	enum grant_constraint constraint;
	struct json_object *context; /* of the constraint; a reference, NULL without */
	int64_t created;	     /* seconds since the epoch */
};

void grant_free(struct grant *grant);
#define _cleanup_grant_ __attribute__((cleanup(grant_free)))

const char *grant_grantee(const struct grant *grant);

const char *grant_retiring(const struct grant *grant);

const char *grant_operation_name(unsigned int bit);
unsigned int grant_operation(const char *name);

struct json_object *grant_operations(const struct grant *grant);

const char *grant_constraint_name(enum grant_constraint constraint);

bool grant_same(const struct grant *a, const struct grant *b);

struct json_object *grant_record(const struct grant *grant);

int grant_from_record(struct json_object *record, struct grant *grant);

struct json_object *grant_entry(const struct grant *grant);

#endif
