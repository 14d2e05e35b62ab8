/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: libmicrohttpd on one listening socket, driven by sd-event, single threaded.
 * A service plugs in with struct http_service (http_service.h).
 *
 * A strict reader (head.h) stands before libmicrohttpd.
 *
 * Must never speak plain HTTP over TCP.
 */
#ifndef ENVELOPE_HTTP_H
#define ENVELOPE_HTTP_H

#include <systemd/sd-event.h>

#include "lib/base/fault.h"
#include "lib/http/http_service.h"
#include "lib/http/tls.h"

struct http;

int http_new(sd_event *event, const struct http_service *service, int fd, enum transport transport,
	     const struct tls *tls, struct http **http, struct fault *f);

int http_renew(struct http **http, const struct tls *tls, struct fault *f);

void http_free(struct http *http);

#endif
