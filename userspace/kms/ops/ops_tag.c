// SPDX-License-Identifier: MIT
/*
 * TagResource, UntagResource, ListResourceTags.
 */
#include <string.h>

#include "kms/keys/tags.h"
#include "kms/ops/ops.h"
#include "kms/ops/page.h"
#include "kms/ops/params.h"
#include "lib/base/json.h"

/* Changes the tags of the key by parameter @name. */
static int change(struct call *call, const char *name,
		  int (*how)(struct json_object **tags, struct json_object *param, struct fault *f),
		  struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	if (!json_has(call->params, name))
		return param_invalid(f, name, "Member must not be null");
	if (op_key(call, "KeyId", USE_CHANGE, &cmk, f) ||
	    how(&cmk.tags, json_get(call->params, name), f))
		return -1;
	return store_update_key(call->kms->store, &cmk, f);
}

int op_tag_resource(struct call *call, struct fault *f)
{
	return change(call, "Tags", tags_add, f);
}

int op_untag_resource(struct call *call, struct fault *f)
{
	return change(call, "TagKeys", tags_remove, f);
}

int op_list_resource_tags(struct call *call, struct fault *f)
{
	_cleanup_page_ struct page page = { 0 };
	_cleanup_cmk_ struct cmk cmk = { 0 };
	size_t count;

	if (op_key(call, "KeyId", USE_DESCRIBE, &cmk, f) ||
	    page_begin(&page, call->params, TAGS_MAX, TAGS_MAX, f))
		return -1;
	count = cmk.tags ? json_object_array_length(cmk.tags) : 0;
	for (size_t i = 0; i < count; i++) {
		struct json_object *tag = json_object_array_get_idx(cmk.tags, i);
		const char *key = json_get_string(tag, TAG_KEY_FIELD);

		if (strcmp(key, page.after) > 0 && page_add(&page, key, json_object_get(tag)))
			break;
	}
	page_end(&page, call->reply, "Tags");
	return 0;
}
