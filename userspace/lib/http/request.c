// SPDX-License-Identifier: MIT
/*
 * Reading a request.
 */

#include "lib/http/request.h"

#include <string.h>
#include <strings.h>

/**
 * http_header() - value of the first header @name, in any case
 *
 * Return: borrowed, or NULL.
 */
const char *http_header(const struct http_request *request, const char *name)
{
	size_t i;

	for (i = 0; i < request->header_count; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

/** http_posts_to_root() - true for a POST to "/" without a query: every call of an AWS JSON API */
bool http_posts_to_root(const struct http_request *request)
{
	return !strcmp(request->method, "POST") && !strcmp(request->path, "/") &&
	       !request->has_query;
}
