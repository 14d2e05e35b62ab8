/* SPDX-License-Identifier: MIT */
/*
 * Typed and bounded reads of request parameters, with AWS's faults.
 *
 * Must never quote a value in a fault other than numbers and names: it may be plaintext.
 */
#ifndef ENVELOPE_KMS_PARAMS_H
#define ENVELOPE_KMS_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

/**
 * param_text() - optional string
 * @max: characters
 * @text: set to it (borrowed), or NULL when absent
 * @f: SerializationException, ValidationException
 *
 * Return: 0 or -1.
 */
int param_text(struct json_object *params, const char *name, size_t max, const char **text,
	       struct fault *f);

/** param_need_text() - as param_text(), but it must be there and not be empty */
int param_need_text(struct json_object *params, const char *name, size_t max, const char **text,
		    struct fault *f);

/** param_choice() - optional string that must be @only when it is there; Return: 0 or -1 */
int param_choice(struct json_object *params, const char *name, const char *only, struct fault *f);

/** param_number() - optional integer from @least to @most, else @fallback; Return: 0 or -1 */
int param_number(struct json_object *params, const char *name, int64_t least, int64_t most,
		 int64_t fallback, int64_t *number, struct fault *f);

/** param_flag() - optional boolean, false when absent; Return: 0 or -1 */
int param_flag(struct json_object *params, const char *name, bool *flag, struct fault *f);

/** param_blob() - required base64 of 1 to @max bytes in malloc'd @bytes; Return: 0 or -1 */
int param_blob(struct json_object *params, const char *name, size_t max, uint8_t **bytes,
	       size_t *size, struct fault *f);

/** param_secret() - as param_blob(), into locked memory */
int param_secret(struct json_object *params, const char *name, size_t max, struct secret **secret,
		 struct fault *f);

/** param_refuse() - a parameter AWS has and this KMS does not; Return: 0 when absent, else -1 */
int param_refuse(struct json_object *params, const char *name, struct fault *f);

#endif
