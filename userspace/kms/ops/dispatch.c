// SPDX-License-Identifier: MIT
/*
 * Handling one call.
 *
 * Must never let a fault carry a partial reply. Must never keep a change that is not recorded.
 */

#include "kms/ops/dispatch.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#include "kms/audit/kms_audit.h"
#include "kms/auth/caller.h"
#include "kms/keys/usage.h"
#include "kms/ops/grant_params.h"
#include "kms/ops/iam.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "kms/store/store_signatures.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/utf8.h"
#include "lib/http/authenticate.h"
#include "lib/http/query.h"

#define TARGET_PREFIX	  "TrentService."
#define POLICY_URGENT_MAX 4096 /* bytes: a page of the key store */

static unsigned int http_status(const struct call *call, const struct fault *f)
{
	if (call->is_form)
		return iam_status(f);
	return !strcmp(f->code, "KMSInternalException") ? HTTP_SERVER_ERROR : HTTP_BAD_REQUEST;
}

/* The operation in the target, or NULL. Only letters are taken, since the audit records it. */
static const char *read_target(const struct call *call, const char *target)
{
	size_t prefix = call->is_form ? 0 : strlen(TARGET_PREFIX);
	const char *name;
	size_t i;

	if (!target || strncmp(target, TARGET_PREFIX, prefix))
		return NULL;
	name = target + prefix;
	for (i = 0; isalpha((unsigned char)name[i]); i++)
		;
	return i > 0 && i < sizeof(call->operation) && name[i] == '\0' ? name : NULL;
}

static const struct op *find_op(const struct call *call, const char *name)
{
	return call->is_form ? iam_find(call->service, name) : op_find(name);
}

static int no_operation(const struct call *call, const char *target, const char *name,
			struct fault *f)
{
	if (name && call->is_form)
		return iam_check_version(call, name, f) ? -1
							: iam_not_served(call->service, name, f);
	if (name && op_is_of_aws(name))
		return fault_set(f, "UnsupportedOperationException",
				 "%s is not supported by this KMS.", name);
	return fault_set(f, "UnknownOperationException", "This KMS has no operation '%.64s'.",
			 target ? target : "");
}

/* A record and a reply quote headers. */
static int check_headers(const struct http_request *request, struct fault *f)
{
	size_t i;

	for (i = 0; i < request->header_count; i++)
		if (!utf8_valid(request->headers[i].value, strlen(request->headers[i].value)))
			return fault_set(f, "ValidationException",
					 "The value of the header %.64s is not UTF-8.",
					 request->headers[i].name);
	return 0;
}

static int find_caller(struct call *call, const struct http_request *request, struct fault *f)
{
	const struct authenticator authenticator = {
		.find = caller_find,
		.userdata = call,
		.regions = call->kms->regions,
		.global = call->is_form ? IAM_GLOBAL_REGION : NULL,
		.service = call->service,
	};
	struct authentication who;
	int r = authenticate(request, &authenticator, call->now, &who, f);

	memcpy(call->access_key, who.access_key, sizeof(call->access_key));
	if (r) {
		/* Other AWS services have another name for it. */
		if (!strcmp(f->code, "InternalFailure"))
			strcpy(f->code, "KMSInternalException");
		return -1;
	}
	memcpy(call->signature, who.signature, sizeof(call->signature));
	call->signature_expires = who.expires;
	call->region = who.region;
	call->caller = who.principal;
	call->account = who.principal->account;
	return 0;
}

static int parse_json(struct call *call, const struct http_request *request, struct fault *f)
{
	struct json_object *params;

	/* The audit needs an object even for a bad request. */
	call->params = json_object_new_object();
	if (!call->params)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	if (request->body_size == 0)
		return 0;
	params = json_parse((const char *)request->body, request->body_size);
	if (!json_object_is_type(params, json_type_object)) {
		json_object_put(params);
		return fault_set(f, "SerializationException",
				 "The request body must be one JSON object.");
	}
	json_object_put(call->params);
	call->params = params;
	return 0;
}

/* A request without a form is one for the KMS. */
static int parse_body(struct call *call, const struct http_request *request, struct fault *f)
{
	int r;

	call->reply = json_object_new_object();
	if (!call->reply)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	call->is_form = query_is(request);
	if (!call->is_form)
		return parse_json(call, request, f);
	r = query_read(request, &call->params, f);
	call->service = iam_service(json_get_string(call->params, "Version"));
	return r;
}

/* A large policy waits for room on the disk, since it would take the reserve of many revocations. */
static bool is_urgent(const struct call *call)
{
	const char *policy = json_get_string(call->params,
					     call->is_form ? "PolicyDocument" : "Policy");

	return call->revokes && (!policy || strlen(policy) <= POLICY_URGENT_MAX);
}

/*
 * Begins a change that no recorded request can make again. SDKs try again after ThrottlingException,
 * with a new signature: so a client that lost an answer, and one that asks for the same thing twice
 * in a second, get what they want.
 */
static int begin_change(struct call *call, struct fault *f)
{
	struct store *store = call->kms->store;
	int r;

	if (is_urgent(call) ? store_begin_urgent(store, f) : store_begin(store, f))
		return -1;
	r = store_take_signature(store, call->signature, call->signature_expires, call->now, f);
	if (r == -EEXIST)
		return fault_set(f, "ThrottlingException",
				 "A change with this signature was made before. Sign the request again to make it once more.");
	/*
	 * The memory is full. A revocation that is made again does no harm. A recorded PutKeyPolicy
	 * could undo a later one, but only root can record it, and nothing may hold it up.
	 */
	if (r == -ENOSPC && !call->revokes)
		return fault_set(f, "ThrottlingException",
				 "There were more than %d changes in the last minutes. Try again later.",
				 STORE_SIGNATURES_MAX);
	return r == -ENOSPC ? 0 : r;
}

static int run(struct call *call, const struct http_request *request, struct fault *f)
{
	struct fault bad_body;
	int parsed = parse_body(call, request, &bad_body);
	const char *target = call->is_form ? json_get_string(call->params, "Action")
					   : http_header(request, "X-Amz-Target");
	const char *name = read_target(call, target);
	const struct op *op = name ? find_op(call, name) : NULL;

	/* A stranger puts no word of its own into a record. */
	snprintf(call->operation, sizeof(call->operation), "%s", op ? name : "Unknown");
	if (find_caller(call, request, f))
		return -1;
	if (name)
		snprintf(call->operation, sizeof(call->operation), "%s", name);
	if (!op)
		return no_operation(call, target, name, f);
	if (call->is_form && !parsed && iam_check_version(call, name, f))
		return -1;
	call->read_only = op->kind == OP_READS;
	call->revokes = op->kind == OP_REVOKES && (!call->is_form || iam_revokes(call));
	if (check_headers(request, f))
		return -1;
	if (parsed) {
		*f = bad_body;
		return -1;
	}
	if (grant_tokens_check(call, f))
		return -1;
	if (!call->read_only && begin_change(call, f))
		return -1;
	return op->run(call, f);
}

/*
 * Records how the call ended, then keeps its change. A refused call's change is undone, and so is a
 * change whose record is not on the disk. The record comes first: a change without a record is
 * worse than a record without the change, which a second record corrects.
 */
static int conclude(struct call *call, int r, struct fault *f)
{
	struct kms *kms = call->kms;

	if (r) {
		if (call->is_form)
			iam_fault(f);
		store_rollback(kms->store);
		/* Neither a denial nor a dry run, which renews a lease, waits for the log. */
		audit_call(kms->audit, call, f, NULL);
		return -1;
	}
	if (audit_call(kms->audit, call, NULL, f)) {
		store_rollback(kms->store);
		return -1;
	}
	call->recorded = true;
	store_note_event(kms->store, audit_last_event(kms->audit), audit_last_sequence(kms->audit));
	if (store_commit(kms->store, f)) {
		audit_call(kms->audit, call, f, NULL);
		return -1;
	}
	usage_keep(call);
	return 0;
}

/** fault_body() - the JSON of a fault; Return: malloc'd, or NULL */
char *fault_body(const char *code, const char *message)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	json_add_string(o, "__type", code);
	json_add_string(o, "message", message);
	return strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

static char *refusal_body(const struct call *call, const struct fault *f, unsigned int status)
{
	const struct query_answer answer = iam_answer(call);

	if (!call->is_form)
		return fault_body(f->code, f->message);
	return query_fault(&answer, f->code, f->message, status == HTTP_SERVER_ERROR);
}

static char *reply_body(const struct call *call)
{
	const struct query_answer answer = iam_answer(call);

	if (call->is_form)
		return query_reply(&answer, call->reply);
	/* Operations without output answer with an empty body, as AWS does. */
	if (json_object_object_length(call->reply) == 0)
		return strdup("");
	return strdup(json_object_to_json_string_ext(call->reply,
						     JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
}

/**
 * dispatch() - handle one call
 * @call: kms, region, account, transport, source, peer, user agent and time are filled in
 * @request: its method and path are checked
 * @body: set to the malloc'd JSON reply, terminated
 *
 * Return: the HTTP status.
 */
unsigned int dispatch(struct call *call, const struct http_request *request, char **body)
{
	struct fault fault = { 0 };
	unsigned int status = HTTP_OK;
	sd_id128_t id;

	if (!sd_id128_randomize(&id))
		sd_id128_to_uuid_string(id, call->request_id);
	if (conclude(call, run(call, request, &fault), &fault)) {
		if (call->is_form)
			iam_fault(&fault);
		status = http_status(call, &fault);
		if (status == HTTP_SERVER_ERROR)
			log_error("%s: %s", call->operation, fault.message);
		*body = refusal_body(call, &fault, status);
	} else {
		*body = reply_body(call);
	}
	stack_wipe();
	return status;
}
