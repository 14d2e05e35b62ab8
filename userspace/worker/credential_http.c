// SPDX-License-Identifier: MIT
/* A request for credentials. See credential_http.h. */

#include "worker/credential_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#define ANSWER_MAX (64 * 1024)

struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct secret *body; /* ANSWER_MAX bytes and a terminator */
	size_t size;
	bool (*cancelled)(void);
	char error[CURL_ERROR_SIZE];
};

static void transfer_close(struct transfer *t)
{
	curl_slist_free_all(t->headers);
	curl_easy_cleanup(t->curl);
	secret_free(t->body);
}

#define _cleanup_transfer_ __attribute__((cleanup(transfer_close)))

/** credential_now_ms() - CLOCK_MONOTONIC in milliseconds */
int64_t credential_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static size_t take_body(char *data, size_t one, size_t size, void *userdata)
{
	struct transfer *t = userdata;

	if (size > ANSWER_MAX - t->size)
		return CURL_WRITEFUNC_ERROR;
	memcpy(t->body->bytes + t->size, data, size);
	t->size += size;
	return size;
}

static int progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = userdata;

	return t->cancelled && t->cancelled();
}

static CURLcode add_header(struct transfer *t, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 1;
	struct curl_slist *longer = NULL;
	char *line = malloc(size);

	if (line) {
		snprintf(line, size, "%s%s", name, value);
		longer = curl_slist_append(t->headers, line);
		explicit_bzero(line, size);
		free(line);
	}
	if (!longer)
		return CURLE_OUT_OF_MEMORY;
	t->headers = longer;
	return CURLE_OK;
}

static CURLcode sign(struct transfer *t, const struct credential_request *request)
{
	const struct credentials *c = request->sign;
	char scope[96];
	CURLcode r;

	snprintf(scope, sizeof(scope), "aws:amz:%.64s:sts", request->region);
	r = curl_easy_setopt(t->curl, CURLOPT_AWS_SIGV4, scope);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_USERNAME, c->access_key);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_PASSWORD, c->secret_key);
	if (!r && *c->session_token)
		r = add_header(t, "X-Amz-Security-Token: ", c->session_token);
	return r;
}

static CURLcode set_destination(struct transfer *t, const struct credential_request *request)
{
	struct curl_blob ca = { 0 };
	CURLcode r = curl_easy_setopt(t->curl, CURLOPT_URL, request->url);

	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!r && request->ca_pem) {
		ca = (struct curl_blob){ (void *)request->ca_pem, strlen(request->ca_pem),
					 CURL_BLOB_COPY };
		r = curl_easy_setopt(t->curl, CURLOPT_CAINFO_BLOB, &ca);
	}
	if (!r && request->ca_pem)
		r = curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
	return r;
}

static void set_behaviour(struct transfer *t, long left_ms)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "dm-envelope/" ENVELOPE_VERSION);
}

static CURLcode prepare(struct transfer *t, const struct credential_request *request)
{
	CURLcode r = set_destination(t, request);

	if (!r && request->sign)
		r = sign(t, request);
	if (!r && request->header)
		r = add_header(t, request->header, request->header_value);
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
	struct transfer _cleanup_transfer_ t = {
		.curl = curl_easy_init(),
		.body = secret_new(ANSWER_MAX + 1),
		.cancelled = request->cancelled,
	};
	int64_t left = request->end_ms - credential_now_ms();
	struct secret *body;
	long status = 0;
	char code[64];
	CURLcode r;

	if (!t.curl || !t.body) {
		fault_set(f, "InternalFailure", "Out of memory, or of memory that can be locked.");
		return NULL;
	}
	set_behaviour(&t, left > 0 ? (long)left : 1);
	r = prepare(&t, request);
	if (!r)
		r = curl_easy_perform(t.curl);
	if (r) {
		fault_set(f, "CredentialsUnavailable", "No credentials from %s: %s.", request->url,
			  *t.error ? t.error : curl_easy_strerror(r));
		return NULL;
	}
	curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		error_code(&t, code);
		fault_set(f, "CredentialsUnavailable",
			  "No credentials from %s: the server answered HTTP status %ld%s%s.",
			  request->url, status, *code ? ", " : "", code);
		return NULL;
	}
	body = t.body;
	t.body = NULL;
	return body;
}
