/* SPDX-License-Identifier: MIT */
/*
 * A statement of a policy, and what its elements share: lists of strings, and places in faults.
 *
 * Must never hold a string that does not belong to the JSON of its policy.
 */
#ifndef ENVELOPE_KMS_POLICY_STATEMENT_H
#define ENVELOPE_KMS_POLICY_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

struct condition;

/* A string or a list of strings of the document. The strings belong to the policy's JSON. */
struct texts {
	const char **list; /* malloc'd */
	size_t count;
};

struct statement { /* owned by its policy */
	bool denies;
	bool of_user;	    /* of a user's policy: no principals */
	bool not_principal; /* the element is NotPrincipal; so with the others */
	bool not_action;
	bool not_resource;
	struct texts principals; /* of type AWS, and "*" */
	struct texts actions;
	struct texts resources;
	struct condition *conditions; /* malloc'd */
	size_t condition_count;
};

/* The place of an element, for faults: "Statement 2, Condition". */
struct place {
	size_t statement; /* from 1; 0: outside of the statements */
	const char *element;
};

int policy_malformed(const struct place *place, struct fault *f, const char *what);

int policy_texts(struct json_object *value, const struct place *place, struct texts *texts,
		 struct fault *f);

#endif
