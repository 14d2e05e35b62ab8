// SPDX-License-Identifier: MIT
/*
 * Requests in, responses out.
 *
 * Must never leave a call behind: its JSON may hold plaintext.
 */

#include "kms/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kms/audit/kms_audit.h"
#include "kms/ops/dispatch.h"
#include "lib/base/utf8.h"
#include "lib/http/query.h"
#include "lib/kms/kms_client.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"

static struct call *new_call(struct kms *kms, const struct http_request *request)
{
	struct call *call = calloc(1, sizeof(*call));
	const char *agent = http_header(request, "User-Agent");

	if (!call)
		return NULL;
	call->kms = kms;
	call->region = kms->regions[0];
	call->account = kms->account;
	call->transport = request->transport;
	call->pid = request->peer.pid;
	call->uid = request->peer.uid;
	call->now = time(NULL);
	call->service = "kms";
	memcpy(call->source, request->peer.address, sizeof(call->source));
	snprintf(call->user_agent, sizeof(call->user_agent), "%s", agent ? agent : "");
	utf8_clean(call->user_agent);
	return call;
}

/* Strangers get neither the id nor a proof of it. */
static void identify(const struct call *call, const struct http_request *request,
		     struct http_response *response)
{
	struct kms *kms = call->kms;
	struct kms_answer answer = {
		.nonce = http_header(request, KMS_NONCE_HEADER),
		.operation = call->operation,
		.access_key = call->access_key,
		.request = request->body,
		.request_size = request->body_size,
		.status = response->status,
		.body = response->body,
		.size = response->body ? strlen(response->body) : 0,
	};
	bool proved = answer.nonce && answer.body && !store_prove(kms->store, &answer, kms->proof);

	response->extra = (struct http_header){ KMS_ID_HEADER,
						proved ? kms->proof : store_id(kms->store) };
}

/* Not recorded one by one: such a request reaches no operation. */
static void refused(unsigned int status, void *userdata)
{
	const struct kms *kms = userdata;

	switch (status) {
	case HTTP_NOT_FOUND:
		audit_stranger(kms->audit, "UnknownOperationException");
		break;
	case HTTP_TOO_LARGE:
		audit_stranger(kms->audit, "RequestEntityTooLargeException");
		break;
	case HTTP_MANY_HEADERS:
		audit_stranger(kms->audit, "RequestHeaderFieldsTooLarge");
		break;
	default:
		audit_stranger(kms->audit, "MalformedRequest");
	}
}

static void handle(const struct http_request *request, struct http_response *response,
		   void *userdata)
{
	struct call *call;

	if (!http_posts_to_root(request)) {
		refused(HTTP_NOT_FOUND, userdata);
		response->status = HTTP_NOT_FOUND;
		response->body = fault_body("UnknownOperationException",
					    "This KMS answers POST / only.");
		strcpy(response->request_id, "-");
		response->close = true;
		return;
	}
	call = new_call(userdata, request);
	if (!call)
		return;
	response->status = dispatch(call, request, &response->body);
	memcpy(response->request_id, call->request_id, sizeof(response->request_id));
	response->content_type = call->is_form ? QUERY_CONTENT_TYPE : NULL;
	response->close = call->has_plaintext;
	if (call->caller)
		identify(call, request, response);
	call_free(call);
}

static char *refuse(unsigned int status)
{
	if (status == HTTP_TOO_LARGE)
		return fault_body("RequestEntityTooLargeException",
				  "The request body is too large.");
	return strdup("");
}

/**
 * kms_service() - what http_new() takes to serve @kms
 * @kms: borrowed
 * @agent: user of the agent's worker, whose lease renewals come over the unix socket
 */
struct http_service kms_service(struct kms *kms, uid_t agent)
{
	return (struct http_service){
		.content_type = CONTENT_TYPE,
		.favoured = agent,
		.handle = handle,
		.refuse = refuse,
		.refused = refused,
		.userdata = kms,
	};
}
