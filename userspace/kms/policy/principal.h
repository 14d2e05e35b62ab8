/* SPDX-License-Identifier: MIT */
/*
 * The elements Principal and NotPrincipal.
 *
 * Must never take a wildcard inside of an ARN: AWS refuses it, since it would admit later users.
 */
#ifndef ENVELOPE_KMS_POLICY_PRINCIPAL_H
#define ENVELOPE_KMS_POLICY_PRINCIPAL_H

#include "kms/policy/request.h"
#include "kms/policy/statement.h"

int principal_read(struct json_object *o, size_t number, struct statement *statement,
		   struct fault *f);

bool principal_is_arn(const char *text);

/**
 * enum named - how a statement names the caller
 * @NAMED_NOT: the statement is not about the caller
 * @NAMED_ACCOUNT: by its account as a whole
 * @NAMED_DIRECTLY: as itself, by its role, or with everybody
 */
enum named {
	NAMED_NOT,
	NAMED_ACCOUNT,
	NAMED_DIRECTLY,
};

enum named principal_named(const struct statement *statement, const struct policy_request *request);

#endif
