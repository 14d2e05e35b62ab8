/* SPDX-License-Identifier: MIT */
/*
 * One request to a server that gives credentials: STS, a container's host, an instance's metadata.
 *
 * Must never follow a redirect: the request carries a token. Must never log an answer.
 */
#ifndef ENVELOPE_WORKER_CREDENTIAL_HTTP_H
#define ENVELOPE_WORKER_CREDENTIAL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/config.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/kms/proxy.h"

/**
 * struct credential_request - all borrowed
 * @method: "GET", "PUT", "POST"
 * @header: name with colon and space, and @header_value; or NULL
 * @body: of a POST, a form; or NULL
 * @sign: sign for STS of @region with these; or NULL
 * @ca_pem: certificates to trust, NULL for the system's
 * @proxy: NULL for none
 * @end_ms: of CLOCK_MONOTONIC; the request is given up then
 * @cancelled: called about once a second; true gives up
 */
struct credential_request {
	const char *method;
	const char *url;
	const char *header;
	const char *header_value;
	const char *body;
	const struct credentials *sign;
	const char *region;
	const char *ca_pem;
	const struct proxy *proxy;
	int64_t end_ms;
	bool (*cancelled)(void);
};

int64_t credential_now_ms(void);

struct secret *credential_http(const struct credential_request *request, struct fault *f);

#endif
