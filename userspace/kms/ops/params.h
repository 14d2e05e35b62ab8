/* SPDX-License-Identifier: MIT */
/*
 * Typed and bounded reads of request parameters, with AWS's faults.
 *
 * Must never quote a value in a fault, except numbers and names: it may be plaintext.
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
 * struct choice - an enum of which this KMS has one value
 * @served: the value
 * @others: values that AWS has, NULL at the end
 * @code: the fault for one of @others
 */
struct choice {
	const char *served;
	const char *const *others;
	const char *code;
};

int param_free_text(struct json_object *params, const char *name, size_t max, const char **text,
		    struct fault *f);

int param_text(struct json_object *params, const char *name, size_t max, const char **text,
	       struct fault *f);

int param_need_text(struct json_object *params, const char *name, size_t max, const char **text,
		    struct fault *f);

int param_choice(struct json_object *params, const char *name, const struct choice *choice,
		 struct fault *f);

int param_number(struct json_object *params, const char *name, int64_t least, int64_t most,
		 int64_t fallback, int64_t *number, struct fault *f);

int param_flag(struct json_object *params, const char *name, bool *flag, struct fault *f);

int param_blob(struct json_object *params, const char *name, size_t max, uint8_t **bytes,
	       size_t *size, struct fault *f);

int param_secret(struct json_object *params, const char *name, size_t max, struct secret **secret,
		 struct fault *f);

int param_texts(struct json_object *params, const char *name, size_t most, size_t chars,
		struct json_object **list, struct fault *f);

int param_invalid(struct fault *f, const char *name, const char *constraint);

int param_refuse(struct json_object *params, const char *name, struct fault *f);

#endif
