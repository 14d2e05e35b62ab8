/* SPDX-License-Identifier: MIT */
/*
 * A key policy: the document that PutKeyPolicy takes, read once and checked in full.
 *
 *	document	the JSON text becomes a struct policy, or a fault that names the place
 *	statement	what a statement is made of, and the places in faults
 *	principal	the elements Principal and NotPrincipal
 *	condition	the element Condition
 *	pattern		wildcards of actions, resources and conditions
 *	value		numbers, dates, addresses and bytes of conditions
 *	evaluate	(policy, request) -> allow, deny or none
 *
 * Reading is strict: an element, a condition key or an operator that this KMS does not evaluate is
 * refused. If it were ignored, a statement would mean something else here than in AWS.
 */
#ifndef ENVELOPE_KMS_POLICY_DOCUMENT_H
#define ENVELOPE_KMS_POLICY_DOCUMENT_H

#include <json-c/json.h>

#include "kms/policy/statement.h"
#include "lib/base/fault.h"

#define POLICY_MAX 32768 /* bytes, as AWS */

struct policy { /* owner: who called policy_parse(); policy_free() */
	struct json_object *json;
	struct statement *statements; /* malloc'd */
	size_t count;
};

int policy_parse(const char *text, struct policy **policy, struct fault *f);

void policy_free(struct policy *policy);

void policy_freep(struct policy **policy);
#define _cleanup_policy_ __attribute__((cleanup(policy_freep)))

#endif
