/* SPDX-License-Identifier: MIT */
/*
 * From a signed request to the principal that signed it.
 *
 * Must never name a principal before its signature is verified.
 */
#ifndef ENVELOPE_AUTHENTICATE_H
#define ENVELOPE_AUTHENTICATE_H

#include "lib/http/principal.h"
#include "lib/http/request.h"
#include "lib/http/sigv4.h"

struct authentication {
	char access_key[132]; /* as the request claims it, for the audit; "" when it claims none */
	char signature[65];   /* of the principal, which no other request has */
	int64_t expires;      /* the signature is refused after this second */
	const struct principal *principal; /* borrowed; NULL unless the signature is good */
	const char *region;		   /* of @regions, that it is signed for; as @principal */
};

/**
 * struct authenticator - who may sign, and for what
 * @find: with @userdata
 * @regions: up to NULL; the request must be signed for one of them, or for @global
 * @service: the request must be signed for it: "kms", "rds"
 */
struct authenticator {
	principal_find_t find;
	void *userdata;
	char *const *regions;
	const char *global; /* the region of a service without regions, beside @regions; or NULL */
	const char *service;
};

int authenticate(const struct http_request *request, const struct authenticator *authenticator,
		 int64_t now, struct authentication *out, struct fault *f);

#endif
