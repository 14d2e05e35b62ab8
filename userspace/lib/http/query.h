/* SPDX-License-Identifier: MIT */
/*
 * AWS's Query protocol, which IAM, STS and RDS speak: a form goes in, XML comes out.
 *
 * Must never take one request for two: a name that is there twice, a NUL, or a text that is not UTF-8 is
 * refused.
 */
#ifndef ENVELOPE_HTTP_QUERY_H
#define ENVELOPE_HTTP_QUERY_H

#include <stdbool.h>

#include <json-c/json.h>

#include "lib/base/fault.h"
#include "lib/http/request.h"

#define QUERY_CONTENT_TYPE "text/xml"

bool query_is(const struct http_request *request);

int query_read(const struct http_request *request, struct json_object **params, struct fault *f);

/**
 * struct query_answer - what an answer is made of
 * @xmlns: namespace of the service
 * @operation: "CreateUser"
 * @request_id: of the answer
 */
struct query_answer {
	const char *xmlns;
	const char *operation;
	const char *request_id;
};

char *query_reply(const struct query_answer *answer, struct json_object *reply);

char *query_fault(const struct query_answer *answer, const char *code, const char *message,
		  bool ours);

#endif
