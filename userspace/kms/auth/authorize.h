/* SPDX-License-Identifier: MIT */
/*
 * The one place that decides whether a principal may perform an action.
 *
 * Each call asks once for each key it uses: key_lookup() does. An operation without a key asks
 * about "*", one that changes an alias asks about the alias too. A condition of a policy or a grant
 * is decided from struct access alone, so a new condition is a new member.
 *
 * Must never be bypassed.
 */
#ifndef ENVELOPE_KMS_AUTHORIZE_H
#define ENVELOPE_KMS_AUTHORIZE_H

#include <json-c/json.h>

#include "kms/call.h"
#include "kms/keys/cmk.h"

struct access {				   /* everything is borrowed from the call */
	const struct principal *principal; /* NULL: not authenticated */
	const char *action;		   /* "Decrypt" */
	const struct cmk *key;		   /* NULL: no key, or a key that does not exist */
	const char *account;		   /* that the resource belongs to */
	const char *resource;		   /* ARN as the caller named it, or "*" */
	struct json_object *context;	   /* encryption context, unchecked; NULL for none */
	const char *source;		   /* client's address */
	enum transport transport;
};

struct access access_of(const struct call *call);

int authorize(const struct access *access, struct fault *f);

#endif
