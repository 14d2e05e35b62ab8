// SPDX-License-Identifier: MIT
/*
 * See undone.h.
 *
 * Must never call a change undone that the key store has kept.
 */
#include "kms/audit/undone.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/json.h"

#define LINE_MAX_BYTES (256 * 1024) /* more than a record has */

/* Reads the end of a file into @text. Return: bytes, 0 for none */
static size_t read_end(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t got = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		got = pread(fd, text, size,
			    st.st_size > (off_t)size ? st.st_size - (off_t)size : 0);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

/**
 * undone_read() - the last record of the trail at @path
 *
 * Return: for json_object_put(). NULL if there is no record, also if a crash has torn the last line:
 * the change of such a record was not made.
 */
struct json_object *undone_read(const char *path)
{
	char *text = malloc(LINE_MAX_BYTES), *line;
	size_t size = text ? read_end(path, text, LINE_MAX_BYTES) : 0;
	struct json_object *record = NULL;

	if (size > 1 && text[size - 1] == '\n') {
		line = memrchr(text, '\n', size - 1);
		line = line ? line + 1 : text;
		record = json_parse(line, (size_t)(text + size - 1 - line));
	}
	free(text);
	return record;
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
	       !strcmp(name, "CreateKey");
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
