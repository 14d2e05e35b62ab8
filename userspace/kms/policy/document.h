/* SPDX-License-Identifier: MIT */
/*
 * A policy: the document that PutKeyPolicy and PutUserPolicy take, read once and checked in full.
 *
 *	document	the JSON text becomes a struct policy, or a fault that names the place
 *	statement	what a statement is made of, and the places in faults
 *	principal	the elements Principal and NotPrincipal
 *	condition	the element Condition
 *	pattern		wildcards of actions, resources and conditions
 *	value		numbers, dates, addresses and bytes of conditions
 *	evaluate	(policy, request) -> allow, account, deny or none
 *	decision	(policy of the key, policies of the caller, grants) -> allowed or denied
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

/**
 * enum policy_kind - what a policy belongs to
 * @POLICY_OF_KEY: each statement names its principals
 * @POLICY_OF_USER: each statement is about the user, and names no principal
 */
enum policy_kind {
	POLICY_OF_KEY,
	POLICY_OF_USER,
};

struct policy { /* owner: who called policy_parse(); policy_free() */
	struct json_object *json;
	struct statement *statements; /* malloc'd */
	size_t count;
};

int policy_parse(const char *text, enum policy_kind kind, struct policy **policy, struct fault *f);

void policy_free(struct policy *policy);

void policy_freep(struct policy **policy);
#define _cleanup_policy_ __attribute__((cleanup(policy_freep)))

#endif
