// SPDX-License-Identifier: MIT
/*
 * Writing the audit trail.
 *
 * Must never rewrite: the file is opened for appending only, a record is one write. A record that
 * the file does not take is in the journal, as one of something refused, and counted: the file
 * says so in a record of its own as soon as it takes one again.
 */

#include "kms/audit/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "lib/audit/append_file.h"
#include "kms/audit/audit_record.h"
#include "lib/base/file.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

struct audit {
	int fd;
	bool torn;		/* the file does not end with a whole line */
	unsigned int missing;	/* records that the file did not take... */
	char missing_since[32]; /* ... the first of them then ... */
	int error;		/* ... and why, an errno */
	char *path;
	const char *region; /* borrowed */
	const char *account;
};

static const char *to_line(struct json_object *record, size_t *size)
{
	const char *line = json_object_to_json_string_length(record,
							     JSON_C_TO_STRING_PLAIN |
								     JSON_C_TO_STRING_NOSLASHESCAPE,
							     size);

	return line ? line : "";
}

/* Appends a record to the file; @sync: it must survive a power cut. Returns 0 or an errno. */
static int to_file(struct audit *audit, struct json_object *record, bool sync)
{
	const char *line;
	bool changed;
	size_t size;
	int err;

	/* logrotate may have moved it away. */
	if (append_file_follow(&audit->fd, audit->path, &changed))
		return errno;
	if (changed) {
		audit->torn = append_file_is_torn(audit->path);
		file_sync_folder(audit->path);
	}
	line = to_line(record, &size);
	err = size > 0 ? append_file_line(audit->fd, &audit->torn, line, size) : ENOMEM;
	if (!err && sync)
		err = append_file_sync(audit->fd);
	return err;
}

/* The journal may be absent (containers, early boot): the file is the record of truth. */
static void to_journal(struct json_object *record)
{
	const char *error = json_get_string(record, "errorCode");
	const char *name = json_get_string(record, "eventName");
	struct json_object *identity = json_get_object(record, "userIdentity");
	const char *who = json_get_string(identity, "userName");

	if (!who)
		who = json_get_string(identity, "invokedBy");
	sd_journal_send("MESSAGE=%s by %s: %s", name, who ? who : "unknown",
			error ? error : "allowed", "PRIORITY=%d", error ? 5 : 6,
			"SYSLOG_IDENTIFIER=envelope-kms-audit", "ENVELOPE_EVENT=%s", name,
			"ENVELOPE_RECORD=%s", to_line(record, &(size_t){ 0 }), NULL);
}

/* Has the file say how many records are in the journal only. Returns 0 or an errno. */
static int close_gap(struct audit *audit)
{
	_cleanup_json_ struct json_object *record =
		audit_record_event("AuditTrailGap", audit->region, audit->account);
	struct json_object *details = json_object_new_object();
	int err;

	json_add_int(details, "recordsMissing", audit->missing);
	json_add_string(details, "since", audit->missing_since);
	json_add_string(details, "reason", strerror(audit->error));
	json_object_object_add(record, "serviceEventDetails", details);
	err = to_file(audit, record, true);
	if (err)
		return err;
	log_warning("the audit trail %s is written again; %u records are in the journal only",
		    audit->path, audit->missing);
	audit->missing = 0;
	to_journal(record);
	return 0;
}

static void note_missing(struct audit *audit, const char *event, int err)
{
	log_error("cannot write the audit trail %s: %s: the record of %s is in the journal only",
		  audit->path, strerror(err), event);
	if (!audit->missing++)
		format_time(time(NULL), audit->missing_since);
	audit->error = err;
}

/* Records to file and journal. Returns 0, or -1: what is recorded must then not be done. */
static int emit(struct audit *audit, struct json_object *record, bool sync, struct fault *f)
{
	int err = audit->missing ? close_gap(audit) : 0;

	if (!err)
		err = to_file(audit, record, sync);
	if (err) {
		note_missing(audit, json_get_string(record, "eventName"), err);
		fault_set(f, "KMSInternalException", "the audit trail cannot be written: %s",
			  strerror(err));
		/* Nor is it: the journal must not tell that it was done. */
		if (!json_has(record, "errorCode")) {
			json_add_string(record, "errorCode", "KMSInternalException");
			json_add_string(record, "errorMessage",
					"the audit trail cannot be written");
			json_object_object_add(record, "responseElements", NULL);
		}
	}
	to_journal(record);
	return err ? -1 : 0;
}

int audit_call(struct audit *audit, const struct call *call, const struct fault *refusal,
	       struct fault *f)
{
	_cleanup_json_ struct json_object *record = audit_record_call(call, refusal);

	/* What was refused has changed nothing and given nothing away: a power cut may take it. */
	return emit(audit, record, !refusal, f);
}

int audit_key_deleted(struct audit *audit, const struct cmk *cmk, struct fault *f)
{
	_cleanup_json_ struct json_object *record = audit_record_key("DeleteKey", cmk);
	struct json_object *response = json_object_new_object();
	char arn[ARN_MAX];

	cmk_arn(cmk, arn);
	json_add_string(response, "keyId", arn);
	json_object_object_add(record, "responseElements", response);
	return emit(audit, record, true, f);
}

int audit_default_key(struct audit *audit, const struct call *call, const struct cmk *cmk,
		      const char *alias, struct fault *f)
{
	_cleanup_json_ struct json_object *record = audit_record_key("CreateKey", cmk);
	struct json_object *response = json_object_new_object();
	struct json_object *details = json_object_new_object();

	json_object_object_add(response, "keyMetadata", audit_record_metadata(cmk));
	json_object_object_add(record, "responseElements", response);
	json_add_string(details, "aliasName", alias);
	json_add_string(details, "requestID", call->request_id);
	json_object_object_add(record, "serviceEventDetails", details);
	return emit(audit, record, true, f);
}

int audit_open(const char *path, const char *region, const char *account, struct audit **ret,
	       struct fault *f)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(f, "InternalFailure", "out of memory");
	audit->region = region;
	audit->account = account;
	audit->path = strdup(path);
	audit->fd = append_file_open(path);
	if (!audit->path || audit->fd < 0) {
		fault_set(f, "InvalidConfiguration", "cannot open the audit trail %s: %s", path,
			  strerror(errno));
		audit_close(audit);
		return -1;
	}
	audit->torn = append_file_is_torn(path);
	file_sync_folder(path);
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
