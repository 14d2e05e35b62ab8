// SPDX-License-Identifier: MIT
/* A request for credentials. See credential_http.h. */

#include "worker/credential_http.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/kms/transfer.h"

#define ANSWER_MAX (64 * 1024)

/** credential_now_ms() - CLOCK_MONOTONIC in milliseconds */
int64_t credential_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static CURLcode prepare(struct transfer *t, const struct credential_request *request)
{
	const struct credentials *c = request->sign;
	CURLcode r = curl_easy_setopt(t->curl, CURLOPT_URL, request->url);

	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!r)
		r = transfer_proxy(t, request->proxy);
	if (!r)
		r = transfer_trust(t, request->ca_pem, NULL);
	if (!r && c)
		r = transfer_sign(t, request->region, "sts", c->access_key, c->secret_key,
				  c->session_token);
	if (!r && request->header)
		r = transfer_add_header(t, request->header, request->header_value);
	if (!r && request->body)
		r = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, request->body);
	else if (!r && !strcmp(request->method, "PUT"))
		r = curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, "PUT");
	if (!r && t->headers)
		r = curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	return r;
}

/* The text of an XML element, as STS names its faults; "" without one. */
static void error_code(const struct transfer *t, char code[64])
{
	const char *at = strstr((const char *)t->body->bytes, "<Code>");

	*code = '\0';
	if (at)
		sscanf(at, "<Code>%63[A-Za-z]", code);
}

/**
 * credential_http() - one request, one answer
 * @f: CredentialsUnavailable; never the text of an answer
 *
 * Return: the body of an answer with status 200, with a terminator, in secret memory, or NULL.
 */
struct secret *credential_http(const struct credential_request *request, struct fault *f)
{
	int64_t left = request->end_ms - credential_now_ms();
	struct transfer _cleanup_transfer_ t;
	struct secret *body;
	long status = 0;
	/* A query may hold a secret. */
	int shown = (int)strcspn(request->url, "?");
	char code[64], way[320];
	CURLcode r;

	if (transfer_open(&t, ANSWER_MAX, left > 0 ? (long)left : 1, request->cancelled)) {
		fault_set(f, "InternalFailure", "Out of memory, or of memory that can be locked.");
		return NULL;
	}
	r = prepare(&t, request);
	if (!r)
		r = curl_easy_perform(t.curl);
	if (r) {
		transfer_way(&t, request->url, request->proxy, way, sizeof(way));
		fault_set(f, "CredentialsUnavailable", "No credentials from %.*s: %s.%s", shown,
			  request->url, *t.error ? t.error : curl_easy_strerror(r), way);
		return NULL;
	}
	curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		error_code(&t, code);
		fault_set(f, "CredentialsUnavailable",
			  "No credentials from %.*s: the server answered HTTP status %ld%s%s.",
			  shown, request->url, status, *code ? ", " : "", code);
		return NULL;
	}
	body = t.body;
	t.body = NULL;
	return body;
}
