/* SPDX-License-Identifier: MIT */
/*
 * Verification of AWS Signature Version 4 in the Authorization header of a POST to "/" without
 * query, the only request the KMS serves. No library verifies on the server's side, so this is our
 * own, after "Create a signed AWS API request" of the IAM user guide.
 *
 * Must never accept a request with an X-Amz-* header that is not signed, and must never compare a
 * signature other than in constant time.
 */
#ifndef ENVELOPE_KMS_SIGV4_H
#define ENVELOPE_KMS_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

#define SIGV4_SKEW_SECONDS 300
#define SIGV4_HEADERS_MAX  64

struct sigv4_header {
	const char *name; /* any case */
	const char *value;
};

struct sigv4_request {
	const struct sigv4_header *headers;
	size_t header_count;
	const uint8_t *body;
	size_t body_size;
};

struct sigv4_authorization {
	char access_key[132];
	char date[9]; /* 20150830 */
	char region[32];
	char service[32];
	char signed_headers[2048]; /* "host;x-amz-date" */
	char signature[65];	   /* hex, lower case */
	char time[17];		   /* X-Amz-Date: 20150830T123600Z */
};

/**
 * sigv4_parse() - read the Authorization and X-Amz-Date headers
 * @f: MissingAuthenticationTokenException, IncompleteSignatureException,
 *	UnrecognizedClientException
 *
 * Return: 0 or -1.
 */
int sigv4_parse(const struct sigv4_request *request, struct sigv4_authorization *authorization,
		struct fault *f);

/**
 * sigv4_verify() - check scope, time and signature
 * @authorization: of sigv4_parse()
 * @secret_key: of the access key it names
 * @region: the scope must name
 * @service: the scope must name
 * @now: seconds since the epoch
 * @f: InvalidSignatureException
 *
 * Return: 0 or -1.
 */
int sigv4_verify(const struct sigv4_request *request,
		 const struct sigv4_authorization *authorization, const struct secret *secret_key,
		 const char *region, const char *service, int64_t now, struct fault *f);

#endif
