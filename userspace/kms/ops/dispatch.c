// SPDX-License-Identifier: MIT
/*
 * Handling one call.
 *
 * Must never let a fault carry a partial reply, nor keep a change that is not recorded.
 */

#include "kms/ops/dispatch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/audit/audit.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "kms/ops/ops.h"

#define TARGET_PREFIX	  "TrentService."

#define HTTP_OK		  200
#define HTTP_BAD_REQUEST  400
#define HTTP_SERVER_ERROR 500

static unsigned int http_status(const struct fault *f)
{
	return strcmp(f->code, "KMSInternalException") == 0 ? HTTP_SERVER_ERROR : HTTP_BAD_REQUEST;
}

/* Takes the operation out of the target; only letters, since it is written to the audit. */
static const struct op *read_target(struct call *call, const char *target, struct fault *f)
{
	const struct op *op = NULL;
	const char *name = target;
	size_t i;

	snprintf(call->operation, sizeof(call->operation), "Unknown");
	if (target && strncmp(target, TARGET_PREFIX, strlen(TARGET_PREFIX)) == 0) {
		name += strlen(TARGET_PREFIX);
		for (i = 0; isalpha((unsigned char)name[i]); i++)
			;
		if (i > 0 && i < sizeof(call->operation) && name[i] == '\0') {
			memcpy(call->operation, name, i + 1);
			op = op_find(name);
		}
	}
	if (!op)
		fault_set(f, "UnknownOperationException", "This KMS has no operation '%.64s'.",
			  target ? target : "");
	return op;
}

static int authenticate(struct call *call, const struct sigv4_request *request, struct fault *f)
{
	struct sigv4_authorization authorization;
	const struct principal *principal;

	if (sigv4_parse(request, &authorization, f))
		return -1;
	memcpy(call->access_key, authorization.access_key, sizeof(call->access_key));
	principal = principal_find(&call->kms->principals, authorization.access_key);
	if (!principal)
		return fault_set(f, "UnrecognizedClientException",
				 "The security token included in the request is invalid.");
	if (sigv4_verify(request, &authorization, principal->secret_key, call->kms->region, "kms",
			 call->now, f))
		return -1;
	call->caller = principal;
	return 0;
}

static int parse_body(struct call *call, const struct sigv4_request *request, struct fault *f)
{
	struct json_object *params;

	/* The audit needs an object even when there is no good request. */
	call->params = json_object_new_object();
	call->reply = json_object_new_object();
	if (!call->params || !call->reply)
		return fault_set(f, "KMSInternalException", "out of memory");
	if (request->body_size == 0)
		return 0;
	params = json_parse((const char *)request->body, request->body_size);
	if (!json_object_is_type(params, json_type_object)) {
		json_object_put(params);
		return fault_set(f, "SerializationException",
				 "The request body must be one JSON object");
	}
	json_object_put(call->params);
	call->params = params;
	return 0;
}

static int run(struct call *call, const char *target, const struct sigv4_request *request,
	       struct fault *f)
{
	const struct op *op = read_target(call, target, f);
	struct fault bad_body;
	int parsed = parse_body(call, request, &bad_body);

	if (!op)
		return -1;
	call->read_only = op->read_only;
	if (authenticate(call, request, f))
		return -1;
	if (parsed) {
		*f = bad_body;
		return -1;
	}
	if (!op->read_only && store_begin(call->kms->store, f))
		return -1;
	return op->run(call, f);
}

/*
 * Records how the call ended, then keeps its change or, if it was refused or its record is not on
 * the disk, undoes it. The record comes first: a change without one is worse than a record without
 * the change, which a second record sets right.
 */
static int conclude(struct call *call, int ret, struct fault *f)
{
	struct kms *kms = call->kms;

	if (ret) {
		store_rollback(kms->store);
		/* A denial waits for no log, nor does a dry run, which a lease is renewed with. */
		audit_call(kms->audit, call, f, NULL);
		return -1;
	}
	if (audit_call(kms->audit, call, NULL, f)) {
		store_rollback(kms->store);
		return -1;
	}
	if (store_commit(kms->store, f)) {
		audit_call(kms->audit, call, f, NULL);
		return -1;
	}
	return 0;
}

static char *fault_body(const struct fault *f)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	json_add_string(o, "__type", f->code);
	json_add_string(o, "message", f->message);
	return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

static char *reply_body(const struct call *call)
{
	/* Operations without output answer with an empty body, as AWS does. */
	if (json_object_object_length(call->reply) == 0)
		return strdup("");
	return strdup(json_object_to_json_string_ext(call->reply,
						     JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
}

unsigned int dispatch(struct call *call, const char *target, const struct sigv4_request *request,
		      char **body)
{
	struct fault fault = { 0 };
	unsigned int status = HTTP_OK;
	sd_id128_t id;
	int ret;

	if (sd_id128_randomize(&id) == 0)
		sd_id128_to_uuid_string(id, call->request_id);
	ret = conclude(call, run(call, target, request, &fault), &fault);
	if (ret) {
		status = http_status(&fault);
		if (status == HTTP_SERVER_ERROR)
			log_error("%s: %s", call->operation, fault.message);
		*body = fault_body(&fault);
	} else {
		*body = reply_body(call);
	}
	stack_wipe();
	return status;
}

void call_free(struct call *call)
{
	json_object_put(call->params);
	json_object_put(call->reply);
	free(call);
}
