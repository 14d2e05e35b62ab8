// SPDX-License-Identifier: MIT
/*
 * Pages of a listing. A marker is the base64 of the last entry's name.
 *
 * Must never trust a marker for more than a place in the order.
 */

#include "kms/ops/page.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "kms/ops/params.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"

#define MARKER_MAX 1024

static int bad_marker(const char *marker, struct fault *f)
{
	return fault_set(f, "InvalidMarkerException", "Could not deserialize marker '%.64s'",
			 marker);
}

static int read_marker(struct page *page, const char *marker, struct fault *f)
{
	uint8_t *bytes;
	size_t size;

	if (base64_decode(marker, &bytes, &size))
		return bad_marker(marker, f);
	if (size == 0 || memchr(bytes, '\0', size)) {
		free(bytes);
		return bad_marker(marker, f);
	}
	page->after = strndup((const char *)bytes, size);
	free(bytes);
	return 0;
}

/* AWS's [\u0020-\u00FF]*, in UTF-8 */
static bool has_only_latin(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at >= 0x20 && *at <= 0xc3)
		at++;
	return *at == '\0';
}

/**
 * page_begin_named() - read Marker, and the number of entries that @limit has
 * @most: largest @limit
 * @fallback: @limit when absent
 * @f: ValidationException, InvalidMarkerException
 *
 * Return: 0 or -1.
 */
int page_begin_named(struct page *page, struct json_object *params, const char *limit, int64_t most,
		     int64_t fallback, struct fault *f)
{
	const char *marker;

	if (param_number(params, limit, 1, most, fallback, &page->room, f) ||
	    param_text(params, "Marker", MARKER_MAX, &marker, f))
		return -1;
	if (marker && !has_only_latin(marker))
		return param_invalid(f, "Marker",
				     "Member must satisfy regular expression pattern: [\\u0020-\\u00FF]*");
	if (!marker)
		page->after = strdup("");
	else if (read_marker(page, marker, f))
		return -1;
	page->entries = json_object_new_array();
	if (!page->after || !page->entries)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	return 0;
}

/** page_begin() - as page_begin_named(), with Limit */
int page_begin(struct page *page, struct json_object *params, int64_t most, int64_t fallback,
	       struct fault *f)
{
	return page_begin_named(page, params, "Limit", most, fallback, f);
}

/**
 * page_add() - take an entry
 * @name: what it is ordered by
 * @entry: ownership passes
 *
 * Return: 0, or 1 when the page is full and @entry was not taken.
 */
int page_add(struct page *page, const char *name, struct json_object *entry)
{
	if (page->room == 0) {
		page->truncated = true;
		json_object_put(entry);
		return 1;
	}
	page->room--;
	snprintf(page->last, sizeof(page->last), "%s", name);
	json_object_array_add(page->entries, entry);
	return 0;
}

/** page_move() - move the entries to @reply as @name, and where the next ones begin as @marker */
void page_move(struct page *page, struct json_object *reply, const char *name, const char *marker)
{
	json_add_object(reply, name, page->entries);
	page->entries = NULL;
	if (page->truncated) {
		char *text = base64_encode((const uint8_t *)page->last, strlen(page->last));

		json_add_string(reply, marker, text);
		free(text);
	}
}

/** page_end() - move the entries to @reply as @name, with Truncated and NextMarker */
void page_end(struct page *page, struct json_object *reply, const char *name)
{
	page_move(page, reply, name, "NextMarker");
	json_add_bool(reply, "Truncated", page->truncated);
}

void page_free(struct page *page)
{
	free(page->after);
	json_object_put(page->entries);
}
