/* SPDX-License-Identifier: MIT */
/*
 * What a service gives the HTTP server.
 */
#ifndef ENVELOPE_HTTP_SERVICE_H
#define ENVELOPE_HTTP_SERVICE_H

#include "lib/http/request.h"

struct http_service { /* borrowed by each server of the service */
	const char *content_type;
	uid_t favoured; /* unix only: user that may hold all connections; (uid_t)-1 for none */
	/* Fills @response, zeroed before. @request is whole and within the server's limits. */
	void (*handle)(const struct http_request *request, struct http_response *response,
		       void *userdata);
	/* Makes the body of a refusal: HTTP_TOO_LARGE or HTTP_MANY_HEADERS. Returns malloc'd text. */
	char *(*refuse)(unsigned int status);
	/*
	 * A request was refused before @handle saw it: HTTP_TOO_LARGE, HTTP_MANY_HEADERS, or
	 * HTTP_BAD_REQUEST from the strict reader.
	 */
	void (*refused)(unsigned int status, void *userdata);
	void *userdata;
};

#endif
