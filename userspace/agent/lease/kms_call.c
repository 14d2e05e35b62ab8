// SPDX-License-Identifier: MIT
/*
 * Calls to the KMS. The encryption contexts in their requests are part of the on-disk format
 * (docs/format.md): a changed word makes every wrapped key useless.
 */
#include "agent/lease/kms_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lease/endpoint_turn.h"
#include "agent/lease/lease.h"
#include "agent/lease/newest_change.h"
#include "agent/rules/rules.h"
#include "lib/base/base64.h"
#include "lib/base/endpoint.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/kms/reach.h"

#define CONTEXT_CLUSTER "aws:rds:db-id"
#define CONTEXT_VOLUME	"dm-envelope:volume-id"
#define CONTEXT_HEADER	"dm-envelope:header-sha256"
#define CONTEXT_PURPOSE "dm-envelope:purpose"

#define FIRST_AGAIN	3 /* intervals of renewals until the first endpoint is tried again */

/**
 * struct kms_call - one call under way; on_done() frees it
 * @reach: of the cluster
 * @kms: that gave the cluster's key last; "" for none
 * @seen: the newest changes that were known when the call began, if @kms is ""; owned
 * @endpoints: the list, as it was when the call began; owned
 * @at, @asked: the endpoint that is being asked, and how many have been asked before it
 * @silence: of the endpoint before it; code "" for none
 */
struct kms_call {
	struct agent *agent;
	struct reach reach;
	char kms[VOLUME_KMS_MAX];
	struct kms_change *seen;
	char *endpoints;
	size_t at;
	size_t asked;
	struct fault silence;
	const char *operation;
	json_object *request;
	char key_arn[ARN_MAX];
	kms_denied_t denied;
	kms_worker_done_t done;
	void *userdata;
};

/* A volume that is being made has no header yet, so the context has no hash of it. */
static json_object *context_new(const struct cluster *cluster)
{
	json_object *context = json_object_new_object();

	json_add_string(context, CONTEXT_VOLUME, cluster->volume_id);
	json_add_string(context, CONTEXT_PURPOSE, "format");
	return context;
}

static json_object *context_final(const struct cluster *cluster, const char *header_sha256)
{
	json_object *context = json_object_new_object();

	json_add_string(context, CONTEXT_CLUSTER, cluster->resource_id);
	json_add_string(context, CONTEXT_VOLUME, cluster->volume_id);
	json_add_string(context, CONTEXT_HEADER, header_sha256);
	return context;
}

/** kms_describe_key() - request of DescribeKey for an id, ARN or alias */
json_object *kms_describe_key(const char *key)
{
	json_object *request = json_object_new_object();

	json_add_string(request, "KeyId", key);
	return request;
}

/** kms_generate() - request of GenerateDataKeyWithoutPlaintext for a new volume */
json_object *kms_generate(const struct cluster *cluster)
{
	json_object *request = kms_describe_key(cluster->key_arn);

	json_add_int(request, "NumberOfBytes", VOLUME_KEY_SIZE);
	json_add_object(request, "EncryptionContext", context_new(cluster));
	return request;
}

/** kms_decrypt_new() - request of Decrypt for the key of a volume that is being formatted */
json_object *kms_decrypt_new(const struct cluster *cluster, const char *blob_base64)
{
	json_object *request = kms_describe_key(cluster->key_arn);

	json_add_string(request, "CiphertextBlob", blob_base64);
	json_add_object(request, "EncryptionContext", context_new(cluster));
	return request;
}

/** kms_seal() - request of ReEncrypt that binds the wrapped key to the finished header */
json_object *kms_seal(const struct cluster *cluster, const char *blob_base64)
{
	json_object *request = json_object_new_object();

	json_add_string(request, "CiphertextBlob", blob_base64);
	json_add_string(request, "SourceKeyId", cluster->key_arn);
	json_add_string(request, "DestinationKeyId", cluster->key_arn);
	json_add_object(request, "SourceEncryptionContext", context_new(cluster));
	json_add_object(request, "DestinationEncryptionContext",
			context_final(cluster, cluster->header_sha256));
	return request;
}

/**
 * kms_rewrap() - request of ReEncrypt that binds a snapshot's wrapped key to another header
 * @cluster: the new one, with the hash of its header
 * @from: the header of the snapshot, which the KMS proves at the same time
 */
json_object *kms_rewrap(const struct cluster *cluster, const struct volume_header *from)
{
	json_object *request = json_object_new_object(), *source = json_object_new_object();
	char *blob = base64_encode(from->wrapped_key, from->wrapped_key_size);

	json_add_string(request, "CiphertextBlob", blob);
	free(blob);
	json_add_string(request, "SourceKeyId", cluster->key_arn);
	json_add_string(request, "DestinationKeyId", cluster->key_arn);
	json_add_string(source, CONTEXT_CLUSTER, from->db_cluster_resource_id);
	json_add_string(source, CONTEXT_VOLUME, from->volume_id);
	json_add_string(source, CONTEXT_HEADER, from->header_sha256);
	json_add_object(request, "SourceEncryptionContext", source);
	json_add_object(request, "DestinationEncryptionContext",
			context_final(cluster, cluster->header_sha256));
	return request;
}

/**
 * kms_decrypt() - request of Decrypt for a volume's key
 * @wrapped: as in the header, @size bytes
 * @header_sha256: of the header copy to which the key is bound
 * @dry_run: only prove that the KMS would decrypt
 */
json_object *kms_decrypt(const struct cluster *cluster, const uint8_t *wrapped, size_t size,
			 const char *header_sha256, bool dry_run)
{
	json_object *request = kms_describe_key(cluster->key_arn);
	char *blob = base64_encode(wrapped, size);

	json_add_string(request, "CiphertextBlob", blob);
	free(blob);
	json_add_object(request, "EncryptionContext", context_final(cluster, header_sha256));
	if (dry_run)
		json_add_bool(request, "DryRun", true);
	return request;
}

static void on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata);

static void call_free(struct kms_call *call)
{
	json_object_put(call->request);
	newest_change_free(call->seen);
	free(call->endpoints);
	free(call);
}

/* The agent ends. No cluster and no client is touched. */
static void call_drop(void *userdata)
{
	struct kms_call *call = userdata;

	free(call->userdata);
	call_free(call);
}

/** kms_call_none() - the fault of a call with a configuration that allows none; -1 */
int kms_call_none(const struct config *config, struct fault *f)
{
	return fault_set(f, "KMSUnreachable",
			 "No KMS is called: a line of %.400s has a fault, and may say which KMS is meant. Correct it, then: systemctl reload enveloped",
			 config->file);
}

/* Asks at the endpoint whose turn it is, with what the configuration says by now. */
static int ask(struct kms_call *call, struct fault *f)
{
	struct config config = reach_config(&call->agent->config, &call->reach);
	struct kms_worker *worker;
	int r;

	if (config.no_calls)
		return kms_call_none(&config, f);
	config.kms_endpoint = endpoint_at(call->endpoints, call->at);
	if (!config.kms_endpoint)
		return fault_set(f, "InternalFailure", "Out of memory.");
	r = kms_worker_start(call->agent->event, &config, call->operation, call->request, on_done,
			     call, &worker, f);
	if (r == 0) {
		kms_worker_set_newest(worker, newest_change(call->agent, call->kms));
		kms_worker_on_drop(worker, call_drop);
	}
	free(config.kms_endpoint);
	return r;
}

/* After silence: asks the next endpoint, unless each one has been asked. */
static bool goes_on(struct kms_call *call, const struct fault *silence)
{
	size_t count = endpoint_count(call->endpoints);
	struct fault f = { 0 };

	call->silence = *silence;
	if (++call->asked >= count)
		return false;
	call->at = (call->at + 1) % count;
	if (ask(call, &f) == 0)
		return true;
	log_error("%s", f.message);
	return false;
}

/* Which KMS answers is known now alone. */
static int64_t newest_of(const struct kms_call *call, const struct kms_worker *worker)
{
	char kms[VOLUME_KMS_MAX];

	snprintf(kms, sizeof(kms), RULES_PROVED_KMS "%s", kms_worker_kms_id(worker));
	return newest_change_in(call->seen, kms);
}

static void on_done(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		    struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct kms_call *call = userdata;
	const char *arn = call->key_arn[0] ? call->key_arn : json_get_string(response, "KeyId");

	if (!call->kms[0])
		kms_worker_set_newest(worker, newest_of(call, worker));
	/* Before the record: a disk that hangs under the trail must not keep a refused key alive. */
	if (outcome == KMS_DENIED && call->denied)
		call->denied(call->userdata);
	audit_kms_call(call->agent->audit, call->operation, call->request, arn, f);
	if (kms_is_silent(outcome, f->code)) {
		if (goes_on(call, f))
			return;
	} else if (outcome == KMS_OK) {
		endpoint_turn_answered(call->endpoints, call->at, lease_now(), &call->silence);
	} else {
		endpoint_turn_from_first(call->endpoints);
	}
	call->done(worker, outcome, f, response, plaintext, call->userdata);
	call_free(call);
}

/**
 * kms_call_begin() - call the KMS of a cluster
 * @cluster: with its own profile and endpoint, if it has them; need not last as long as the call
 * @operation: a literal
 * @request: taken over
 * @key_arn: for the audit record; NULL while only the KMS knows it
 * @denied: called first of all on a definitive denial; NULL if there is no access to end
 * @done: called from the event loop with the answer, after the audit record
 * @userdata: of @done; freed with free() if the agent ends before the answer
 *
 * If an endpoint is silent, the next one of the list is asked. config_check_endpoints() has checked
 * that the silence of all leaves time within a lease. The worker that @done gets is that of the
 * last answer.
 *
 * A call cannot be cancelled: a caller that no longer wants the answer ignores it.
 *
 * Return: 0, or -1 if no call could be begun; @done is not called then.
 */
int kms_call_begin(const struct cluster *cluster, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied, kms_worker_done_t done, void *userdata,
		   struct fault *f)
{
	struct agent *agent = cluster->agent;
	struct config config = reach_config(&agent->config, &cluster->reach);
	struct kms_call *call = calloc(1, sizeof(*call));

	if (call) {
		call->request = request;
		call->endpoints = strdup(config.kms_endpoint);
		memcpy(call->kms, cluster->grant.kms, sizeof(call->kms));
	}
	if (!call || !call->endpoints ||
	    (!call->kms[0] && newest_change_copy(agent, &call->seen) < 0)) {
		if (call)
			call_free(call);
		else
			json_object_put(request);
		return fault_set(f, "InternalFailure", "Out of memory.");
	}
	call->agent = agent;
	call->reach = cluster->reach;
	call->operation = operation;
	call->denied = denied;
	call->done = done;
	call->userdata = userdata;
	if (key_arn)
		snprintf(call->key_arn, sizeof(call->key_arn), "%s", key_arn);
	call->at = endpoint_turn_begin(call->endpoints, lease_now(),
				       FIRST_AGAIN * agent_renew_ns(agent));
	if (ask(call, f) == 0)
		return 0;
	call_free(call);
	return -1;
}

/** kms_call_from_first() - the next call of a cluster tries the first endpoint of its list */
void kms_call_from_first(const struct cluster *cluster)
{
	struct config config = reach_config(&cluster->agent->config, &cluster->reach);

	endpoint_turn_from_first(config.kms_endpoint);
}
