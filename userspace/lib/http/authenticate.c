// SPDX-License-Identifier: MIT
/*
 * Authenticating a request.
 */

#include "lib/http/authenticate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

/* Return: the served region that is @region, or NULL */
static const char *served(const struct authenticator *authenticator, const char *region)
{
	for (char *const *at = authenticator->regions; *at; at++)
		if (!strcmp(*at, region))
			return *at;
	return authenticator->global && !strcmp(authenticator->global, region)
		       ? authenticator->global
		       : NULL;
}

static int not_served(char *const regions[], const char *region, struct fault *f)
{
	char all[256] = "";
	size_t size = 0;

	for (; *regions && size < sizeof(all); regions++)
		size += (size_t)snprintf(all + size, sizeof(all) - size, "%s'%s'", size ? ", " : "",
					 *regions);
	return fault_set(f, "InvalidSignatureException",
			 "Credential should be scoped to a valid region, not '%.64s'. This endpoint serves %s.",
			 region, all);
}

/**
 * authenticate() - find the principal and verify the signature
 * @now: seconds since the epoch
 * @out: filled as far as the request was understood, also on failure
 * @f: UnrecognizedClientException, or as sigv4_parse(), sigv4_verify() and @authenticator's find
 *
 * Return: 0 or -1.
 */
int authenticate(const struct http_request *request, const struct authenticator *authenticator,
		 int64_t now, struct authentication *out, struct fault *f)
{
	struct sigv4_authorization authorization;
	const struct principal *principal;
	const char *region;
	int r;

	*out = (struct authentication){ 0 };
	if (sigv4_parse(request, &authorization, f))
		return -1;
	memcpy(out->access_key, authorization.access_key, sizeof(out->access_key));
	utf8_clean(out->access_key);
	r = authenticator->find(authorization.access_key, authenticator->userdata, &principal, f);
	if (r == -ENOENT)
		return fault_set(f, "UnrecognizedClientException",
				 "The security token included in the request is invalid.");
	if (r)
		return -1;
	region = served(authenticator, authorization.region);
	if (!region)
		return not_served(authenticator->regions, authorization.region, f);
	if (sigv4_verify(request, &authorization, principal->secret_key, region,
			 authenticator->service, now, f))
		return -1;
	memcpy(out->signature, authorization.signature, sizeof(out->signature));
	out->expires = sigv4_expires(&authorization);
	out->principal = principal;
	out->region = region;
	return 0;
}
