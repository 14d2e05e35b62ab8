/* SPDX-License-Identifier: MIT */
/*
 * The evaluation of a policy.
 *
 * A pure function: no clock, no store, no allocation, no failure.
 */
#ifndef ENVELOPE_KMS_POLICY_EVALUATE_H
#define ENVELOPE_KMS_POLICY_EVALUATE_H

#include "kms/policy/document.h"
#include "kms/policy/request.h"

enum verdict {
	VERDICT_NONE,	 /* no statement is about the request: no access */
	VERDICT_ACCOUNT, /* a statement allows the request to the caller's account as a whole */
	VERDICT_ALLOW,	 /* a statement allows the request to the caller, and none denies it */
	VERDICT_DENY,	 /* a statement denies the request */
};

enum verdict policy_evaluate(const struct policy *policy, const struct policy_request *request);

#endif
