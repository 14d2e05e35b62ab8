// SPDX-License-Identifier: MIT
/*
 * See undone.h.
 *
 * Must never call a change undone that the key store has kept.
 */
#include "kms/audit/undone.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kms/audit/line_reader.h"
#include "kms/audit/trail_end.h"
#include "kms/audit/trail_files.h"
#include "lib/base/json.h"

/*
 * Is it a record that a start makes before it compares trail and key store? Not so that of a cut
 * end: the
 * record before it is not the last one that there was.
 */
static bool is_of_start(struct json_object *record)
{
	static const char *const names[] = {
		"AcceptRollback",
		"AuditChainBegun",
		"AuditTrailGap",
		"UpgradeKeyStore",
	};
	const char *type = json_get_string(record, "eventType");
	const char *name = json_get_string(record, "eventName");

	if (!type || !name || strcmp(type, "AwsServiceEvent"))
		return false;
	/* It has undone all later changes, not a crash the last one. */
	if (json_has(json_get_object(record, "serviceEventDetails"), "counterChange"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* The record of a line, or NULL. Records of starts do not count. */
static struct json_object *take(const struct audit_chain *chain, const char *line, size_t size)
{
	struct json_object *record = audit_chain_knows(chain, line, size) ? json_parse(line, size)
									  : NULL;

	if (!is_of_start(record))
		return record;
	json_object_put(record);
	return NULL;
}

static struct json_object *last_of(const char *path, const struct audit_chain *chain)
{
	struct json_object *record = NULL;
	struct trail_end end;
	const char *line;
	size_t size;

	trail_end_read(path, &end);
	while (!record && (line = trail_end_line(&end, &size)))
		record = take(chain, line, size);
	trail_end_free(&end);
	return record;
}

/* A compressed file can be read from its beginning alone. */
static struct json_object *last_of_compressed(const struct trail_file *file,
					      const struct audit_chain *chain)
{
	struct line_reader *reader = line_reader_new(file->fd);
	struct json_object *record = NULL;
	char *last = NULL;
	struct line line;

	while (reader && line_reader_next(reader, &line) > 0) {
		free(last);
		last = line.whole ? strndup(line.text, line.size) : NULL;
	}
	if (last)
		record = take(chain, last, strlen(last));
	free(last);
	line_reader_free(reader);
	return record;
}

/* In the newest file that was moved away. */
static struct json_object *last_moved(const char *path, const struct audit_chain *chain)
{
	struct json_object *record = NULL;
	struct trail_files files;
	struct fault f;

	if (trail_files_open(path, audit_chain_key(chain), &files, &f))
		return NULL;
	for (size_t i = files.count; !record && i-- > 0;) {
		const struct trail_file *file = &files.files[i];

		if (!file->present)
			record = trail_file_is_compressed(file) ? last_of_compressed(file, chain)
								: last_of(file->path, chain);
	}
	trail_files_close(&files);
	return record;
}

/**
 * undone_read() - the last record of the trail at @path, apart from those of starts
 *
 * A line that a crash has torn is no record: its change was not made.
 *
 * Return: for json_object_put(). NULL if there is no record.
 */
struct json_object *undone_read(const char *path, const struct audit_chain *chain)
{
	struct json_object *record = last_of(path, chain);

	return record ? record : last_moved(path, chain);
}

/* Is it a record of a change that is made after the record? */
static bool tells_of_change(struct json_object *record)
{
	const char *type = json_get_string(record, "eventType");
	const char *name = json_get_string(record, "eventName");

	if (!type || !name || json_has(record, "errorCode") ||
	    json_get_bool(record, "readOnly", true))
		return false;
	return !strcmp(type, "AwsApiCall") || !strcmp(name, "DeleteKey") ||
	       !strcmp(name, "CreateKey") || !strcmp(name, "RotateKey");
}

/**
 * undone_details() - was the change of the last record undone?
 * @last: of undone_read(), may be NULL
 * @kept: eventID of the last change that the key store has kept; "" if it does not say
 *
 * Return: serviceEventDetails for a record that says so, or NULL.
 */
struct json_object *undone_details(struct json_object *last, const char *kept)
{
	const char *id = json_get_string(last, "eventID");
	struct json_object *details;

	if (!last || !id || !*kept || !strcmp(id, kept) || !tells_of_change(last))
		return NULL;
	details = json_object_new_object();
	json_add_string(details, "undoneEventID", id);
	json_add_string(details, "undoneEventName", json_get_string(last, "eventName"));
	if (json_has(last, "requestID"))
		json_add_string(details, "undoneRequestID", json_get_string(last, "requestID"));
	return details;
}
