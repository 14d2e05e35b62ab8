/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: libmicrohttpd on one listening socket, driven by sd-event, single threaded.
 * A service plugs in with struct http_service.
 *
 * A strict reader (head.h) stands before libmicrohttpd.
 *
 * Must never speak plain HTTP over TCP.
 */
#ifndef ENVELOPE_HTTP_H
#define ENVELOPE_HTTP_H

#include <systemd/sd-event.h>

#include "lib/base/fault.h"
#include "lib/http/request.h"
#include "lib/http/tls.h"

struct http;

struct http_service { /* borrowed by each server of the service */
	const char *content_type;
	uid_t favoured; /* unix only: user that may hold all connections; (uid_t)-1 for none */
	/* Fills @response, zeroed before. @request is whole and within the server's limits. */
	void (*handle)(const struct http_request *request, struct http_response *response,
		       void *userdata);
	/* Makes the body of a refusal: HTTP_TOO_LARGE or HTTP_MANY_HEADERS. Returns malloc'd text. */
	char *(*refuse)(unsigned int status);
	void *userdata;
};

int http_new(sd_event *event, const struct http_service *service, int fd, enum transport transport,
	     const struct tls *tls, struct http **http, struct fault *f);

int http_renew(struct http **http, const struct tls *tls, struct fault *f);

void http_free(struct http *http);

#endif
