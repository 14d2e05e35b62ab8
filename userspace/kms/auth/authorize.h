/* SPDX-License-Identifier: MIT */
/*
 * authorize() alone decides whether a principal may perform an action.
 *
 * key_lookup() calls authorize() once for each key of a call. A call without a key asks about "*".
 * A call that changes an alias asks about the alias too. authorize() reads struct access alone. A
 * new condition of a policy or a grant therefore needs a new member of struct access. access_of()
 * fills the members that each call has, ask() in key_lookup.c those of the key.
 *
 * No call may bypass authorize().
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
