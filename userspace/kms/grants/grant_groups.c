// SPDX-License-Identifier: MIT
/* See grant_groups.h. */
#include "kms/grants/grant_groups.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <systemd/sd-id128.h>

#include "lib/base/json.h"

/* A request with more pairs asks for all grants with a subset. */
#define PAIRS_ASKED 32

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

/* Names a group. Return: 0 or -ENOMEM */
static int name_group(const char *kind, const char *key_id, const char *of,
		      const struct pair *pairs, size_t count, char group[GRANT_GROUP_CHARS + 1])
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	sd_id128_t first;
	bool done;

	done = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 && add(hash, kind) &&
	       add(hash, key_id) && add(hash, of);
	for (size_t i = 0; done && i < count; i++)
		done = add(hash, pairs[i].name) && add(hash, pairs[i].value);
	done = done && EVP_DigestFinal_ex(hash, digest, NULL) == 1;
	EVP_MD_CTX_free(hash);
	if (!done)
		return -ENOMEM;
	memcpy(first.bytes, digest, sizeof(first.bytes));
	sd_id128_to_string(first, group);
	return 0;
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

static int group_of_constraint(const struct grant *grant, char group[GRANT_GROUP_CHARS + 1])
{
	struct pair *pairs;
	int count = read_pairs(grant->context, &pairs), r = -ENOMEM;

	if (count >= 0 && grant->constraint == CONSTRAINT_NONE)
		r = name_group("any", grant->key_id, grant->grantee, NULL, 0, group);
	else if (count >= 0 && grant->constraint == CONSTRAINT_EQUALS)
		r = name_group("equals", grant->key_id, grant->grantee, pairs, (size_t)count,
			       group);
	else if (count > 0)
		r = name_group("pair", grant->key_id, grant->grantee, pairs, 1, group);
	free(pairs);
	return r;
}

/** grant_group_of_name() - the group of the grants with the same key and name; Return: 0 or -ENOMEM */
int grant_group_of_name(const struct grant *grant, char group[GRANT_GROUP_CHARS + 1])
{
	return name_group("name", grant->key_id, grant->name, NULL, 0, group);
}

/** grant_groups() - all groups that @grant belongs to; Return: 0 or -ENOMEM */
int grant_groups(const struct grant *grant, struct grant_groups *groups)
{
	groups->count = 1;
	if (group_of_constraint(grant, groups->list[0]))
		return -ENOMEM;
	if ((grant->operations & GRANT_DESCRIBE_KEY) &&
	    name_group("describe", grant->key_id, grant->grantee, NULL, 0,
		       groups->list[groups->count++]))
		return -ENOMEM;
	if (grant->constraint == CONSTRAINT_SUBSET &&
	    name_group("subset", grant->key_id, grant->grantee, NULL, 0,
		       groups->list[groups->count++]))
		return -ENOMEM;
	if (grant->name[0] && grant_group_of_name(grant, groups->list[groups->count++]))
		return -ENOMEM;
	return 0;
}

static int hand_out(const char *kind, const struct grant_request *request, const char *principal,
		    const struct pair *pairs, size_t count, grant_group_t each, void *userdata)
{
	char group[GRANT_GROUP_CHARS + 1];
	int r = name_group(kind, request->key_id, principal, pairs, count, group);

	return r ? r : each(group, userdata);
}

/* The groups of grants to @principal that may allow a request with @pairs. */
static int ask_for(const struct grant_request *request, const char *principal,
		   const struct pair *pairs, size_t count, grant_group_t each, void *userdata)
{
	int r;

	if (request->operation == GRANT_DESCRIBE_KEY)
		return hand_out("describe", request, principal, NULL, 0, each, userdata);
	r = hand_out("any", request, principal, NULL, 0, each, userdata);
	if (!r)
		r = hand_out("equals", request, principal, pairs, count, each, userdata);
	if (!r && count > PAIRS_ASKED)
		return hand_out("subset", request, principal, NULL, 0, each, userdata);
	for (size_t i = 0; !r && i < count; i++)
		r = hand_out("pair", request, principal, &pairs[i], 1, each, userdata);
	return r;
}

/**
 * grant_groups_asked() - hand each group that may have a grant for @request to @each, until it stops
 *
 * Return: 0, what @each returned to stop, or -ENOMEM.
 */
int grant_groups_asked(const struct grant_request *request, grant_group_t each, void *userdata)
{
	struct json_object *context = request->made ? request->made->context : request->context;
	struct pair *pairs;
	int count = read_pairs(context, &pairs), r;

	if (count < 0)
		return -ENOMEM;
	r = ask_for(request, request->principal, pairs, (size_t)count, each, userdata);
	if (!r)
		r = ask_for(request, request->root, pairs, (size_t)count, each, userdata);
	free(pairs);
	return r;
}
