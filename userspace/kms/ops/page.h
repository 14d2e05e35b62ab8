/* SPDX-License-Identifier: MIT */
/*
 * Limit and Marker: pages of a listing.
 *
 * Must never drop an entry between two pages.
 */
#ifndef ENVELOPE_KMS_PAGE_H
#define ENVELOPE_KMS_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

struct page {		/* on the caller's stack; page_free() */
	char *after;	/* last entry of the page before, "" for the first */
	char last[520]; /* last entry taken: an alias, or a tag key of 128 characters in UTF-8 */
	int64_t room;	/* entries that still fit */
	bool truncated;
	struct json_object *entries; /* owned array */
};

int page_begin_named(struct page *page, struct json_object *params, const char *limit, int64_t most,
		     int64_t fallback, struct fault *f);

int page_begin(struct page *page, struct json_object *params, int64_t most, int64_t fallback,
	       struct fault *f);

int page_add(struct page *page, const char *name, struct json_object *entry);

void page_move(struct page *page, struct json_object *reply, const char *name, const char *marker);

void page_end(struct page *page, struct json_object *reply, const char *name);

void page_free(struct page *page);
#define _cleanup_page_ __attribute__((cleanup(page_free)))

#endif
