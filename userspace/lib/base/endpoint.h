/* SPDX-License-Identifier: MIT */
/*
 * The address of a server, in the configuration or in the environment. One judge: a check, a reload and
 * a call must agree.
 *
 * Must never repeat an address with user information: it may hold a password.
 */
#ifndef ENVELOPE_ENDPOINT_H
#define ENVELOPE_ENDPOINT_H

#include <stddef.h>

#include "lib/base/fault.h"

#define ENDPOINTS_MAX 8

/** enum endpoint_kind - what an address is for */
enum endpoint_kind {
	ENDPOINT_SERVER,   /* a KMS or a proxy: no path */
	ENDPOINT_SOURCE,   /* of credentials: a secret goes there */
	ENDPOINT_METADATA, /* of the instance */
};

const char *endpoint_socket(const char *text);
size_t endpoint_count(const char *text);
char *endpoint_at(const char *text, size_t number);
int endpoint_check(const char *text, struct fault *f);
int endpoint_check_proxy(const char *text, struct fault *f);
int endpoint_check_source(const char *key, const char *text, enum endpoint_kind kind,
			  struct fault *f);
char *endpoint_host(const char *text);

#endif
