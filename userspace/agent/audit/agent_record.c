// SPDX-License-Identifier: MIT
/* The shape of the agent's audit records. */
#include "agent/audit/agent_record.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#include "agent/api/cluster_json.h"
#include "lib/base/arn.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/local_account.h"

#define SOURCE_KMS     "kms.amazonaws.com"
#define SOURCE_CLUSTER "rds.amazonaws.com"

/*
 * Bytes of a parameter that are recorded. Longer parameters could fill the trail, or make a record
 * too large for the message in which a client reads it. CloudTrail cuts parameters off as well.
 */
#define STRING_MAX 1024

/*
 * CloudTrail's sourceIPAddress is an address or the name of a service. A reader that parses the
 * field as an address must not find a host name there. A client is on a unix socket of this host.
 */
#define FROM_CLIENT  "127.0.0.1"
#define FROM_SERVICE SOURCE_CLUSTER
#define FROM_WITHIN  "AWS Internal"

/**
 * agent_record_origin() - fill @origin
 * @region, @account: of this host's KMS
 */
void agent_record_origin(struct record_origin *origin, const char *region, const char *account)
{
	memset(origin, 0, sizeof(*origin));
	snprintf(origin->region, sizeof(origin->region), "%s", region);
	snprintf(origin->account, sizeof(origin->account), "%s", account);
	gethostname(origin->host, sizeof(origin->host) - 1);
}

static void add_id(json_object *o, const char *key)
{
	sd_id128_t id;
	char text[SD_ID128_UUID_STRING_MAX];

	if (sd_id128_randomize(&id) >= 0)
		json_add_string(o, key, sd_id128_to_uuid_string(id, text));
}

static json_object *agent_identity(void)
{
	json_object *identity = json_object_new_object();

	json_add_string(identity, "type", "AWSService");
	json_add_string(identity, "invokedBy", "enveloped");
	return identity;
}

/* A record with the fields of every record, in CloudTrail's order. @from: one of FROM_... */
static json_object *new_record(const struct record_origin *origin, json_object *identity,
			       const char *from, const char *source, const char *name)
{
	json_object *record = json_object_new_object();
	char now[32];

	format_time(time(NULL), now);
	json_add_string(record, "eventVersion", "1.09");
	json_add_object(record, "userIdentity", identity);
	json_add_string(record, "eventTime", now);
	json_add_string(record, "eventSource", source);
	json_add_string(record, "eventName", name);
	json_add_string(record, "awsRegion", origin->region);
	json_add_string(record, "sourceIPAddress", from);
	json_add_string(record, "userAgent", "enveloped/" ENVELOPE_VERSION);
	return record;
}

static void add_outcome(json_object *record, const struct fault *f)
{
	if (!f || !f->code[0])
		return;
	json_add_string(record, "errorCode", f->code);
	json_add_string(record, "errorMessage", f->message);
}

static void finish_record(const struct record_origin *origin, json_object *record, const char *type)
{
	json_object *extra = json_object_new_object();

	json_add_string(extra, "hostName", origin->host);
	json_add_object(record, "additionalEventData", extra);
	add_id(record, "requestID");
	add_id(record, "eventID");
	json_add_string(record, "eventType", type);
	json_add_string(record, "recipientAccountId", origin->account);
}

static json_object *peer_identity(uid_t uid, pid_t pid)
{
	json_object *identity = json_object_new_object();
	char principal[32], name[256];

	snprintf(principal, sizeof(principal), "uid:%u", uid);
	json_add_string(identity, "type", "HostUser");
	json_add_string(identity, "principalId", principal);
	json_add_string(identity, "userName",
			local_user_name(uid, name, sizeof(name)) ? name : NULL);
	json_add_int(identity, "processId", pid);
	return identity;
}

static json_object *shorten_string(json_object *string)
{
	const char *text = json_object_get_string(string);
	size_t size = (size_t)json_object_get_string_len(string), end = STRING_MAX;
	char cut[STRING_MAX + 64];

	if (size <= STRING_MAX)
		return json_object_get(string);
	/* Must not cut a UTF-8 character in two. */
	while (end && (text[end] & 0xc0) == 0x80)
		end--;
	snprintf(cut, sizeof(cut), "%.*s... (%zu bytes)", (int)end, text, size);
	return json_object_new_string(cut);
}

/**
 * agent_record_shorten() - request parameters with strings of at most STRING_MAX bytes
 *
 * Return: a new reference for the caller.
 */
json_object *agent_record_shorten(json_object *parameters)
{
	json_object *copy;

	if (json_object_is_type(parameters, json_type_string))
		return shorten_string(parameters);
	if (!json_object_is_type(parameters, json_type_object))
		return json_object_get(parameters);
	copy = json_object_new_object();
	json_object_object_foreach(parameters, name, value)
		json_add_object(copy, name, agent_record_shorten(value));
	return copy;
}

/* The parameters of a KMS request that may be recorded: names in CloudTrail's case, no blobs. */
static json_object *kms_parameters(json_object *request)
{
	static const struct {
		const char *from, *to;
	} names[] = {
		{ "KeyId", "keyId" },
		{ "NumberOfBytes", "numberOfBytes" },
		{ "EncryptionContext", "encryptionContext" },
		{ "EncryptionAlgorithm", "encryptionAlgorithm" },
		{ "SourceKeyId", "sourceKeyId" },
		{ "DestinationKeyId", "destinationKeyId" },
		{ "SourceEncryptionContext", "sourceEncryptionContext" },
		{ "DestinationEncryptionContext", "destinationEncryptionContext" },
		{ "DryRun", "dryRun" },
	};
	json_object *parameters = json_object_new_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		json_object *value;

		if (json_find(request, names[i].from, &value))
			json_add_object(parameters, names[i].to, agent_record_shorten(value));
	}
	return parameters;
}

/* Names the key of a record, if the key's ARN is known. */
static void add_key(json_object *record, const char *arn)
{
	json_object *resources, *resource;
	struct key_ref ref;

	if (!arn || key_ref_parse(arn, &ref, NULL) < 0 || ref.kind != KEY_REF_ARN)
		return;
	resources = json_object_new_array();
	resource = json_object_new_object();
	json_add_string(resource, "ARN", arn);
	json_add_string(resource, "accountId", ref.account);
	json_add_string(resource, "type", "AWS::KMS::Key");
	json_object_array_add(resources, resource);
	json_add_object(record, "resources", resources);
}

/**
 * agent_record_kms_call() - a call to the KMS
 * @operation: "Decrypt"
 * @request: as it was sent; its blobs are left out
 * @key_arn: of the key; NULL when it is not known
 * @f: the call's fault; NULL or an empty code if it succeeded
 *
 * Return: for the caller.
 */
json_object *agent_record_kms_call(const struct record_origin *origin, const char *operation,
				   json_object *request, const char *key_arn, const struct fault *f)
{
	json_object *record = new_record(origin, agent_identity(), FROM_SERVICE, SOURCE_KMS,
					 operation);

	add_outcome(record, f);
	json_add_object(record, "requestParameters", kms_parameters(request));
	json_add_object(record, "responseElements", NULL);
	json_add_bool(record, "readOnly", true);
	add_key(record, key_arn);
	finish_record(origin, record, "AwsApiCall");
	return record;
}

/**
 * agent_record_api_call() - a client's request to change something
 * @name: RDS's name of the action, "CreateDBCluster"
 * @params: as the client sent them
 * @uid, @pid: of the client
 * @cluster: of the request, or NULL
 * @f: the request's fault; NULL or an empty code if it succeeded
 *
 * Return: for the caller.
 */
json_object *agent_record_api_call(const struct record_origin *origin, const char *name,
				   json_object *params, uid_t uid, pid_t pid,
				   const struct cluster *cluster, const struct fault *f)
{
	json_object *record = new_record(origin, peer_identity(uid, pid), FROM_CLIENT,
					 SOURCE_CLUSTER, name);

	add_outcome(record, f);
	json_add_object(record, "requestParameters", agent_record_shorten(params));
	json_add_object(record, "responseElements",
			cluster && (!f || !f->code[0]) ? cluster_to_json(cluster) : NULL);
	json_add_bool(record, "readOnly", false);
	if (cluster)
		add_key(record, cluster->key_arn);
	finish_record(origin, record, "AwsApiCall");
	return record;
}

/** agent_record_status() - a change of @cluster's status from @before; Return: for the caller */
json_object *agent_record_status(const struct record_origin *origin, const struct cluster *cluster,
				 enum cluster_status before)
{
	json_object *record = new_record(origin, agent_identity(), FROM_WITHIN, SOURCE_CLUSTER,
					 "DBClusterStatusChange");
	json_object *details = json_object_new_object();

	json_add_object(record, "requestParameters", NULL);
	json_add_object(record, "responseElements", NULL);
	json_add_bool(record, "readOnly", false);
	add_key(record, cluster->key_arn);
	json_add_string(details, "dbClusterIdentifier", cluster->id);
	json_add_string(details, "dbClusterResourceId", cluster->resource_id);
	json_add_string(details, "volumeId", cluster->volume_id);
	if (before != cluster->status)
		json_add_string(details, "previousStatus", cluster_status_name(before));
	json_add_string(details, "status", cluster_status_name(cluster->status));
	json_add_string(details, "statusReason", cluster->reason);
	json_add_object(record, "serviceEventDetails", details);
	finish_record(origin, record, "AwsServiceEvent");
	return record;
}

/**
 * agent_record_service_event() - something that concerns the agent and no one cluster
 * @name: "ConfigurationReload"
 * @details: taken over; may be NULL
 * @f: the fault; NULL or an empty code for no fault
 *
 * Return: for the caller.
 */
json_object *agent_record_service_event(const struct record_origin *origin, const char *name,
					json_object *details, const struct fault *f)
{
	json_object *record = new_record(origin, agent_identity(), FROM_WITHIN, SOURCE_CLUSTER,
					 name);

	add_outcome(record, f);
	json_add_bool(record, "readOnly", false);
	json_add_object(record, "serviceEventDetails", details);
	finish_record(origin, record, "AwsServiceEvent");
	return record;
}

/**
 * agent_record_gap() - records are missing from the trail
 * @details: taken over
 *
 * Return: for the caller.
 */
json_object *agent_record_gap(const struct record_origin *origin, json_object *details)
{
	return agent_record_service_event(origin, "AuditTrailGap", details, NULL);
}
