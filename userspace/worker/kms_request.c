// SPDX-License-Identifier: MIT
/*
 * The worker's call: adds the Recipient, takes the plaintext out of the answer. See kms_request.h.
 *
 * Must never leave a plaintext in the JSON that goes back.
 */

#include "worker/kms_request.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/kms/kms_client.h"
#include "worker/credential_http.h"
#include "worker/credential_steps.h"

/*
 * The embedded KMS returns plaintext over its socket only encrypted to this public key. A dry run
 * also names the key: a KMS without dry runs would answer with the plaintext.
 */
static int add_recipient(struct json_object *parameters, const char *public_key, struct fault *f)
{
	struct json_object *recipient;

	if (!public_key)
		return fault_set(f, "InternalFailure", "The request names no recipient.");
	recipient = json_object_new_object();
	json_add_string(recipient, "KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256");
	json_add_string(recipient, "AttestationDocument", public_key);
	json_add_object(parameters, "Recipient", recipient);
	return 0;
}

static int put_plaintext(struct worker_block *block, const uint8_t *bytes, size_t size,
			 struct fault *f)
{
	if (!size || size > sizeof(block->plaintext))
		return fault_set(f, "KMSInternalException",
				 "The KMS gave a plaintext of %zu bytes.", size);
	memcpy(block->plaintext, bytes, size);
	block->plaintext_size = size;
	return 0;
}

/*
 * Moves the plaintext from @response, in either of its two forms, to the block.
 *
 * An answer without plaintext is valid only if the KMS itself reports a dry run. A KMS without
 * dry runs proves access with the plaintext, which then stays here. @in_clear: the plaintext may
 * be unencrypted. On a unix socket it must be encrypted; a KMS that sends it in clear does not
 * know Recipient.
 */
static int take_plaintext(struct json_object *response, bool dry_run, bool in_clear,
			  struct worker_block *block, struct fault *f)
{
	const char *plain = json_get_string(response, "Plaintext");
	const char *sealed = json_get_string(response, "CiphertextForRecipient");
	size_t size, opened;
	uint8_t *bytes;
	int r;

	if (plain && !in_clear)
		return fault_set(f, "KMSInternalException",
				 "The KMS gave a plaintext in clear over the unix socket. It does not know Recipient. Use its https endpoint.");
	if (dry_run && (plain || sealed || json_get_bool(response, "DryRun", false)))
		return 0;
	if (!plain && !sealed)
		return fault_set(f, "KMSInternalException", "The KMS gave no plaintext.");
	if (base64_decode(plain ? plain : sealed, &bytes, &size))
		return fault_set(f, "KMSInternalException",
				 "The KMS gave a plaintext that is not base64.");
	if (plain) {
		r = put_plaintext(block, bytes, size, f);
	} else {
		r = recipient_open(block->private_key, block->private_key_size, bytes, size,
				   block->plaintext, sizeof(block->plaintext), &opened, f);
		if (!r)
			block->plaintext_size = opened;
	}
	explicit_bzero(bytes, size);
	free(bytes);
	return r;
}

static int read_endpoint(struct json_object *request, const char *ca_pem,
			 const struct worker_block *block, bool (*cancelled)(void),
			 struct kms_endpoint *endpoint, struct fault *f)
{
	*endpoint = (struct kms_endpoint){
		.url = json_get_string(request, "url"),
		.unix_path = json_get_string(request, "unixPath"),
		.ca_pem = ca_pem,
		.region = json_get_string(request, "region"),
		.access_key = block->credentials.access_key,
		.secret_key = block->credentials.secret_key,
		.session_token = block->credentials.session_token,
		.timeout_s = json_get_int(request, "timeoutSeconds", 5),
		.cancelled = cancelled,
	};
	if (!endpoint->url == !endpoint->unix_path || !endpoint->region)
		return fault_set(f, "InternalFailure", "The request names no KMS.");
	return 0;
}

/*
 * Gets new credentials if the request has steps for it. Kept ones, when there are any, serve when no new
 * ones can be got: the KMS decides whether they have expired. Half of the time is left for its call.
 */
static int get_credentials(struct json_object *request, const char *ca_pem,
			   struct worker_block *block, const struct proxy *proxy,
			   bool (*cancelled)(void), int64_t end_ms, struct fault *f)
{
	struct json_object *steps = json_get_array(request, "credentialSteps");
	bool kept = *block->credentials.access_key;
	int64_t now = credential_now_ms();
	struct fault wrong = { 0 };

	if (!steps)
		return 0;
	if (!credential_steps_run(steps, block, ca_pem, proxy,
				  kept ? now + (end_ms - now) / 2 : end_ms, cancelled, &wrong)) {
		block->credentials = block->fetched;
		return 0;
	}
	if (!kept)
		return fault_set(f, wrong.code, "%s", wrong.message);
	log_warning("The present credentials stay in use: %s", wrong.message);
	return 0;
}

/* The time that is left for the call, in whole seconds. */
static unsigned int left_s(int64_t end_ms)
{
	int64_t left = (end_ms - credential_now_ms()) / 1000;

	return left > 1 ? (unsigned int)left : 1;
}

/**
 * kms_request_run() - make the call that @request asks for
 * @request: see worker_protocol.h
 * @ca_pem: certificates to trust, or NULL
 * @block: holds the credentials and the private key; receives the plaintext
 * @cancelled: called during the wait; true gives up
 *
 * Return: the result, a new object, never with a plaintext in it.
 */
struct json_object *kms_request_run(struct json_object *request, const char *ca_pem,
				    struct worker_block *block, bool (*cancelled)(void))
{
	struct json_object *parameters = json_get_object(request, "parameters");
	const char *operation = json_get_string(request, "operation");
	struct json_object *result = json_object_new_object();
	enum kms_outcome outcome = KMS_BAD_REQUEST;
	struct json_object *response = NULL;
	struct proxy way = {
		.url = json_get_string(request, "proxy"),
		.not_for = json_get_string(request, "noProxy"),
		.login = &block->proxy_login,
	};
	const struct proxy *proxy = way.url ? &way : NULL;
	struct kms_endpoint endpoint = { 0 };
	struct fault f = { 0 };
	char id[KMS_ID_MAX] = "";
	bool plaintext, dry_run;
	int64_t end_ms = credential_now_ms() + json_get_int(request, "timeoutSeconds", 5) * 1000;

	if (!operation || !parameters) {
		fault_set(&f, "InternalFailure", "The request names no operation.");
		goto out;
	}
	plaintext = kms_gives_plaintext(operation);
	dry_run = json_get_bool(parameters, "DryRun", false);
	if (read_endpoint(request, ca_pem, block, cancelled, &endpoint, &f) ||
	    (endpoint.unix_path && plaintext &&
	     add_recipient(parameters, json_get_string(request, "recipient"), &f)))
		goto out;
	/* No credentials are no verdict about the key. */
	outcome = KMS_UNREACHABLE;
	endpoint.proxy = proxy;
	if (get_credentials(request, ca_pem, block, proxy, cancelled, end_ms, &f))
		goto out;
	if (json_has(request, "credentialSteps"))
		endpoint.timeout_s = left_s(end_ms);

	endpoint.id = id;
	outcome = kms_call(&endpoint, operation, parameters, &response, &f);
	/* An unreadable answer is no verdict about the key. */
	if (outcome == KMS_OK && plaintext &&
	    take_plaintext(response, dry_run, !endpoint.unix_path, block, &f))
		outcome = KMS_UNREACHABLE;
	if (response) {
		json_object_object_del(response, "Plaintext");
		json_object_object_del(response, "CiphertextForRecipient");
	}
out:
	json_add_string(result, "outcome", kms_outcome_name(outcome));
	json_add_string(result, "kmsId", id);
	json_add_int(result, "kmsChange", endpoint.change);
	if (outcome == KMS_OK) {
		json_add_object(result, "response", response);
	} else {
		json_object_put(response);
		json_add_string(result, "code", f.code);
		json_add_string(result, "message", f.message);
	}
	return result;
}
