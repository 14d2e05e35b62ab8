// SPDX-License-Identifier: MIT
/* See grant_rules.h. */
#include "kms/grants/grant_rules.h"

#include <string.h>

#include "lib/base/json.h"

/* A grant to an account is one to each of its users whose policies allow the request. */
static bool is_caller(const char *principal, const struct grant_request *request)
{
	return !strcmp(principal, request->principal) ||
	       (request->root && !strcmp(principal, request->root));
}

static bool same_value(struct json_object *context, const char *name, struct json_object *value)
{
	struct json_object *other;

	return json_find(context, name, &other) && json_object_equal(value, other);
}

/* Has @context each pair of @part? Names and values have a case. */
static bool contains(struct json_object *context, struct json_object *part)
{
	json_object_object_foreach(part, name, value) {
		if (!context || !same_value(context, name, value))
			return false;
	}
	return true;
}

static bool constraint_holds(const struct grant *grant, struct json_object *context)
{
	if (grant->constraint == CONSTRAINT_NONE)
		return true;
	if (!contains(context, grant->context))
		return false;
	return grant->constraint == CONSTRAINT_SUBSET ||
	       json_object_object_length(context) == json_object_object_length(grant->context);
}

/* Is the constraint of @made at least as strict as the one of @grant? */
static bool is_as_strict(const struct grant *made, const struct grant *grant)
{
	if (grant->constraint == CONSTRAINT_NONE)
		return true;
	if (made->constraint == CONSTRAINT_NONE ||
	    (grant->constraint == CONSTRAINT_EQUALS && made->constraint != CONSTRAINT_EQUALS))
		return false;
	return constraint_holds(grant, made->context);
}

/**
 * grant_allows() - does @grant allow @request?
 *
 * A constraint does not apply to DescribeKey, which has no encryption context. A grant with
 * CreateGrant allows grants of its own operations under constraints that are at least as strict.
 */
bool grant_allows(const struct grant *grant, const struct grant_request *request)
{
	if (strcmp(grant->key_id, request->key_id) || !is_caller(grant_grantee(grant), request) ||
	    !(grant->operations & request->operation))
		return false;
	switch (request->operation) {
	case GRANT_DESCRIBE_KEY:
		return true;
	case GRANT_RETIRE_GRANT:
		return false; /* see grant_may_retire() */
	case GRANT_CREATE_GRANT:
		return request->made && !(request->made->operations & ~grant->operations) &&
		       is_as_strict(request->made, grant);
	default:
		return constraint_holds(grant, request->context);
	}
}

/** grant_may_retire() - does @grant itself let the caller of @request retire it? */
bool grant_may_retire(const struct grant *grant, const struct grant_request *request)
{
	return is_caller(grant_retiring(grant), request) ||
	       ((grant->operations & GRANT_RETIRE_GRANT) &&
		is_caller(grant_grantee(grant), request));
}
