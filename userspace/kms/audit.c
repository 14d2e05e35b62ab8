// SPDX-License-Identifier: MIT
/*
 * Writing the audit trail.
 *
 * Must never rewrite: the file is opened for appending only, a record is one write.
 */
#include "audit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "append_file.h"
#include "json.h"
#include "log.h"

struct audit {
	int fd;
	char *path;
};

/* What may be recorded of a request. All else, known or not, stays out. */
static const char *const recorded[] = {
	"AliasName", "CustomKeyStoreId", "CustomerMasterKeySpec", "Description",
	"DestinationEncryptionAlgorithm", "DestinationEncryptionContext", "DestinationKeyId",
	"DryRun", "EncryptionAlgorithm", "EncryptionContext", "KeyId", "KeySpec", "KeyUsage",
	"Limit", "Marker", "MultiRegion", "NumberOfBytes", "Origin", "PendingWindowInDays",
	"SourceEncryptionAlgorithm", "SourceEncryptionContext", "SourceKeyId", "TargetKeyId",
};

/* Adds @value as @name with a small first letter, CloudTrail's way. */
static void add_lower(struct json_object *o, const char *name, struct json_object *value)
{
	char lower[64];

	snprintf(lower, sizeof(lower), "%s", name);
	lower[0] = (char)tolower((unsigned char)lower[0]);
	json_object_object_add(o, lower, value);
}

static struct json_object *request_parameters(struct json_object *params)
{
	struct json_object *out = NULL;
	size_t i;

	for (i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		struct json_object *value;

		if (!json_object_object_get_ex(params, recorded[i], &value))
			continue;
		if (!out)
			out = json_object_new_object();
		add_lower(out, recorded[i], json_object_get(value));
	}
	return out;
}

/* Management operations answer with metadata only; those that read answer null in CloudTrail. */
static struct json_object *response_elements(const struct call *call, const struct fault *fault)
{
	struct json_object *out;

	if (fault || call->read_only || json_object_object_length(call->reply) == 0)
		return NULL;
	out = json_object_new_object();
	json_object_object_foreach(call->reply, name, value) {
		struct json_object *inner = json_object_get(value);

		if (json_object_is_type(value, json_type_object)) {
			json_object_put(inner);
			inner = json_object_new_object();
			json_object_object_foreach(value, inner_name, inner_value)
				add_lower(inner, inner_name, json_object_get(inner_value));
		}
		add_lower(out, name, inner);
	}
	return out;
}

static struct json_object *user_identity(const struct call *call)
{
	struct json_object *identity = json_object_new_object();
	char arn[160];

	if (!call->caller) {
		json_add_string(identity, "type", "Unknown");
		if (call->access_key[0])
			json_add_string(identity, "accessKeyId", call->access_key);
		return identity;
	}
	principal_arn(call->caller, arn, sizeof(arn));
	json_add_string(identity, "type", "IAMUser");
	json_add_string(identity, "principalId", call->caller->access_key);
	json_add_string(identity, "arn", arn);
	json_add_string(identity, "accountId", call->caller->account);
	json_add_string(identity, "accessKeyId", call->caller->access_key);
	json_add_string(identity, "userName", call->caller->name);
	return identity;
}

static struct json_object *resources(const struct call *call)
{
	struct json_object *list;
	size_t i;

	if (call->resource_count == 0)
		return NULL;
	list = json_object_new_array();
	for (i = 0; i < call->resource_count; i++) {
		struct json_object *entry = json_object_new_object();
		struct key_ref ref;

		if (key_ref_parse(call->resources[i], &ref, NULL) == 0)
			json_add_string(entry, "accountId", ref.account);
		json_add_string(entry, "type", "AWS::KMS::Key");
		json_add_string(entry, "ARN", call->resources[i]);
		json_object_array_add(list, entry);
	}
	return list;
}

static void add_event(struct json_object *record, const struct call *call)
{
	char event_id[SD_ID128_UUID_STRING_MAX];
	char when[32];
	time_t now = call->now;
	sd_id128_t id;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_add_string(record, "eventTime", when);
	json_add_string(record, "eventSource", "kms.amazonaws.com");
	json_add_string(record, "eventName", call->operation);
	json_add_string(record, "awsRegion", call->kms->region);
	json_add_string(record, "sourceIPAddress", call->source);
	json_add_string(record, "userAgent", call->user_agent);
	json_add_string(record, "requestID", call->request_id);
	if (sd_id128_randomize(&id) == 0)
		json_add_string(record, "eventID", sd_id128_to_uuid_string(id, event_id));
	json_add_bool(record, "readOnly", call->read_only);
	json_add_string(record, "eventType", "AwsApiCall");
	json_add_string(record, "recipientAccountId",
			call->caller ? call->caller->account : call->kms->account);
}

/* Who was at the other end of the unix socket, as the kernel says. */
static struct json_object *peer(const struct call *call)
{
	struct json_object *data;

	if (call->pid == 0)
		return NULL;
	data = json_object_new_object();
	json_add_int(data, "peerPid", call->pid);
	json_add_int(data, "peerUid", call->uid);
	return data;
}

static struct json_object *make_record(const struct call *call, const struct fault *fault)
{
	struct json_object *record = json_object_new_object();
	struct json_object *extra;

	json_add_string(record, "eventVersion", "1.09");
	json_object_object_add(record, "userIdentity", user_identity(call));
	add_event(record, call);
	if (fault) {
		json_add_string(record, "errorCode", fault->code);
		json_add_string(record, "errorMessage", fault->message);
	}
	json_object_object_add(record, "requestParameters", request_parameters(call->params));
	json_object_object_add(record, "responseElements", response_elements(call, fault));
	extra = resources(call);
	if (extra)
		json_object_object_add(record, "resources", extra);
	extra = peer(call);
	if (extra)
		json_object_object_add(record, "additionalEventData", extra);
	return record;
}

static int append(struct audit *audit, const char *text)
{
	size_t size = strlen(text);
	ssize_t written;
	char *line;

	/* logrotate may have moved it away. */
	if (append_file_follow(&audit->fd, audit->path, NULL)) {
		log_error("cannot open the audit trail %s: %s", audit->path, strerror(errno));
		return -1;
	}
	line = malloc(size + 1);
	if (!line)
		return -1;
	memcpy(line, text, size);
	line[size] = '\n';
	written = write(audit->fd, line, size + 1);
	if (written != (ssize_t)size + 1)
		log_error("cannot write the audit trail %s: %s", audit->path,
			  written < 0 ? strerror(errno) : "file system full");
	free(line);
	return written == (ssize_t)size + 1 ? 0 : -1;
}

int audit_write(struct audit *audit, const struct call *call, const struct fault *fault)
{
	_cleanup_json_ struct json_object *record = make_record(call, fault);
	const char *text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text || append(audit, text))
		return -1;
	/* The journal may be absent (containers, early boot): the file is the record of truth. */
	sd_journal_send("MESSAGE=%s by %s: %s", call->operation,
			call->caller ? call->caller->name : "unknown",
			fault ? fault->code : "allowed",
			"PRIORITY=%d", fault ? 5 : 6,
			"SYSLOG_IDENTIFIER=envelope-kms-audit", "ENVELOPE_EVENT=%s", call->operation,
			"ENVELOPE_RECORD=%s", text, NULL);
	return 0;
}

int audit_open(const char *path, struct audit **ret, struct fault *f)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(f, "InternalFailure", "out of memory");
	audit->path = strdup(path);
	audit->fd = append_file_open(path);
	if (!audit->path || audit->fd < 0) {
		fault_set(f, "InvalidConfiguration", "cannot open the audit trail %s: %s", path,
			  strerror(errno));
		audit_close(audit);
		return -1;
	}
	*ret = audit;
	return 0;
}

void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	if (audit->fd >= 0)
		close(audit->fd);
	free(audit->path);
	free(audit);
}
