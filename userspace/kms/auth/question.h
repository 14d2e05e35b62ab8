/* SPDX-License-Identifier: MIT */
/*
 * What an access asks a policy: the request that policy_evaluate() reads, with all facts that a
 * condition may ask for.
 *
 * Must never leave out such a fact.
 */
#ifndef ENVELOPE_KMS_QUESTION_H
#define ENVELOPE_KMS_QUESTION_H

#include <stdbool.h>

#include "kms/auth/access.h"
#include "kms/policy/request.h"

/* What policy_evaluate() reads, and what owns it. */
struct question {
	struct policy_request request;
	struct policy_fact *facts;	/* malloc'd */
	size_t context_end;		/* behind the facts of the context */
	struct json_object *operations; /* of the grant that the call would make; a reference */
	char *names; /* malloc'd: names of facts of the context, one after the other */
	char action[80], principal[USER_ARN_MAX], arn[ARN_MAX], time[32], epoch[24], days[24];
};

int question_fill(struct question *question, const struct access *access);

void question_free(struct question *question);
#define _cleanup_question_ __attribute__((cleanup(question_free)))

bool question_is_ambiguous(const struct question *question);

#endif
