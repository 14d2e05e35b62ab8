/* SPDX-License-Identifier: MIT */
/*
 * What libmicrohttpd receives, read by head.c first. libmicrohttpd 0.9.75 has no hook for it, and
 * takes a bare line feed, NUL and two Content-Lengths.
 *
 * Must never touch a descriptor that receive_watch() does not know.
 */
#ifndef ENVELOPE_HTTP_RECEIVE_H
#define ENVELOPE_HTTP_RECEIVE_H

#include "lib/http/http_service.h"

int receive_watch(int fd, enum transport transport, const struct http_service *service);

void receive_forget(int fd);

#endif
