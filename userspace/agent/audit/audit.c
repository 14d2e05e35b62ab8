// SPDX-License-Identifier: MIT
/*
 * Writes audit records. A record is one write(2) on a file opened for appending, so
 * records never mix; those of a change of status are on the disk before the call returns.
 *
 * A record that the file does not take is in the journal, and counted: the file says so in a
 * record of its own as soon as it takes one again.
 */
#include "agent/audit/audit.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "agent/api/cluster_json.h"
#include "lib/audit/append_file.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define IDENTIFIER "envelope-audit"

/*
 * Bytes of a parameter that are recorded. Whoever may ask could fill the trail otherwise, and a
 * record be too large for a message to who reads it; CloudTrail cuts parameters off as well.
 */
#define STRING_MAX 1024

/*
 * sourceIPAddress is an address or, of a service, its name, as CloudTrail has it: who reads the
 * field as an address must not find a host name there. A client is on a unix socket of this host.
 */
#define FROM_CLIENT  "127.0.0.1"
#define FROM_SERVICE AUDIT_SOURCE_CLUSTER
#define FROM_WITHIN  "AWS Internal"

/**
 * struct audit - owned by the agent
 * @fd: the file, O_APPEND
 * @torn: the file does not end with a whole line
 * @missing: records that the file did not take; @missing_since is the time of the first
 * @error: why, an errno
 * @each, @userdata: told of every record
 */
struct audit {
	int fd;
	bool torn;
	unsigned int missing;
	char missing_since[32];
	int error;
	char *path;
	char region[32];
	char account[13];
	char host[65];
	audit_each_t each;
	void *userdata;
};

/**
 * audit_open() - open the trail for appending
 * @path: of the file; made with mode 0640
 *
 * Return: 0 or -1.
 */
int audit_open(const char *path, const char *region, const char *account, struct audit **ret,
	       struct fault *f)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(f, "InternalFailure", "Out of memory.");
	audit->fd = append_file_open(path);
	audit->torn = append_file_is_torn(path);
	audit->path = strdup(path);
	if (audit->fd < 0 || !audit->path) {
		fault_set(f, "InvalidConfiguration", "Cannot write the audit trail %s: %s.", path,
			  strerror(errno));
		audit_close(audit);
		return -1;
	}
	snprintf(audit->region, sizeof(audit->region), "%s", region);
	snprintf(audit->account, sizeof(audit->account), "%s", account);
	gethostname(audit->host, sizeof(audit->host) - 1);
	*ret = audit;
	return 0;
}

/** audit_on_record() - have @each called with every record from now on */
void audit_on_record(struct audit *audit, audit_each_t each, void *userdata)
{
	audit->each = each;
	audit->userdata = userdata;
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

/* A record with what all have in common, in CloudTrail's order. @from: one of FROM_... */
static json_object *new_record(const struct audit *audit, json_object *identity, const char *from,
			       const char *source, const char *name)
{
	json_object *record = json_object_new_object();
	char now[32];

	format_time(time(NULL), now);
	json_add_string(record, "eventVersion", "1.09");
	json_object_object_add(record, "userIdentity", identity);
	json_add_string(record, "eventTime", now);
	json_add_string(record, "eventSource", source);
	json_add_string(record, "eventName", name);
	json_add_string(record, "awsRegion", audit->region);
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

static void finish_record(const struct audit *audit, json_object *record, const char *type)
{
	json_object *extra = json_object_new_object();

	json_add_string(extra, "hostName", audit->host);
	json_object_object_add(record, "additionalEventData", extra);
	add_id(record, "requestID");
	add_id(record, "eventID");
	json_add_string(record, "eventType", type);
	json_add_string(record, "recipientAccountId", audit->account);
}

static void to_journal(json_object *record, const char *line)
{
	const char *error = json_get_string(record, "errorCode");
	const char *name = json_get_string(record, "eventName");

	sd_journal_send("MESSAGE=%s%s%s", name, error ? " failed: " : "", error ? error : "",
			"PRIORITY=%d", error ? 4 : 6, "SYSLOG_IDENTIFIER=" IDENTIFIER,
			"ENVELOPE_EVENT=%s", name, "ENVELOPE_RECORD=%s", line, NULL);
}

static const char *to_line(json_object *record, size_t *size)
{
	return json_object_to_json_string_length(record,
						 JSON_C_TO_STRING_PLAIN |
							 JSON_C_TO_STRING_NOSLASHESCAPE,
						 size);
}

/* The file that logrotate has moved away was whole; the new one may have been written by another. */
static int follow(struct audit *audit)
{
	bool changed;

	if (append_file_follow(&audit->fd, audit->path, &changed))
		return errno;
	if (changed)
		audit->torn = append_file_is_torn(audit->path);
	return 0;
}

/* Appends a record to the file. Returns 0 or an errno. */
static int to_file(struct audit *audit, json_object *record, bool sync)
{
	size_t size;
	const char *line = to_line(record, &size);
	int err = follow(audit);

	if (!err)
		err = append_file_line(audit->fd, &audit->torn, line, size);
	if (err)
		return err;
	return sync && fdatasync(audit->fd) < 0 ? errno : 0;
}

/* Has the file say how many records are in the journal only. Returns 0 or an errno. */
static int close_gap(struct audit *audit)
{
	json_object *record = new_record(audit, agent_identity(), FROM_WITHIN, AUDIT_SOURCE_CLUSTER,
					 "AuditTrailGap");
	json_object *details = json_object_new_object();
	int err;

	json_add_bool(record, "readOnly", false);
	json_add_int(details, "recordsMissing", audit->missing);
	json_add_string(details, "since", audit->missing_since);
	json_add_string(details, "reason", strerror(audit->error));
	json_object_object_add(record, "serviceEventDetails", details);
	finish_record(audit, record, "AwsServiceEvent");
	err = to_file(audit, record, true);
	if (!err) {
		log_warning("The audit trail %s is written again; %u records are in the journal only.",
			    audit->path, audit->missing);
		audit->missing = 0;
		to_journal(record, to_line(record, &(size_t){ 0 }));
	}
	json_object_put(record);
	return err;
}

/* Writes a record and frees it. @sync: it must survive a power cut. */
static void emit(struct audit *audit, json_object *record, bool sync)
{
	const char *line = to_line(record, &(size_t){ 0 });
	int err = audit->missing ? close_gap(audit) : 0;

	if (!err)
		err = to_file(audit, record, sync);
	if (err) {
		log_error("Cannot write the audit trail %s: %s. The record of %s is in the journal only.",
			  audit->path, strerror(err), json_get_string(record, "eventName"));
		if (!audit->missing++)
			format_time(time(NULL), audit->missing_since);
		audit->error = err;
	}
	to_journal(record, line);
	if (audit->each)
		audit->each(record, audit->userdata);
	json_object_put(record);
}

/**
 * audit_recorded() - is all that was recorded so far on the disk, in the file?
 *
 * Access is given only then. Nothing that ends access may ask: a denial waits for no log.
 *
 * Return: 0, or -1 with the fault AuditTrailUnavailable.
 */
int audit_recorded(struct audit *audit, struct fault *f)
{
	if (!audit->missing && fdatasync(audit->fd) < 0) {
		format_time(time(NULL), audit->missing_since);
		audit->error = errno;
		audit->missing = 1;
	}
	if (!audit->missing)
		return 0;
	return fault_set(f, "AuditTrailUnavailable",
			 "The audit trail %s cannot be written: %s. No access to a volume is given that it does not record.",
			 audit->path, strerror(audit->error));
}

static json_object *peer_identity(uid_t uid, pid_t pid)
{
	json_object *identity = json_object_new_object();
	const struct passwd *user = getpwuid(uid);
	char principal[32];

	snprintf(principal, sizeof(principal), "uid:%u", uid);
	json_add_string(identity, "type", "HostUser");
	json_add_string(identity, "principalId", principal);
	json_add_string(identity, "userName", user ? user->pw_name : NULL);
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
	/* Not in the middle of a character of UTF-8. */
	while (end && (text[end] & 0xc0) == 0x80)
		end--;
	snprintf(cut, sizeof(cut), "%.*s... (%zu bytes)", (int)end, text, size);
	return json_object_new_string(cut);
}

/* Parameters with their strings cut to what a reader of the trail can take; a new reference. */
static json_object *shorten(json_object *parameters)
{
	json_object *copy;

	if (json_object_is_type(parameters, json_type_string))
		return shorten_string(parameters);
	if (!json_object_is_type(parameters, json_type_object))
		return json_object_get(parameters);
	copy = json_object_new_object();
	json_object_object_foreach(parameters, name, value)
		json_object_object_add(copy, name, shorten(value));
	return copy;
}

/* What may be written down of a KMS request: names in CloudTrail's case, no blobs. */
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

		if (json_object_object_get_ex(request, names[i].from, &value))
			json_object_object_add(parameters, names[i].to, shorten(value));
	}
	return parameters;
}

/* Names the key concerned, once it is known by its ARN. */
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
	json_object_object_add(record, "resources", resources);
}

/**
 * audit_kms_call() - record a call to the KMS
 * @operation: "Decrypt"
 * @request: as it was sent; blobs in it are left out
 * @key_arn: of the key, NULL when it is not known
 * @f: what it failed with; NULL or an empty code: it did not
 */
void audit_kms_call(struct audit *audit, const char *operation, json_object *request,
		    const char *key_arn, const struct fault *f)
{
	json_object *record = new_record(audit, agent_identity(), FROM_SERVICE, AUDIT_SOURCE_KMS,
					 operation);

	add_outcome(record, f);
	json_object_object_add(record, "requestParameters", kms_parameters(request));
	json_object_object_add(record, "responseElements", NULL);
	json_add_bool(record, "readOnly", true);
	add_key(record, key_arn);
	finish_record(audit, record, "AwsApiCall");
	emit(audit, record, false);
}

/**
 * audit_api_call() - record that somebody asked to change something
 * @name: RDS's name of the action, "CreateDBCluster"
 * @params: as they came
 * @uid, @pid: who asked
 * @cluster: concerned, or NULL
 * @f: what it failed with; NULL or an empty code: it did not
 */
void audit_api_call(struct audit *audit, const char *name, json_object *params, uid_t uid,
		    pid_t pid, const struct cluster *cluster, const struct fault *f)
{
	json_object *record = new_record(audit, peer_identity(uid, pid), FROM_CLIENT,
					 AUDIT_SOURCE_CLUSTER, name);

	add_outcome(record, f);
	json_object_object_add(record, "requestParameters", shorten(params));
	json_object_object_add(record, "responseElements",
			       cluster && (!f || !f->code[0]) ? cluster_to_json(cluster) : NULL);
	json_add_bool(record, "readOnly", false);
	if (cluster)
		add_key(record, cluster->key_arn);
	finish_record(audit, record, "AwsApiCall");
	emit(audit, record, true);
}

/** audit_status() - record that @cluster's status changed from @before */
void audit_status(struct audit *audit, const struct cluster *cluster, enum cluster_status before)
{
	json_object *record = new_record(audit, agent_identity(), FROM_WITHIN, AUDIT_SOURCE_CLUSTER,
					 "DBClusterStatusChange");
	json_object *details = json_object_new_object();

	json_object_object_add(record, "requestParameters", NULL);
	json_object_object_add(record, "responseElements", NULL);
	json_add_bool(record, "readOnly", false);
	add_key(record, cluster->key_arn);
	json_add_string(details, "dbClusterIdentifier", cluster->id);
	json_add_string(details, "dbClusterResourceId", cluster->resource_id);
	json_add_string(details, "volumeId", cluster->volume_id);
	if (before != cluster->status)
		json_add_string(details, "previousStatus", cluster_status_name(before));
	json_add_string(details, "status", cluster_status_name(cluster->status));
	json_add_string(details, "statusReason", cluster->reason);
	json_object_object_add(record, "serviceEventDetails", details);
	finish_record(audit, record, "AwsServiceEvent");
	emit(audit, record, true);
}

/* Is the line's eventTime not before @since? Both ISO 8601 in UTC, so the text's order is time's. */
static bool is_since(const char *line, const char *since)
{
	static const char key[] = "\"eventTime\":\"";
	const char *p = since ? strstr(line, key) : NULL;

	return !since ||
	       (p && strncmp(p + sizeof(key) - 1, since, strlen("YYYY-MM-DDTHH:MM:SS")) >= 0);
}

/**
 * audit_read() - read records back
 * @since: ISO 8601 UTC, or NULL for all
 * @limit: at most so many, the newest ones
 *
 * Return: an array for the caller, oldest first, or NULL.
 */
json_object *audit_read(struct audit *audit, const char *since, size_t limit, struct fault *f)
{
	FILE *file = fopen(audit->path, "re");
	char **ring = calloc(limit, sizeof(*ring)), *line = NULL;
	json_object *records = json_object_new_array();
	size_t capacity = 0, count = 0;
	ssize_t size;

	if (!file || !ring) {
		fault_set(f, "InternalFailure", "Cannot read the audit trail: %s.",
			  strerror(errno));
		json_object_put(records);
		records = NULL;
	}
	while (records && (size = getline(&line, &capacity, file)) > 0) {
		if (!is_since(line, since))
			continue;
		free(ring[count % limit]);
		ring[count++ % limit] = strndup(line, (size_t)size);
	}
	for (size_t i = count > limit ? count - limit : 0; i < count; i++) {
		char *text = ring[i % limit];
		json_object *record = text ? json_parse(text, strlen(text)) : NULL;

		if (!record)
			continue;
		/* Written by an agent that did not cut them off. */
		json_object_object_add(record, "requestParameters",
				       shorten(json_get_object(record, "requestParameters")));
		json_object_array_add(records, record);
	}
	for (size_t i = 0; ring && i < limit; i++)
		free(ring[i]);
	free(ring);
	free(line);
	if (file)
		fclose(file);
	return records;
}

/** audit_close() - NULL is fine */
void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	if (audit->fd >= 0)
		close(audit->fd);
	free(audit->path);
	free(audit);
}
