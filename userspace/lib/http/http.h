/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server: libmicrohttpd on one listening socket, driven by sd-event, single threaded.
 *
 * Must never speak plain HTTP over TCP.
 */
#ifndef ENVELOPE_KMS_HTTP_H
#define ENVELOPE_KMS_HTTP_H

#include <systemd/sd-event.h>

#include "kms/call.h"
#include "lib/base/fault.h"
#include "lib/http/tls.h"

struct http;

/**
 * http_new() - serve @fd
 * @event: loop
 * @kms: borrowed
 * @fd: listening socket, non-blocking; ownership passes also on failure
 * @transport: of the socket
 * @tls: certificate, for TRANSPORT_TLS; borrowed
 *
 * Return: 0 or -1.
 */
int http_new(sd_event *event, struct kms *kms, int fd, enum transport transport,
	     const struct tls *tls, struct http **http, struct fault *f);

/** http_free() - stop serving, close all */
void http_free(struct http *http);

#endif
