// SPDX-License-Identifier: MIT
/* The agent's audit trail: writes each record, passes it on, and reads records back. */
#include "agent/audit/agent_audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/agent_record.h"
#include "lib/audit/append_file.h"
#include "lib/audit/trail.h"
#include "lib/base/file.h"
#include "lib/base/json.h"

/**
 * struct audit - owned by the agent
 * @trail: owned
 * @each, @userdata: called with every record
 */
struct audit {
	struct trail *trail;
	struct record_origin origin;
	audit_each_t each;
	void *userdata;
};

static void journal_message(json_object *record, char *text, size_t size)
{
	const char *error = json_get_string(record, "errorCode");

	snprintf(text, size, "%s%s%s", json_get_string(record, "eventName"),
		 error ? " failed: " : "", error ? error : "");
}

static json_object *gap(void *userdata, json_object *details)
{
	const struct audit *audit = userdata;

	return agent_record_gap(&audit->origin, details);
}

static const struct trail_kind kind = {
	.identifier = "envelope-audit",
	.failed_priority = 4,
	.waits = true,
	.message = journal_message,
	.gap = gap,
};

/**
 * audit_open() - open the trail for appending
 * @path: of the file; made with mode 0640, at once or as soon as its folder is there
 * @ret: for audit_close()
 *
 * Return: 0 or -1.
 */
int audit_open(const char *path, const char *region, const char *account, struct audit **ret,
	       struct fault *f)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(f, "InternalFailure", "Out of memory.");
	agent_record_origin(&audit->origin, region, account);
	if (trail_open(path, &kind, audit, &audit->trail, f) < 0) {
		audit_close(audit);
		return -1;
	}
	*ret = audit;
	return 0;
}

/** audit_on_record() - call @each with every record from now on */
void audit_on_record(struct audit *audit, audit_each_t each, void *userdata)
{
	audit->each = each;
	audit->userdata = userdata;
}

/* Writes a record and frees it. @sync: the record must survive a power cut. */
static void emit(struct audit *audit, json_object *record, bool sync)
{
	trail_append(audit->trail, record, sync);
	trail_journal(audit->trail, record);
	if (audit->each)
		audit->each(record, audit->userdata);
	json_object_put(record);
}

/**
 * audit_kms_call() - record a call to the KMS
 * @operation: "Decrypt"
 * @request: as it was sent; its blobs are left out
 * @key_arn: of the key; NULL when it is not known
 * @f: the call's fault; NULL or an empty code if it succeeded
 */
void audit_kms_call(struct audit *audit, const char *operation, json_object *request,
		    const char *key_arn, const struct fault *f)
{
	emit(audit, agent_record_kms_call(&audit->origin, operation, request, key_arn, f), false);
}

/**
 * audit_api_call() - record a client's request to change something
 * @name: RDS's name of the action, "CreateDBCluster"
 * @params: as the client sent them
 * @uid, @pid: of the client
 * @cluster: of the request, or NULL
 * @f: the request's fault; NULL or an empty code if it succeeded
 *
 * The record is on the disk when this returns.
 */
void audit_api_call(struct audit *audit, const char *name, json_object *params, uid_t uid,
		    pid_t pid, const struct cluster *cluster, const struct fault *f)
{
	emit(audit, agent_record_api_call(&audit->origin, name, params, uid, pid, cluster, f),
	     true);
}

/**
 * audit_status() - record that @cluster's status changed from @before
 *
 * The record is on the disk when this returns.
 */
void audit_status(struct audit *audit, const struct cluster *cluster, enum cluster_status before)
{
	emit(audit, agent_record_status(&audit->origin, cluster, before), true);
}

/** audit_status_record() - the record of audit_status(), for audit_append(); a new reference */
json_object *audit_status_record(const struct audit *audit, const struct cluster *cluster,
				 enum cluster_status before)
{
	return agent_record_status(&audit->origin, cluster, before);
}

/**
 * audit_append() - write several records
 * @records: array, borrowed
 *
 * The records are on the disk when this returns: they are synced once.
 */
void audit_append(struct audit *audit, json_object *records)
{
	size_t count = json_object_array_length(records);

	for (size_t i = 0; i < count; i++)
		emit(audit, json_object_get(json_object_array_get_idx(records, i)), i == count - 1);
}

/**
 * audit_service_event() - record something that concerns the agent and no one cluster
 * @name: "ConfigurationReload"
 * @details: taken over; may be NULL
 * @f: the fault; NULL or an empty code for no fault
 *
 * The record is on the disk when this returns.
 */
void audit_service_event(struct audit *audit, const char *name, json_object *details,
			 const struct fault *f)
{
	emit(audit, agent_record_service_event(&audit->origin, name, details, f), true);
}

/**
 * audit_recorded() - check that every record so far is in the file and on the disk
 *
 * A step that gives access must ask first. A step that ends access must not ask: a denial waits
 * for no log.
 *
 * Return: 0, or -1 with the fault AuditTrailUnavailable.
 */
int audit_recorded(struct audit *audit, struct fault *f)
{
	int r = trail_recorded(audit->trail);

	if (!r)
		return 0;
	return fault_set(f, "AuditTrailUnavailable",
			 "The audit trail %s cannot be written: %s. Volumes cannot be unlocked until it is writable again.",
			 trail_path(audit->trail), append_file_strerror(r));
}

/* Is the line's eventTime not before @since? Both ISO 8601 in UTC, so the text's order is time's. */
static bool is_since(const char *line, const char *since)
{
	static const char key[] = "\"eventTime\":\"";
	const char *p = since ? strstr(line, key) : NULL;

	return !since ||
	       (p && strncmp(p + sizeof(key) - 1, since, strlen("YYYY-MM-DDTHH:MM:SS")) >= 0);
}

/*
 * Goes to the line that has @count whole lines before the end of the file, or to the first line.
 * Returns 0 or -1 with errno.
 */
static int seek_newest(FILE *file, size_t count)
{
	char block[16384];
	size_t ends = 0;
	off_t end;

	if (fseeko(file, 0, SEEK_END) < 0)
		return -1;
	for (end = ftello(file); end > 0;) {
		size_t size = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block);

		end -= (off_t)size;
		if (fseeko(file, end, SEEK_SET) < 0 || fread(block, 1, size, file) != size)
			return -1;
		/* The newline of the last line is the first that is seen. */
		while (size--)
			if (block[size] == '\n' && ends++ == count)
				return fseeko(file, end + (off_t)size + 1, SEEK_SET);
	}
	return fseeko(file, 0, SEEK_SET);
}

/* A line that is no record, because a power cut has torn it, is left out. */
static void add_record(json_object *records, const char *line, size_t size)
{
	json_object *record = json_parse(line, size);

	if (!record)
		return;
	/* Written by an agent that did not cut them off. */
	json_add_object(record, "requestParameters",
			agent_record_shorten(json_get_object(record, "requestParameters")));
	json_object_array_add(records, record);
}

/**
 * audit_read() - read records back
 * @since: ISO 8601 UTC, or NULL for all
 * @limit: of the newest @limit records, those not before @since
 *
 * Only the end of the file is read: the event loop waits for this, and a trail of years has gigabytes.
 *
 * Return: an array for the caller, oldest first, or NULL.
 */
json_object *audit_read(struct audit *audit, const char *since, size_t limit, struct fault *f)
{
	const char *why = NULL;
	FILE *file = file_stream(trail_path(audit->trail), &why);
	json_object *records = NULL;
	size_t capacity = 0;
	char *line = NULL;
	ssize_t size;

	if (file && seek_newest(file, limit) == 0)
		records = json_object_new_array();
	else
		fault_set(f, "InternalFailure", "Cannot read the audit trail: %s.",
			  why ? why : strerror(errno));
	while (records && (size = getline(&line, &capacity, file)) > 0)
		if (is_since(line, since))
			add_record(records, line, (size_t)size);
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
	trail_close(audit->trail);
	free(audit);
}
