/* SPDX-License-Identifier: MIT */
/*
 * A signed request of the tests of Signature Version 4, which a test may change before it is verified.
 */
#ifndef ENVELOPE_SIGV4_FIXTURE_H
#define ENVELOPE_SIGV4_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/http/request.h"

#define SECRET	    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define WHEN	    "20150830T123600Z"
#define NOW	    1440938160 /* the same moment */
#define HEADERS_MAX 8

struct vector {
	const char *name;
	const char *service;
	struct http_header extra[4];
	const char *signed_headers;
	const char *body;
	const char *signature;
};

struct message { /* a request that a test may change before it is verified */
	struct http_header headers[HEADERS_MAX];
	size_t count;
	char authorization[512];
	char body[128];
	const char *region;
	const char *service;
	const char *secret;
	int64_t now;
};

void put(struct message *m, const char *name, const char *value);

void build(struct message *m, const struct vector *v);

int verify(struct message *m, struct fault *f);

#endif
