/* SPDX-License-Identifier: MIT */
/*
 * A second signer of AWS Signature Version 4, to compare the verifier with.
 *
 * Must never call a function of the code that it is compared with.
 */
#ifndef ENVELOPE_FUZZ_REFERENCE_SIGNATURE_H
#define ENVELOPE_FUZZ_REFERENCE_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/http/request.h"

/** struct reference - what is right for a request */
struct reference {
	bool in_order;	    /* with the right signature the request is accepted */
	char signature[65]; /* the right one */
};

bool reference_is_signed(const char *list, const char *name);

struct reference reference_sign(const struct http_request *request, const char *secret,
				const char *region, const char *service, int64_t now);

#endif
