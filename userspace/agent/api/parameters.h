/* SPDX-License-Identifier: MIT */
/* The parameters of a varlink call, checked against what the method takes. */
#ifndef ENVELOPE_PARAMETERS_H
#define ENVELOPE_PARAMETERS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/fault.h"

enum parameter_kind {
	PARAMETER_STRING,
	PARAMETER_BOOL,
	PARAMETER_INT
};

/**
 * struct parameter - one parameter of a method
 * @name: as in the interface
 * @kind: its type
 * @required: missing or null is an error
 */
struct parameter {
	const char *name;
	enum parameter_kind kind;
	bool required;
};

const char *parameters_check(json_object *params, const struct parameter *table, size_t count);
int parameters_line(const char *name, const char *text, size_t most, struct fault *f);

#endif
