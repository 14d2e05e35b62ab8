/* SPDX-License-Identifier: MIT */
/*
 * The operators of conditions: StringEquals and its kin.
 *
 * Must never hold for a value of the request that the operator cannot read, unless it is negated.
 */
#ifndef ENVELOPE_KMS_POLICY_COMPARISON_H
#define ENVELOPE_KMS_POLICY_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct comparison - an operator
 * @name: without prefix and suffix
 * @matches: a value of the request with one of the policy; NULL for Null
 * @negated: holds where @matches does not
 * @reads: can the operator read a value of the policy? NULL: each one
 */
struct comparison {
	const char *name;
	bool (*matches)(const char *text, const char *wanted);
	bool negated;
	bool (*reads)(const char *wanted);
};

const struct comparison *comparison_find(const char *name, size_t size);

#endif
