/* SPDX-License-Identifier: MIT */
/*
 * Verification of AWS Signature Version 4 in the Authorization header of a POST to "/" without a
 * query. A service serves no other request (http_posts_to_root()). No library verifies signatures
 * on the server's side, so this is our own, after "Create a signed AWS API request" of the IAM user
 * guide.
 *
 * Must never accept a request with an X-Amz-* header that is not signed, and must never compare a
 * signature other than in constant time.
 */
#ifndef ENVELOPE_SIGV4_H
#define ENVELOPE_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/http/request.h"

#define SIGV4_SKEW_SECONDS 300

struct sigv4_authorization {
	char access_key[132];
	char date[9]; /* 20150830 */
	char region[32];
	char service[32];
	char signed_headers[2048]; /* "host;x-amz-date" */
	char signature[65];	   /* hex, lower case */
	char time[17];		   /* X-Amz-Date: 20150830T123600Z */
};

int sigv4_parse(const struct http_request *request, struct sigv4_authorization *authorization,
		struct fault *f);

int64_t sigv4_expires(const struct sigv4_authorization *authorization);

int sigv4_verify(const struct http_request *request,
		 const struct sigv4_authorization *authorization, const struct secret *secret_key,
		 const char *region, const char *service, int64_t now, struct fault *f);

#endif
