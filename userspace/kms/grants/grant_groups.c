// SPDX-License-Identifier: MIT
/* See grant_groups.h. */
#include "kms/grants/grant_groups.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <systemd/sd-id128.h>

#include "lib/base/json.h"

/* A request with more pairs looks first whether the grantee has fewer grants than this. */
#define PAIRS_ASKED 32

_Static_assert(__builtin_popcount(GRANT_DATA_OPERATIONS) + 4 <= GRANT_GROUPS_MOST,
	       "a grant has room for all of its groups");

struct pair {
	const char *name;
	const char *value;
};

/* Adds a text with its length in front, so that no two lists of texts have the same bytes. */
static bool add(EVP_MD_CTX *hash, const char *text)
{
	uint32_t size = htobe32((uint32_t)strlen(text));

	return EVP_DigestUpdate(hash, &size, sizeof(size)) == 1 &&
	       EVP_DigestUpdate(hash, text, strlen(text)) == 1;
}

/* What the name of a group is made of. */
struct terms {
	const char *texts[8];
	size_t text_count;
	const struct pair *pairs;
	size_t count;
};

/* Names a group. Return: 0 or -ENOMEM */
static int name_group(const struct terms *terms, char group[GRANT_GROUP_CHARS + 1])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	sd_id128_t first;
	bool done;

	done = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; done && i < terms->text_count; i++)
		done = add(hash, terms->texts[i]);
	for (size_t i = 0; done && i < terms->count; i++)
		done = add(hash, terms->pairs[i].name) && add(hash, terms->pairs[i].value);
	done = done && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	if (!done)
		return -ENOMEM;
	memcpy(first.bytes, digest, sizeof(first.bytes));
	sd_id128_to_string(first, group);
	return 0;
}

/* Names a group of the grants on a key to a grantee; @operation: "" for all. Return: 0 or -ENOMEM */
static int name_grantees(const char *kind, const char *operation, const char *key_id,
			 const char *grantee, const struct pair *pairs, size_t count,
			 char group[GRANT_GROUP_CHARS + 1])
{
	const struct terms terms = { { kind, operation, key_id, grantee }, 4, pairs, count };

	return name_group(&terms, group);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

/* The pairs of @context in byte order of their names. Return: their number, or -ENOMEM */
static int read_pairs(struct json_object *context, struct pair **pairs)
{
	size_t count = 0;

	*pairs = NULL;
	if (!context || json_object_object_length(context) == 0)
		return 0;
	*pairs = calloc((size_t)json_object_object_length(context), sizeof(**pairs));
	if (!*pairs)
		return -ENOMEM;
	json_object_object_foreach(context, name, value) {
		(*pairs)[count++] = (struct pair){ name, json_object_get_string(value) };
	}
	qsort(*pairs, count, sizeof(**pairs), by_name);
	return (int)count;
}

/* Adds a group of @grant. */
static int join(const struct grant *grant, const char *kind, const char *operation,
		const struct pair *pairs, size_t count, struct grant_groups *groups)
{
	return name_grantees(kind, operation, grant->key_id, grant_grantee(grant), pairs, count,
			     groups->list[groups->count++]);
}

/* Adds a group whose grants a decision may have to read one by one. */
static int join_bounded(const struct grant *grant, const char *kind, struct grant_groups *groups)
{
	groups->bounded[groups->count] = true;
	return join(grant, kind, "", NULL, 0, groups);
}

/* Adds a group for each operation with an encryption context: each of its grants allows the request. */
static int join_each(const struct grant *grant, const char *kind, const struct pair *pairs,
		     size_t count, struct grant_groups *groups)
{
	unsigned int operations = grant->operations & GRANT_DATA_OPERATIONS;

	for (unsigned int bit = 1; bit <= operations; bit <<= 1)
		if ((operations & bit) &&
		    join(grant, kind, grant_operation_name(bit), pairs, count, groups))
			return -ENOMEM;
	return 0;
}

static int join_by_constraint(const struct grant *grant, const struct pair *pairs, size_t count,
			      struct grant_groups *groups)
{
	if (grant->constraint == CONSTRAINT_NONE)
		return join_each(grant, "any", NULL, 0, groups);
	if (grant->constraint == CONSTRAINT_EQUALS)
		return join_each(grant, "equals", pairs, count, groups);
	if (count > 1)
		return join_bounded(grant, "several", groups);
	if (count < 1 || join(grant, "single", "", NULL, 0, groups))
		return -ENOMEM;
	return join_each(grant, "pair", pairs, 1, groups);
}

/** grant_group_of_terms() - the group of grants that are one to grant_same(); Return: 0 or -ENOMEM */
int grant_group_of_terms(const struct grant *grant, char group[GRANT_GROUP_CHARS + 1])
{
	char numbers[32];
	struct pair *pairs;
	int count = read_pairs(grant->context, &pairs), r;
	const struct terms terms = { { "same", grant->key_id, grant->issuer, grant_grantee(grant),
				       grant_retiring(grant), grant->name, numbers },
				     7,
				     pairs,
				     (size_t)count };

	if (count < 0)
		return -ENOMEM;
	snprintf(numbers, sizeof(numbers), "%x %d", grant->operations, (int)grant->constraint);
	r = name_group(&terms, group);
	free(pairs);
	return r;
}

/** grant_groups() - all groups that @grant belongs to; Return: 0 or -ENOMEM */
int grant_groups(const struct grant *grant, struct grant_groups *groups)
{
	struct pair *pairs;
	int count = read_pairs(grant->context, &pairs), r;

	*groups = (struct grant_groups){ 0 };
	if (count < 0)
		return -ENOMEM;
	r = join_by_constraint(grant, pairs, (size_t)count, groups);
	free(pairs);
	if (!r && (grant->operations & GRANT_DESCRIBE_KEY))
		r = join(grant, "describe", "", NULL, 0, groups);
	if (!r && (grant->operations & GRANT_CREATE_GRANT))
		r = join_bounded(grant, "create", groups);
	if (!r && grant->name[0])
		r = grant_group_of_terms(grant, groups->list[groups->count++]);
	return r;
}

struct asking {
	const struct grant_request *request;
	const char *operation;
	const struct pair *pairs;
	size_t count;
	const struct grant_asker *asker;
};

static int hand_out(const struct asking *asking, const char *kind, const char *operation,
		    const char *principal, const struct pair *pairs, size_t count)
{
	char group[GRANT_GROUP_CHARS + 1];
	int r = name_grantees(kind, operation, asking->request->key_id, principal, pairs, count,
			      group);

	return r ? r : asking->asker->each(group, asking->asker->userdata);
}

/* The grants with one pair. Of two ways, the one that looks at less: all grants, or each pair. */
static int ask_pairs(const struct asking *asking, const char *principal)
{
	char group[GRANT_GROUP_CHARS + 1];
	int r = 0;

	if (asking->count > PAIRS_ASKED) {
		if (name_grantees("single", "", asking->request->key_id, principal, NULL, 0, group))
			return -ENOMEM;
		if (asking->asker->has_fewer(group, asking->count, asking->asker->userdata))
			return asking->asker->each(group, asking->asker->userdata);
	}
	for (size_t i = 0; !r && i < asking->count; i++)
		r = hand_out(asking, "pair", asking->operation, principal, &asking->pairs[i], 1);
	return r;
}

/* The groups of grants to @principal that may allow a request with @pairs. */
static int ask_for(const struct asking *asking, const char *principal)
{
	int r;

	if (asking->request->operation == GRANT_DESCRIBE_KEY)
		return hand_out(asking, "describe", "", principal, NULL, 0);
	if (asking->request->operation == GRANT_CREATE_GRANT)
		return hand_out(asking, "create", "", principal, NULL, 0);
	r = hand_out(asking, "any", asking->operation, principal, NULL, 0);
	if (!r)
		r = hand_out(asking, "equals", asking->operation, principal, asking->pairs,
			     asking->count);
	if (!r)
		r = hand_out(asking, "several", "", principal, NULL, 0);
	return r ? r : ask_pairs(asking, principal);
}

/**
 * grant_groups_asked() - hand each group that may have a grant for @request to @asker, until it stops
 *
 * Return: 0, what @asker returned to stop, or -ENOMEM.
 */
int grant_groups_asked(const struct grant_request *request, const struct grant_asker *asker)
{
	struct pair *pairs;
	int count = read_pairs(request->context, &pairs), r;
	struct asking asking = { request, "", pairs, (size_t)count, asker };

	if (count < 0)
		return -ENOMEM;
	if (request->operation & GRANT_DATA_OPERATIONS)
		asking.operation = grant_operation_name(request->operation);
	r = ask_for(&asking, request->principal);
	if (!r && request->root)
		r = ask_for(&asking, request->root);
	free(pairs);
	return r;
}
