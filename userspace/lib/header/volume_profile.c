// SPDX-License-Identifier: MIT
/*
 * The strict LUKS2 profile, as a list of everything that is allowed. See volume_profile.h.
 *
 * Each object of the metadata is visited once; its members are compared with the full list of
 * names first, so that each unknown name is refused by name, then each value is checked.
 */

#include "lib/header/volume_profile.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arn.h"
#include "lib/base/base64.h"
#include "lib/base/identifier.h"
#include "lib/base/json.h"
#include "lib/header/volume_owner.h"

#define ITERATIONS_MIN 1000
#define ITERATIONS_MAX 10000000 /* takes a minute; limits the cost of a forged header */

/* An object of the metadata, and its name for a refusal. */
struct node {
	struct json_object *object;
	const char *path;
	struct fault *fault;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct node *n, const char *key,
							const char *fmt, ...)
{
	char reason[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	/*
	 * Member names come from the disk: %.64s bounds them, and printable() has checked them.
	 */
	return fault_set(n->fault, "InvalidVolumeHeader", "%s%s%.64s: %s", n->path,
			 *n->path && *key ? "." : "", key, reason);
}

/* Printable ASCII only: values end up in logs, in KMS contexts and in line-based text. */
static bool printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

/* All members of @n are in @allowed, a list of names separated and enclosed by spaces. */
static int only_members(const struct node *n, const char *allowed)
{
	json_object_object_foreach(n->object, key, value) {
		char padded[68];

		(void)value;
		if (!printable(key) || strchr(key, ' '))
			return refuse(n, "", "a member has an unprintable name");
		if (snprintf(padded, sizeof(padded), " %s ", key) >= (int)sizeof(padded) ||
		    !strstr(allowed, padded))
			return refuse(n, key, "unknown field, outside the profile");
	}
	return 0;
}

/* Member @key as an object node; @path must outlive the node. */
static int child(const struct node *n, const char *key, const char *path, struct node *out)
{
	*out = (struct node){ json_get_object(n->object, key), path, n->fault };
	if (!out->object)
		return refuse(n, key, "missing or not an object");
	return 0;
}

/* Copies string member @key to @text of @size bytes. */
static int get_text(const struct node *n, const char *key, char *text, size_t size)
{
	struct json_object *member = json_get(n->object, key);
	const char *value = json_get_string(n->object, key);

	if (!value)
		return refuse(n, key, "missing or not a string");
	if ((size_t)json_object_get_string_len(member) != strlen(value) || !printable(value))
		return refuse(n, key, "holds characters that are not printable ASCII");
	if (strlen(value) >= size)
		return refuse(n, key, "longer than %zu characters", size - 1);
	strcpy(text, value);
	return 0;
}

static int expect_text(const struct node *n, const char *key, const char *expected)
{
	char value[128];

	if (get_text(n, key, value, sizeof(value)))
		return -1;
	if (strcmp(value, expected))
		return refuse(n, key, "\"%s\", must be \"%s\"", value, expected);
	return 0;
}

/* LUKS2 writes 64-bit numbers as decimal strings; only the shortest form is accepted. */
static int get_decimal(const struct node *n, const char *key, uint64_t *number)
{
	char value[24], again[24];
	int r = get_text(n, key, value, sizeof(value));

	if (r)
		return r;
	*number = strtoull(value, NULL, 10);
	snprintf(again, sizeof(again), "%" PRIu64, *number);
	if (strcmp(value, again))
		return refuse(n, key, "\"%s\" is not a decimal number", value);
	return 0;
}

static int get_number(const struct node *n, const char *key, int64_t *number)
{
	if (!json_has_type(n->object, key, json_type_int))
		return refuse(n, key, "missing or not a whole number");
	*number = json_get_int(n->object, key, 0);
	return 0;
}

/* Member @key is an array that holds exactly the strings @items (or is empty when NULL). */
static int expect_array(const struct node *n, const char *key, const char *item)
{
	struct json_object *member = json_get_array(n->object, key);
	const char *first;

	if (!member)
		return refuse(n, key, "missing or not an array");
	if (json_object_array_length(member) != (item ? 1 : 0))
		return refuse(n, key, "must %s%s", item ? "hold exactly " : "be empty",
			      item ? item : "");
	if (!item)
		return 0;
	first = json_object_get_string(json_object_array_get_idx(member, 0));
	if (!first || strcmp(first, item))
		return refuse(n, key, "must hold exactly %s", item);
	return 0;
}

static bool only_chars(const char *text, size_t min, size_t max, const char *chars)
{
	size_t length = strlen(text);

	return length >= min && length <= max && strspn(text, chars) == length;
}

static bool valid_volume_id(const char *id)
{
	return !strncmp(id, "vol-", 4) && only_chars(id + 4, 17, 17, "0123456789abcdef");
}

/* The identifier is stored in lower case. */
static bool valid_cluster_id(const char *id)
{
	return identifier_valid(id) && !strpbrk(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool valid_resource_id(const char *id)
{
	return !strncmp(id, "cluster-", 8) &&
	       only_chars(id + 8, 26, 26, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
}

static bool valid_uuid(const char *uuid)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? uuid[i] != '-'
			 : !isdigit((unsigned char)uuid[i]) && !(uuid[i] >= 'a' && uuid[i] <= 'f'))
			return false;
	}
	return !uuid[36];
}

static bool valid_key_arn(const char *arn, const char *region, const char *account, bool *match)
{
	struct key_ref ref;

	*match = true;
	if (strlen(arn) >= ARN_MAX || key_ref_parse(arn, &ref, NULL) || ref.kind != KEY_REF_ARN)
		return false;
	*match = !strcmp(ref.region, region) && !strcmp(ref.account, account);
	return true;
}

/* A plain volume's header says that it is not encrypted, also to stock tools. */
static int check_encryption(const struct node *n, struct volume_header *out)
{
	const char *found = json_get_string(n->object, "encryption");

	out->plain = found && !strcmp(found, VOLUME_PLAIN_CIPHER);
	return out->plain ? 0 : expect_text(n, "encryption", VOLUME_CIPHER);
}

static int check_segment(const struct node *root, struct volume_header *out)
{
	struct node segments, n;
	uint64_t offset;
	int64_t sector;
	char size[24];

	if (child(root, "segments", "segments", &segments) || only_members(&segments, " 0 ") ||
	    child(&segments, "0", "segments.0", &n) ||
	    only_members(&n, " type offset size iv_tweak encryption sector_size ") ||
	    expect_text(&n, "type", "crypt") || check_encryption(&n, out) ||
	    get_number(&n, "sector_size", &sector) || get_decimal(&n, "offset", &offset) ||
	    get_decimal(&n, "iv_tweak", &out->iv_offset) ||
	    get_text(&n, "size", size, sizeof(size)))
		return -1;
	if (sector != 512 && sector != 4096)
		return refuse(&n, "sector_size", "%" PRId64 ", must be 4096 or 512", sector);
	if (!offset || offset % sector)
		return refuse(&n, "offset", "%" PRIu64 " is not a multiple of the sector size",
			      offset);
	if (out->iv_offset)
		return refuse(&n, "iv_tweak", "%" PRIu64 ", must be 0", out->iv_offset);
	out->data_size = 0;
	if (strcmp(size, "dynamic") && get_decimal(&n, "size", &out->data_size))
		return -1;
	if (strcmp(size, "dynamic") && (!out->data_size || out->data_size % sector))
		return refuse(&n, "size", "%s is not a multiple of the sector size", size);
	out->sector_size = sector;
	out->data_offset = offset / 512;
	return 0;
}

static int check_base64(const struct node *n, const char *key, size_t expected)
{
	uint8_t *bytes;
	size_t size;

	if (base64_decode(json_get_string(n->object, key), &bytes, &size))
		return refuse(n, key, "is not base64");
	free(bytes);
	if (size != expected)
		return refuse(n, key, "%zu bytes, must be %zu", size, expected);
	return 0;
}

static int check_digest(const struct node *root, struct volume_header *out)
{
	struct node digests, n;
	int64_t iterations;

	if (child(root, "digests", "digests", &digests) || only_members(&digests, " 0 ") ||
	    child(&digests, "0", "digests.0", &n) ||
	    only_members(&n, " type keyslots segments hash iterations salt digest ") ||
	    expect_text(&n, "type", "pbkdf2") || expect_text(&n, "hash", "sha256") ||
	    expect_array(&n, "keyslots", NULL) || expect_array(&n, "segments", "0") ||
	    get_number(&n, "iterations", &iterations) ||
	    get_text(&n, "salt", out->digest_salt, sizeof(out->digest_salt)) ||
	    get_text(&n, "digest", out->digest, sizeof(out->digest)) ||
	    check_base64(&n, "salt", 32) || check_base64(&n, "digest", 32))
		return -1;
	if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX)
		return refuse(&n, "iterations", "%" PRId64 ", must be %d to %d", iterations,
			      ITERATIONS_MIN, ITERATIONS_MAX);
	out->digest_iterations = iterations;
	return 0;
}

static int check_config(const struct node *root)
{
	struct node n;
	uint64_t ignored;

	if (child(root, "config", "config", &n))
		return -1;
	if (json_has(n.object, "requirements"))
		return refuse(&n, "requirements",
			      "the header demands features that are outside the profile");
	if (json_has(n.object, "flags"))
		return refuse(&n, "flags", "persistent activation flags are outside the profile");
	/* libcryptsetup checks these two fields: they describe only the header area. */
	return only_members(&n, " json_size keyslots_size ") ||
			       get_decimal(&n, "json_size", &ignored) ||
			       get_decimal(&n, "keyslots_size", &ignored)
		       ? -1
		       : 0;
}

static int get_wrapped_key(const struct node *n, struct volume_header *out)
{
	const char *text = json_get_string(n->object, "wrapped_key");
	struct json_object *member;
	uint8_t *bytes;
	size_t size;

	out->wrapped_key_size = 0;
	if (!json_find(n->object, "wrapped_key", &member))
		return 0;
	if (!text || base64_decode(text, &bytes, &size))
		return refuse(n, "wrapped_key", "is not base64");
	if (size && size <= sizeof(out->wrapped_key)) {
		memcpy(out->wrapped_key, bytes, size);
		out->wrapped_key_size = size;
	}
	free(bytes);
	if (!out->wrapped_key_size)
		return refuse(n, "wrapped_key", "%zu bytes, must be 1 to %d", size,
			      VOLUME_WRAPPED_KEY_MAX);
	return 0;
}

static int check_key(const struct node *n, struct volume_header *out)
{
	bool match;

	if (out->plain && (json_has(n->object, "key_arn") || json_has(n->object, "wrapped_key")))
		return refuse(n, "key_arn", "a plain volume has no key");
	if (out->plain && (!arn_valid_region(out->region) || !arn_valid_account(out->account)))
		return refuse(n, "region", "or account: no name of AWS");
	if (out->plain)
		return 0;
	if (get_text(n, "key_arn", out->key_arn, sizeof(out->key_arn)))
		return -1;
	if (!valid_key_arn(out->key_arn, out->region, out->account, &match))
		return refuse(n, "key_arn", "is not the ARN of a KMS key");
	if (!match)
		return refuse(n, "key_arn", "region and account differ from the token's");
	return get_wrapped_key(n, out);
}

static int check_token(const struct node *n, struct volume_header *out)
{
	int64_t version, generation;

	if (only_members(n, " type keyslots version volume_id cluster_id db_cluster_resource_id "
			    "key_arn region account generation wrapped_key ") ||
	    expect_array(n, "keyslots", NULL) || get_number(n, "version", &version) ||
	    get_number(n, "generation", &generation) ||
	    get_text(n, "volume_id", out->volume_id, sizeof(out->volume_id)) ||
	    get_text(n, "cluster_id", out->cluster_id, sizeof(out->cluster_id)) ||
	    get_text(n, "db_cluster_resource_id", out->db_cluster_resource_id,
		     sizeof(out->db_cluster_resource_id)) ||
	    get_text(n, "region", out->region, sizeof(out->region)) ||
	    get_text(n, "account", out->account, sizeof(out->account)))
		return -1;
	if (version != 1)
		return refuse(n, "version", "%" PRId64 ", this version reads 1", version);
	if (generation < 1)
		return refuse(n, "generation", "%" PRId64 ", must be at least 1", generation);
	if (!valid_volume_id(out->volume_id))
		return refuse(n, "volume_id", "\"%s\" is not a volume id", out->volume_id);
	if (!valid_cluster_id(out->cluster_id))
		return refuse(n, "cluster_id", "\"%s\" is not a cluster identifier",
			      out->cluster_id);
	if (!valid_resource_id(out->db_cluster_resource_id))
		return refuse(n, "db_cluster_resource_id", "\"%s\" is not a cluster resource id",
			      out->db_cluster_resource_id);
	out->generation = generation;
	return check_key(n, out);
}

static int check_state_token(const struct node *n, struct volume_header *out)
{
	return only_members(n, " type keyslots state reason time ") ||
			       expect_array(n, "keyslots", NULL) ||
			       get_text(n, "state", out->state, sizeof(out->state)) ||
			       get_text(n, "reason", out->state_reason,
					sizeof(out->state_reason)) ||
			       get_text(n, "time", out->state_time, sizeof(out->state_time))
		       ? -1
		       : 0;
}

static int check_kms_token(const struct node *n, struct volume_header *out)
{
	if (only_members(n, " type keyslots kms ") || expect_array(n, "keyslots", NULL) ||
	    get_text(n, "kms", out->kms, sizeof(out->kms)))
		return -1;
	return out->kms[0] ? 0 : refuse(n, "kms", "must not be empty");
}

static int check_tokens(const struct node *root, struct volume_header *out)
{
	unsigned int tokens = 0, states = 0, owners = 0, identities = 0;
	const char *bad;
	struct node all;

	if (child(root, "tokens", "tokens", &all))
		return -1;
	json_object_object_foreach(all.object, key, value) {
		char path[32] = "tokens";
		struct node n = { value, path, root->fault };
		const char *type = json_get_string(value, "type");

		if (only_chars(key, 1, 2, "0123456789"))
			snprintf(path, sizeof(path), "tokens.%s", key);
		if (type && !strcmp(type, VOLUME_TOKEN)) {
			if (tokens++)
				return refuse(&n, "", "a second token of type " VOLUME_TOKEN);
			if (check_token(&n, out))
				return -1;
		} else if (type && !strcmp(type, VOLUME_STATE_TOKEN)) {
			if (states++)
				return refuse(&n, "", "a second token of type " VOLUME_STATE_TOKEN);
			if (check_state_token(&n, out))
				return -1;
		} else if (type && !strcmp(type, VOLUME_OWNER_TOKEN)) {
			if (owners++)
				return refuse(&n, "", "a second token of type " VOLUME_OWNER_TOKEN);
			if (only_members(&n, " type keyslots host boot time claim "))
				return -1;
			bad = volume_owner_parse(value, &out->owner);
			if (bad)
				return refuse(&n, bad, "missing or wrong");
		} else if (type && !strcmp(type, VOLUME_KMS_TOKEN)) {
			if (identities++)
				return refuse(&n, "", "a second token of type " VOLUME_KMS_TOKEN);
			if (check_kms_token(&n, out))
				return -1;
		} else {
			return refuse(&n, "type", "not a token of this profile");
		}
	}
	if (!tokens)
		return refuse(&all, "", "no token of type " VOLUME_TOKEN);
	return 0;
}

/**
 * volume_profile_check() - LUKS2 metadata to struct volume_header
 * @metadata: the parsed JSON area
 * @uuid: of the binary header
 * @subsystem: of the binary header
 * @out: filled except for @data_sectors and @header_sha256; undefined when refused
 * @f: InvalidVolumeHeader, the message starts with the name of the offending field
 *
 * A header whose token holds no wrapped key passes, with @out->wrapped_key_size 0.
 *
 * Return: 0 or -1.
 */
int volume_profile_check(struct json_object *metadata, const char *uuid, const char *subsystem,
			 struct volume_header *out, struct fault *f)
{
	struct node root = { metadata, "", f }, keyslots;

	*out = (struct volume_header){ 0 };
	if (!json_object_is_type(metadata, json_type_object))
		return refuse(&root, "metadata", "not a JSON object");
	if (!subsystem || strcmp(subsystem, VOLUME_SUBSYSTEM))
		return refuse(&root, "subsystem", "is not \"" VOLUME_SUBSYSTEM "\"");
	if (!uuid || !valid_uuid(uuid))
		return refuse(&root, "uuid", "is not a UUID");
	strcpy(out->uuid, uuid);
	if (only_members(&root, " keyslots tokens segments digests config ") ||
	    check_config(&root) || child(&root, "keyslots", "keyslots", &keyslots))
		return -1;
	if (json_object_object_length(keyslots.object))
		return refuse(&root, "keyslots", "a keyslot would open the volume without the KMS");
	return check_segment(&root, out) || check_digest(&root, out) || check_tokens(&root, out)
		       ? -1
		       : 0;
}

/**
 * volume_identity_check() - check the values before they are written to a token
 * @f: InvalidParameterValue
 *
 * Return: 0 or -1.
 */
int volume_identity_check(const struct volume_identity *id, struct fault *f)
{
	const char *code = "InvalidParameterValue";
	bool match;

	if (!id->volume_id || !valid_volume_id(id->volume_id))
		return fault_set(f, code, "A volume id is \"vol-\" and 17 hexadecimal digits.");
	if (!id->cluster_id || !valid_cluster_id(id->cluster_id))
		return fault_set(f, code,
				 "A DB cluster identifier is 1 to 63 lower-case letters, digits and single hyphens. It starts with a letter and does not end with a hyphen.");
	if (!id->db_cluster_resource_id || !valid_resource_id(id->db_cluster_resource_id))
		return fault_set(f, code,
				 "A cluster resource id is \"cluster-\" and 26 digits of base32.");
	if (!id->region || !id->account || !arn_valid_region(id->region) ||
	    !arn_valid_account(id->account) ||
	    (!id->plain &&
	     (!id->key_arn || !valid_key_arn(id->key_arn, id->region, id->account, &match) ||
	      !match)))
		return fault_set(f, code,
				 "A volume needs the ARN of its KMS key, with the key's region and account.");
	if (id->sector_size && id->sector_size != 512 && id->sector_size != 4096)
		return fault_set(f, code, "The sector size of a volume is 4096 or 512 bytes.");
	return 0;
}
