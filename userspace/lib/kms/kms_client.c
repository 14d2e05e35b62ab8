// SPDX-License-Identifier: MIT
/*
 * The KMS call itself. See kms_client.h.
 */

#include "lib/kms/kms_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/endpoint.h"
#include "lib/base/json.h"
#include "lib/kms/kms_proof.h"
#include "lib/kms/transfer.h"

#define UNREACHABLE "KMSUnreachable"

/* The state of one call. The body may hold a plaintext key. */
struct call {
	struct kms_endpoint *endpoint;
	struct transfer transfer;
	char error_type[128]; /* of the x-amzn-ErrorType header */
	char nonce[KMS_NONCE_MAX];
	char proof[KMS_PROOF_MAX]; /* the value of KMS_ID_HEADER */
};

/** kms_gives_plaintext() - true if an answer to @operation holds plaintext, except for a dry run */
bool kms_gives_plaintext(const char *operation)
{
	return !strcmp(operation, "Decrypt") || !strcmp(operation, "GenerateDataKey");
}

/* "com.amazonaws.kms#NotFoundException:http://..." to "NotFoundException". */
static void copy_error_type(char *type, size_t type_size, const char *text, size_t text_size)
{
	const char *hash = memchr(text, '#', text_size);
	size_t length = 0;

	if (hash) {
		text_size -= hash + 1 - text;
		text = hash + 1;
	}
	while (length < text_size && length < type_size - 1 &&
	       ((text[length] | 32) >= 'a' && (text[length] | 32) <= 'z'))
		length++;
	memcpy(type, text, length);
	type[length] = '\0';
}

/* Where the value of the header @name begins; 0 if the line is another header. */
static size_t value_of(const char *line, size_t size, const char *name)
{
	size_t at = strlen(name);

	if (size <= at || strncasecmp(line, name, at))
		return 0;
	while (at < size && line[at] == ' ')
		at++;
	return at;
}

/* Takes letters, digits and hyphens only: the id gets into reasons and logs. */
static void copy_id(char *id, const char *text, size_t size)
{
	size_t length = 0;

	while (length < size && length < KMS_ID_MAX - 1 &&
	       (isalnum((unsigned char)text[length]) || text[length] == '-'))
		length++;
	memcpy(id, text, length);
	id[length] = '\0';
}

static size_t take_header(char *data, size_t one, size_t size, void *userdata)
{
	struct call *call = userdata;
	size_t at = value_of(data, size, "x-amzn-errortype:");

	if (at)
		copy_error_type(call->error_type, sizeof(call->error_type), data + at, size - at);
	at = value_of(data, size, KMS_ID_HEADER ":");
	if (at)
		snprintf(call->proof, sizeof(call->proof), "%.*s", (int)(size - at), data + at);
	return size;
}

/* Sets the address, and the certificates to trust. */
static CURLcode set_destination(struct call *call, char host[128])
{
	const struct kms_endpoint *endpoint = call->endpoint;
	CURL *c = call->transfer.curl;
	CURLcode r;

	if (endpoint->unix_path) {
		/* This name is signed, but never resolved. It names the service. */
		snprintf(host, 128, "http://kms.%.64s.amazonaws.com/", endpoint->region);
		r = curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, endpoint->unix_path);
		return r ? r : curl_easy_setopt(c, CURLOPT_URL, host);
	}
	r = curl_easy_setopt(c, CURLOPT_URL, endpoint->url);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	if (!r)
		r = transfer_proxy(&call->transfer, endpoint->proxy);
	return r ? r : transfer_trust(&call->transfer, endpoint->ca_pem, endpoint->ca_file);
}

static CURLcode prepare(struct call *call, const char *operation, const char *body, char host[128])
{
	const struct kms_endpoint *endpoint = call->endpoint;
	struct transfer *t = &call->transfer;
	CURLcode r;

	curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, call);
	r = set_destination(call, host);
	if (!r)
		r = transfer_sign(t, endpoint->region, "kms", endpoint->access_key,
				  endpoint->secret_key, endpoint->session_token);
	if (!r)
		r = transfer_add_header(t, "Content-Type: ", "application/x-amz-json-1.1");
	if (!r)
		r = transfer_add_header(t, "X-Amz-Target: TrentService.", operation);
	if (!r && endpoint->id && kms_proof_nonce(call->nonce) == 0)
		r = transfer_add_header(t, KMS_NONCE_HEADER ": ", call->nonce);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, body);
	return r;
}

static const char *error_message(struct json_object *body)
{
	const char *message = json_get_string(body, "message");

	return message ? message : json_get_string(body, "Message");
}

/* Without a proof the id is only what the server says. */
static void take_id(struct call *call, const char *operation, const char *request, long status)
{
	const struct kms_answer answer = {
		.nonce = call->nonce,
		.operation = operation,
		.access_key = call->endpoint->access_key,
		.request = request,
		.request_size = strlen(request),
		.status = (unsigned int)status,
		.body = call->transfer.body->bytes,
		.size = call->transfer.size,
	};
	char *id = call->endpoint->id;

	if (id && kms_proof_check(&answer, call->proof, id, KMS_ID_MAX, &call->endpoint->change))
		copy_id(id, call->proof, strlen(call->proof));
}

/* Has the server had a request? */
static bool was_sent(const struct call *call)
{
	long size = 0;

	curl_easy_getinfo(call->transfer.curl, CURLINFO_REQUEST_SIZE, &size);
	return size;
}

/* Why a transfer failed. libcurl's words for a socket name the host that is signed. */
static const char *why(const struct call *call, CURLcode r)
{
	long error = 0;

	if (call->transfer.too_large)
		return "its answer is too large";
	/* libcurl's error for a head that is longer than it takes, too. */
	if (r == CURLE_OUT_OF_MEMORY && was_sent(call))
		return "the head of its answer is too large, or memory is short";
	if (call->endpoint->unix_path && r == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(call->transfer.curl, CURLINFO_OS_ERRNO, &error);
		return error ? strerror((int)error) : "nobody serves the socket";
	}
	return *call->transfer.error ? call->transfer.error : curl_easy_strerror(r);
}

/* Judges a finished transfer and fills @response or @f. */
static enum kms_outcome conclude(struct call *call, CURLcode r, const char *operation,
				 const char *request, struct json_object **response,
				 struct fault *f)
{
	struct json_object _cleanup_json_ *body = NULL;
	const char *where = call->endpoint->unix_path ? call->endpoint->unix_path
						      : call->endpoint->url;
	const char *type, *message;
	enum kms_outcome outcome;
	char way[320];
	long status = 0;

	curl_easy_getinfo(call->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
	if (!r)
		take_id(call, operation, request, status);
	/* The answer to an operation without output, such as DisableKey, is empty. */
	if (!r && status == 200 && !call->transfer.size)
		body = json_object_new_object();
	else if (!r)
		body = json_parse((const char *)call->transfer.body->bytes, call->transfer.size);
	type = json_get_string(body, "__type");
	if (type)
		copy_error_type(call->error_type, sizeof(call->error_type), type, strlen(type));
	message = error_message(body);
	outcome = kms_classify(status, call->error_type, message, r);

	if (r) {
		transfer_way(&call->transfer, where, call->endpoint->proxy, way, sizeof(way));
		fault_set(f, UNREACHABLE, "The KMS at %s cannot be reached: %s.%s", where,
			  why(call, r), way);
	} else if (outcome == KMS_OK && !json_object_is_type(body, json_type_object)) {
		outcome = KMS_UNREACHABLE;
		fault_set(f, UNREACHABLE,
			  "The server at %s is not a KMS: its answer to %s is not JSON. Check KmsEndpoint=.",
			  where, operation);
	} else if (outcome == KMS_OK) {
		*response = status == 200 ? json_object_get(body) : json_object_new_object();
		if (status != 200)
			json_add_bool(*response, "DryRun", true);
	} else if (!*call->error_type) {
		fault_set(f, UNREACHABLE,
			  "The server at %s is not a KMS: it answered HTTP status %ld without a KMS error. Check KmsEndpoint=.",
			  where, status);
	} else {
		fault_set(f, call->error_type, "%s", message ? message : "The KMS gave no reason.");
	}
	return outcome;
}

/**
 * kms_call() - one request, one answer; blocks for at most @endpoint->timeout_s seconds
 * @endpoint: where the KMS is, and the credentials; its @id and @change are set
 * @operation: "Decrypt"
 * @request: JSON object
 * @response: set to the answer (caller releases) for KMS_OK, else to NULL. For a dry run
 *	that shows access it is {"DryRun": true}. Holds plaintext if the KMS sends
 *	any: only for programs with wipe_malloc.c.
 * @f: set unless KMS_OK. Code is the exception's name if the KMS gave one, else
 *	"KMSUnreachable".
 *
 * The process must have called curl_global_init().
 */
enum kms_outcome kms_call(struct kms_endpoint *endpoint, const char *operation,
			  struct json_object *request, struct json_object **response,
			  struct fault *f)
{
	const char *body = json_object_to_json_string_ext(request,
							  JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE);
	struct call call = { .endpoint = endpoint };
	enum kms_outcome outcome;
	char host[128];
	CURLcode r;

	*response = NULL;
	endpoint->change = 0;
	if (endpoint->id)
		endpoint->id[0] = '\0';
	if (transfer_open(&call.transfer, KMS_RESPONSE_MAX, endpoint->timeout_s * 1000L,
			  endpoint->cancelled)) {
		fault_set(f, "InternalFailure",
			  "Out of memory, or of memory that can be locked (LimitMEMLOCK=).");
		transfer_close(&call.transfer);
		return KMS_UNREACHABLE;
	}
	r = prepare(&call, operation, body, host);
	if (!r)
		r = curl_easy_perform(call.transfer.curl);
	outcome = conclude(&call, r, operation, body, response, f);
	transfer_close(&call.transfer);
	return outcome;
}

/**
 * kms_endpoint_parse() - split the KmsEndpoint of the configuration
 * @text: "unix:/absolute/path", "https://host[:port]"
 * @endpoint: @url or @unix_path set, pointing into @text; other members untouched
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int kms_endpoint_parse(const char *text, struct kms_endpoint *endpoint, struct fault *f)
{
	if (endpoint_check(text, f))
		return -1;
	endpoint->unix_path = endpoint_socket(text);
	endpoint->url = endpoint->unix_path ? NULL : text;
	return 0;
}
