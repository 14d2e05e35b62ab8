// SPDX-License-Identifier: MIT
/*
 * Authenticating a request.
 */

#include "lib/http/authenticate.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

/* Return: the one of @regions that is @region, or NULL */
static const char *served(char *const regions[], const char *region)
{
	for (; *regions; regions++)
		if (!strcmp(*regions, region))
			return *regions;
	return NULL;
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
 * @principals: the service's
 * @regions: up to NULL; the request must be signed for one of them
 * @service: the request must be signed for it: "kms", "rds"
 * @now: seconds since the epoch
 * @out: filled as far as the request was understood, also on failure
 * @f: UnrecognizedClientException, or as sigv4_parse() and sigv4_verify()
 *
 * Return: 0 or -1.
 */
int authenticate(const struct http_request *request, const struct principals *principals,
		 char *const regions[], const char *service, int64_t now,
		 struct authentication *out, struct fault *f)
{
	struct sigv4_authorization authorization;
	const struct principal *principal;
	const char *region;

	*out = (struct authentication){ 0 };
	if (sigv4_parse(request, &authorization, f))
		return -1;
	memcpy(out->access_key, authorization.access_key, sizeof(out->access_key));
	utf8_clean(out->access_key);
	principal = principal_find(principals, authorization.access_key);
	if (!principal)
		return fault_set(f, "UnrecognizedClientException",
				 "The security token included in the request is invalid.");
	region = served(regions, authorization.region);
	if (!region)
		return not_served(regions, authorization.region, f);
	if (sigv4_verify(request, &authorization, principal->secret_key, region, service, now, f))
		return -1;
	memcpy(out->signature, authorization.signature, sizeof(out->signature));
	out->expires = sigv4_expires(&authorization);
	out->principal = principal;
	out->region = region;
	return 0;
}
