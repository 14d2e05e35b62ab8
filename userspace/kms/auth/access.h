/* SPDX-License-Identifier: MIT */
/*
 * What a caller wants to do, as authorize() and the policies of keys see it.
 *
 * Must never hold more than a decision reads.
 */
#ifndef ENVELOPE_KMS_ACCESS_H
#define ENVELOPE_KMS_ACCESS_H

#include <json-c/json.h>

#include "kms/call.h"
#include "kms/grants/grant.h"
#include "kms/keys/cmk.h"

struct user;

struct access {				   /* everything is borrowed from the call */
	const struct principal *principal; /* NULL: not authenticated */
	const struct user *user;	   /* whose policies the principal has; NULL: none */
	const char *service;		   /* "kms" or "iam" */
	const char *action;		   /* "Decrypt" */
	const struct cmk *key;		   /* NULL: no key, or a key that does not exist */
	const char *account;		   /* that the resource belongs to */
	const char *resource;		   /* ARN as the caller named it, or "*" */
	struct json_object *context;	   /* encryption context, checked; NULL for none */
	const struct grant *grant;	   /* that the call would make or retire; NULL for none */
	int64_t rotation_days;		   /* RotationPeriodInDays of the request; 0 for none */
	struct store *grants;		   /* with the grants of the key; NULL for none */
	const char *source;		   /* client's address */
	int64_t now;			   /* seconds since the epoch */
	enum transport transport;
};

struct access access_of(const struct call *call);

#endif
