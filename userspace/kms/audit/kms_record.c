// SPDX-License-Identifier: MIT
/*
 * The shape of the KMS's audit records.
 *
 * Must never record a parameter that is not on the list.
 */
#include "kms/audit/kms_record.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <systemd/sd-id128.h>

#include "kms/users/user.h"
#include "lib/base/format_time.h"
#include "lib/base/hex.h"
#include "lib/base/json.h"

/* CloudTrail's words for the caller and the source address of an event without a call. */
#define INTERNAL "AWS Internal"

/* The parameters of a request that may be recorded. Every other parameter stays out. */
static const char *const recorded[] = {
	"AccessKeyId",
	"AliasName",
	"BypassPolicyLockoutSafetyCheck",
	"Constraints",
	"CustomKeyStoreId",
	"CustomerMasterKeySpec",
	"Description",
	"DestinationEncryptionAlgorithm",
	"DestinationEncryptionContext",
	"DestinationKeyId",
	"DryRun",
	"EncryptionAlgorithm",
	"EncryptionContext",
	"GrantId",
	"GranteePrincipal",
	"IncludeKeyMaterial",
	"KeyId",
	"KeySpec",
	"KeyUsage",
	"Limit",
	"Marker",
	"MultiRegion",
	"Name",
	"NumberOfBytes",
	"Operations",
	"Origin",
	"PendingWindowInDays",
	"Policy",
	"PolicyDocument",
	"PolicyName",
	"RetiringPrincipal",
	"RotationPeriodInDays",
	"SourceEncryptionAlgorithm",
	"SourceEncryptionContext",
	"SourceKeyId",
	"Status",
	"TagKeys",
	"Tags",
	"TargetKeyId",
	"UserName",
};

/* Adds @value as @name with a small first letter, as CloudTrail does. The client may choose @name. */
static void add_lower(struct json_object *o, const char *name, struct json_object *value)
{
	char *lower = strdup(name);

	if (!lower) {
		json_object_put(value);
		return;
	}
	lower[0] = (char)tolower((unsigned char)lower[0]);
	json_add_object(o, lower, value);
	free(lower);
}

/* Copies @o with its names in CloudTrail's spelling; with @deep also the names one level down. */
static struct json_object *in_lower(struct json_object *o, bool deep)
{
	struct json_object *out;

	if (!json_object_is_type(o, json_type_object))
		return json_object_get(o);
	out = json_object_new_object();
	json_object_object_foreach(o, name, value) {
		bool inner = deep && json_object_is_type(value, json_type_object);

		add_lower(out, name, inner ? in_lower(value, false) : json_object_get(value));
	}
	return out;
}

/* A list of structures has the names of their members in CloudTrail's spelling too. */
static struct json_object *list_in_lower(struct json_object *list)
{
	struct json_object *out = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object_array_add(out, in_lower(json_object_array_get_idx(list, i), false));
	}
	return out;
}

/* A parameter with its names in CloudTrail's spelling. A context has names of its own. */
static struct json_object *spelled(const char *name, struct json_object *value)
{
	if (json_object_is_type(value, json_type_array))
		return list_in_lower(value);
	return !strcmp(name, "Constraints") ? in_lower(value, false) : json_object_get(value);
}

/* Without a good signature nothing is recorded: strangers must not fill the disk. */
static struct json_object *request_parameters(const struct call *call)
{
	struct json_object *params = call->params, *out = NULL;
	size_t i;

	if (!call->caller)
		return NULL;

	for (i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		struct json_object *value;

		if (!json_find(params, recorded[i], &value))
			continue;
		if (!out)
			out = json_object_new_object();
		add_lower(out, recorded[i], spelled(recorded[i], value));
	}
	return out;
}

/*
 * The reply of a call that changes something holds only metadata, so the record includes the reply.
 * For read-only calls CloudTrail's responseElements is null.
 */
static struct json_object *response_elements(const struct call *call, const struct fault *refusal)
{
	struct json_object *elements, *access_key;

	if (refusal || call->read_only || json_object_object_length(call->reply) == 0)
		return NULL;
	elements = in_lower(call->reply, true);
	/* Who reads the trail must neither retire a grant as the holder of its token, nor sign. */
	json_object_object_del(elements, "grantToken");
	access_key = json_get_object(elements, "accessKey");
	if (access_key)
		json_object_object_del(access_key, "secretAccessKey");
	return elements;
}

static struct json_object *user_identity(const struct call *call)
{
	struct json_object *identity = json_object_new_object();
	char arn[USER_ARN_MAX];

	if (!call->caller) {
		json_add_string(identity, "type", "Unknown");
		if (call->access_key[0])
			json_add_string(identity, "accessKeyId", call->access_key);
		return identity;
	}
	principal_arn(call->caller, arn);
	json_add_string(identity, "type", "IAMUser");
	json_add_string(identity, "principalId",
			call->user ? call->user->id : call->caller->access_key);
	json_add_string(identity, "arn", arn);
	json_add_string(identity, "accountId", call->caller->account);
	json_add_string(identity, "accessKeyId", call->caller->access_key);
	json_add_string(identity, "userName", call->caller->name);
	return identity;
}

static struct json_object *resource(const char *arn)
{
	struct json_object *entry = json_object_new_object();
	struct key_ref ref;

	if (key_ref_parse(arn, &ref, NULL) == 0)
		json_add_string(entry, "accountId", ref.account);
	json_add_string(entry, "type", "AWS::KMS::Key");
	json_add_string(entry, "ARN", arn);
	return entry;
}

static struct json_object *resources(const struct call *call)
{
	struct json_object *list;
	size_t i;

	if (call->resource_count == 0)
		return NULL;
	list = json_object_new_array();
	for (i = 0; i < call->resource_count; i++)
		json_object_array_add(list, resource(call->resources[i]));
	return list;
}

static void add_event_id(struct json_object *record)
{
	char event_id[SD_ID128_UUID_STRING_MAX];
	sd_id128_t id;

	if (sd_id128_randomize(&id) == 0)
		json_add_string(record, "eventID", sd_id128_to_uuid_string(id, event_id));
}

static void add_event(struct json_object *record, const struct call *call)
{
	char when[32], source[32];

	format_time(call->now, when);
	json_add_string(record, "eventTime", when);
	snprintf(source, sizeof(source), "%s.amazonaws.com", call->service);
	json_add_string(record, "eventSource", source);
	json_add_string(record, "eventName", call->operation);
	json_add_string(record, "awsRegion", call->region);
	json_add_string(record, "sourceIPAddress", call->source);
	json_add_string(record, "userAgent", call->user_agent);
	json_add_string(record, "requestID", call->request_id);
	add_event_id(record);
	json_add_bool(record, "readOnly", call->read_only);
	json_add_string(record, "eventType", "AwsApiCall");
	json_add_string(record, "recipientAccountId", call->account);
}

static void add_materials(struct json_object *data, const struct call *call)
{
	if (call->source_material[0]) {
		json_add_string(data, "destinationKeyMaterialId", call->material);
		json_add_string(data, "sourceKeyMaterialId", call->source_material);
	} else if (call->material[0]) {
		json_add_string(data, "keyMaterialId", call->material);
	}
}

/*
 * The process at the other end of the unix socket, as the kernel reports it, the grant that the call
 * is about, and the material of the key.
 */
static struct json_object *additional_data(const struct call *call)
{
	struct json_object *data;

	if (call->pid == 0 && !call->grant_id[0] && !call->material[0])
		return NULL;
	data = json_object_new_object();
	add_materials(data, call);
	if (call->grant_id[0])
		json_add_string(data, "grantId", call->grant_id);
	if (call->pid == 0)
		return data;
	json_add_int(data, "peerPid", call->pid);
	json_add_int(data, "peerUid", call->uid);
	return data;
}

/**
 * kms_record_call() - a call
 * @refusal: NULL if the call was allowed
 *
 * Return: for the caller.
 */
struct json_object *kms_record_call(const struct call *call, const struct fault *refusal)
{
	struct json_object *record = json_object_new_object();
	struct json_object *extra;

	json_add_string(record, "eventVersion", "1.09");
	json_add_object(record, "userIdentity", user_identity(call));
	add_event(record, call);
	if (refusal) {
		json_add_string(record, "errorCode", refusal->code);
		json_add_string(record, "errorMessage", refusal->message);
	}
	json_add_object(record, "requestParameters", request_parameters(call));
	json_add_object(record, "responseElements", response_elements(call, refusal));
	extra = resources(call);
	if (extra)
		json_add_object(record, "resources", extra);
	extra = additional_data(call);
	if (extra)
		json_add_object(record, "additionalEventData", extra);
	return record;
}

/**
 * kms_record_shorten() - keep the hash of a policy in place of its text
 *
 * The part of the reserve for one revocation has no room for a policy of 32 KiB.
 */
void kms_record_shorten(struct json_object *record)
{
	struct json_object *params = json_get_object(record, "requestParameters");
	bool of_user = json_has(params, "policyDocument");
	const char *name = of_user ? "policyDocument" : "policy";
	const char *policy = json_get_string(params, name);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned int size;
	char *hex;

	if (!policy || EVP_Digest(policy, strlen(policy), hash, &size, EVP_sha256(), NULL) != 1)
		return;
	hex = hex_encode(hash, size);
	json_add_string(params, "policySha256", hex);
	free(hex);
	json_add_int(params, "policyBytes", (int64_t)strlen(policy));
	json_object_object_del(params, name);
}

/**
 * kms_record_event() - a change that the KMS makes by itself
 * @name: CloudTrail's eventName
 * @account: of the trail
 *
 * Return: for the caller, who may add details.
 */
struct json_object *kms_record_event(const char *name, const char *region, const char *account)
{
	struct json_object *record = json_object_new_object();
	struct json_object *identity = json_object_new_object();
	char when[32];

	json_add_string(identity, "accountId", account);
	json_add_string(identity, "invokedBy", INTERNAL);
	format_time(time(NULL), when);
	json_add_string(record, "eventVersion", "1.09");
	json_add_object(record, "userIdentity", identity);
	json_add_string(record, "eventTime", when);
	json_add_string(record, "eventSource", "kms.amazonaws.com");
	json_add_string(record, "eventName", name);
	json_add_string(record, "awsRegion", region);
	json_add_string(record, "sourceIPAddress", INTERNAL);
	json_add_string(record, "userAgent", INTERNAL);
	json_add_object(record, "requestParameters", NULL);
	json_add_object(record, "responseElements", NULL);
	add_event_id(record);
	json_add_bool(record, "readOnly", false);
	json_add_string(record, "eventType", "AwsServiceEvent");
	json_add_string(record, "recipientAccountId", account);
	return record;
}

/** kms_record_key() - a kms_record_event() about @cmk; Return: for the caller */
struct json_object *kms_record_key(const char *name, const struct cmk *cmk)
{
	struct json_object *record = kms_record_event(name, cmk->region, cmk->account);
	struct json_object *list = json_object_new_array();
	char arn[ARN_MAX];

	cmk_arn(cmk, arn);
	json_object_array_add(list, resource(arn));
	json_add_object(record, "resources", list);
	return record;
}

/** kms_record_metadata() - @cmk as CreateKey answers it, in CloudTrail's spelling */
struct json_object *kms_record_metadata(const struct cmk *cmk)
{
	_cleanup_json_ struct json_object *metadata = cmk_metadata(cmk);

	return in_lower(metadata, false);
}
