// SPDX-License-Identifier: MIT
/*
 * Authenticating a request.
 */

#include "lib/http/authenticate.h"

#include <string.h>

#include "lib/base/utf8.h"

/**
 * authenticate() - find the principal and verify the signature
 * @principals: the service's
 * @region: the request must be signed for it
 * @service: the request must be signed for it: "kms", "rds"
 * @now: seconds since the epoch
 * @out: filled as far as the request was understood, also on failure
 * @f: UnrecognizedClientException, or as sigv4_parse() and sigv4_verify()
 *
 * Return: 0 or -1.
 */
int authenticate(const struct http_request *request, const struct principals *principals,
		 const char *region, const char *service, int64_t now, struct authentication *out,
		 struct fault *f)
{
	struct sigv4_authorization authorization;
	const struct principal *principal;

	*out = (struct authentication){ 0 };
	if (sigv4_parse(request, &authorization, f))
		return -1;
	memcpy(out->access_key, authorization.access_key, sizeof(out->access_key));
	utf8_clean(out->access_key);
	principal = principal_find(principals, authorization.access_key);
	if (!principal)
		return fault_set(f, "UnrecognizedClientException",
				 "The security token included in the request is invalid.");
	if (sigv4_verify(request, &authorization, principal->secret_key, region, service, now, f))
		return -1;
	memcpy(out->signature, authorization.signature, sizeof(out->signature));
	out->expires = sigv4_expires(&authorization);
	out->principal = principal;
	return 0;
}
