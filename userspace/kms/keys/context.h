/* SPDX-License-Identifier: MIT */
/*
 * The encryption context: name-value pairs that are bound to a ciphertext without being secret.
 *
 * Must never treat two different contexts alike, nor one context in two orders differently.
 */
#ifndef ENVELOPE_KMS_CONTEXT_H
#define ENVELOPE_KMS_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

#define CONTEXT_MAX 8192 /* bytes of all names and values */

struct context {
	uint8_t *bytes; /* malloc'd canonical form; NULL when empty */
	size_t size;
};

void context_free(struct context *context);
#define _cleanup_context_ __attribute__((cleanup(context_free)))

int context_read(struct json_object *params, const char *name, struct context *context,
		 struct fault *f);

#endif
