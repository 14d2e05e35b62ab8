// SPDX-License-Identifier: MIT
/*
 * Changing the tags of a key, by AWS's rules.
 *
 * Must never change a list that is refused.
 */

#include "kms/keys/tags.h"

#include <string.h>
#include <strings.h>

#include "lib/base/json.h"
#include "lib/base/utf8.h"

static const char *key_of(struct json_object *tags, size_t i)
{
	return json_get_string(json_object_array_get_idx(tags, i), TAG_KEY_FIELD);
}

static int wrong_type(const char *what, const char *type, struct fault *f)
{
	return fault_set(f, "SerializationException", "%s must be a %s.", what, type);
}

static int wrong_length(const char *what, size_t least, size_t most, struct fault *f)
{
	return fault_set(f, "ValidationException",
			 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length between %zu and %zu",
			 what, least, most);
}

static int missing(const char *what, struct fault *f)
{
	return fault_set(f, "ValidationException",
			 "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null",
			 what);
}

static int too_many(struct fault *f)
{
	return fault_set(f, "LimitExceededException",
			 "A key has at most %d tags. Remove one with UntagResource.", TAGS_MAX);
}

static int check_key(const char *key, const char *what, struct fault *f)
{
	size_t size = utf8_length(key);

	if (size < 1 || size > TAG_KEY_MAX)
		return wrong_length(what, 1, TAG_KEY_MAX, f);
	if (!strncasecmp(key, "aws:", 4))
		return fault_set(f, "TagException",
				 "Tag keys that begin with aws: are reserved. Choose another key.");
	return 0;
}

static int check_tag(struct json_object *tag, struct fault *f)
{
	const char *key = json_get_string(tag, TAG_KEY_FIELD);
	const char *value = json_get_string(tag, TAG_VALUE_FIELD);

	if (!json_object_is_type(tag, json_type_object))
		return wrong_type("A member of Tags", "structure", f);
	if (!json_has(tag, TAG_KEY_FIELD))
		return missing("tags.member.tagKey", f);
	if (!json_has(tag, TAG_VALUE_FIELD))
		return missing("tags.member.tagValue", f);
	if (!key)
		return wrong_type("The TagKey of each tag", "string", f);
	if (!value)
		return wrong_type("The TagValue of each tag", "string", f);
	if (utf8_length(value) > TAG_VALUE_MAX)
		return wrong_length("tags.member.tagValue", 0, TAG_VALUE_MAX, f);
	return check_key(key, "tags.member.tagKey", f);
}

/* The place of @key among @tags, or their number. */
static size_t find(struct json_object *tags, const char *key)
{
	size_t count = tags ? json_object_array_length(tags) : 0, i;

	for (i = 0; i < count && strcmp(key_of(tags, i), key); i++)
		;
	return i;
}

static int compare(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;

	return strcmp(json_get_string(*x, TAG_KEY_FIELD), json_get_string(*y, TAG_KEY_FIELD));
}

/* A copy with the two fields alone, without a tag of @without. */
static struct json_object *copy(struct json_object *tags, struct json_object *without)
{
	struct json_object *out = json_object_new_array();
	size_t count = tags ? json_object_array_length(tags) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *tag = json_object_array_get_idx(tags, i), *same;
		const char *key = key_of(tags, i);

		if (without && find(without, key) < json_object_array_length(without))
			continue;
		same = json_object_new_object();
		json_add_string(same, TAG_KEY_FIELD, key);
		json_add_string(same, TAG_VALUE_FIELD, json_get_string(tag, TAG_VALUE_FIELD));
		json_object_array_add(out, same);
	}
	return out;
}

/** tags_valid() - is @tags the list of a key, as tags_add() makes it? */
bool tags_valid(struct json_object *tags)
{
	struct fault ignored;
	size_t i, count;

	if (!json_object_is_type(tags, json_type_array))
		return false;
	count = json_object_array_length(tags);
	for (i = 0; i < count; i++)
		if (check_tag(json_object_array_get_idx(tags, i), &ignored) ||
		    (i > 0 && strcmp(key_of(tags, i - 1), key_of(tags, i)) >= 0))
			return false;
	return count > 0 && count <= TAGS_MAX;
}

static void replace(struct json_object **tags, struct json_object *by)
{
	json_object_put(*tags);
	*tags = by;
	if (by && json_object_array_length(by) == 0) {
		json_object_put(by);
		*tags = NULL;
	}
}

/**
 * tags_add() - add the tags of a request; a tag with the key of an old one replaces it
 * @tags: of the key; NULL for none
 * @more: Tags of the request
 * @f: SerializationException, ValidationException, TagException, LimitExceededException
 *
 * Return: 0 or -1.
 */
int tags_add(struct json_object **tags, struct json_object *more, struct fault *f)
{
	struct json_object *all;
	size_t i, count;

	if (!json_object_is_type(more, json_type_array))
		return wrong_type("Tags", "list", f);
	count = json_object_array_length(more);
	/* Before the search for twins, which takes the square of their number. */
	if (count > TAGS_MAX)
		return too_many(f);
	for (i = 0; i < count; i++) {
		if (check_tag(json_object_array_get_idx(more, i), f))
			return -1;
		if (find(more, key_of(more, i)) < i)
			return fault_set(f, "TagException", "Duplicate tag keys: %.128s",
					 key_of(more, i));
	}
	all = copy(*tags, more);
	for (i = 0; i < count; i++)
		json_object_array_add(all, json_object_get(json_object_array_get_idx(more, i)));
	if (json_object_array_length(all) > TAGS_MAX) {
		json_object_put(all);
		return too_many(f);
	}
	json_object_array_sort(all, compare);
	replace(tags, copy(all, NULL));
	json_object_put(all);
	return 0;
}

/**
 * tags_remove() - remove the tags with @keys; a key without a tag is fine
 * @tags: of the key; NULL for none, also afterwards
 * @keys: TagKeys of the request
 * @f: SerializationException, ValidationException, TagException
 *
 * Return: 0 or -1.
 */
int tags_remove(struct json_object **tags, struct json_object *keys, struct fault *f)
{
	_cleanup_json_ struct json_object *gone = json_object_new_array();
	size_t i;

	if (!json_object_is_type(keys, json_type_array))
		return wrong_type("TagKeys", "list", f);
	for (i = 0; i < json_object_array_length(keys); i++) {
		struct json_object *key = json_object_array_get_idx(keys, i), *tag;

		if (!json_object_is_type(key, json_type_string))
			return wrong_type("A member of TagKeys", "string", f);
		if (check_key(json_object_get_string(key), "tagKeys.member", f))
			return -1;
		tag = json_object_new_object();
		json_add_object(tag, TAG_KEY_FIELD, json_object_get(key));
		json_object_array_add(gone, tag);
	}
	replace(tags, copy(*tags, gone));
	return 0;
}
