// SPDX-License-Identifier: MIT
/*
 * The audit trail's rules: order of file and journal, missing records, the gap record.
 *
 * Must never lose a record silently. If the file does not take a record, the caller gets a fault,
 * and a record of the gap follows later.
 */
#include "lib/audit/trail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "lib/audit/append_file.h"
#include "lib/audit/reserve.h"
#include "lib/base/file.h"
#include "lib/base/format_time.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/outbox.h"
#include "lib/base/text.h"

#define JOURNAL_FIELDS 5

/**
 * struct trail - owned by the caller of trail_open()
 * @fd: the file, O_APPEND; -1 while it cannot be opened
 * @torn: bytes behind the last whole line of the file
 * @chain: of the lines, or NULL; borrowed
 * @unsynced: records of a file that was moved away may not be on the disk; until the next start no sync
 *	counts
 * @fresh: the file is new: its first line of a chain goes to the disk, so that a line of it that is
 *	missing later is missed
 * @reserve: of the file
 * @missing: number of records that the file did not take
 * @missing_since: time of the first missing record
 * @error: errno of the last missing record
 */
struct trail {
	const struct trail_kind *kind;
	void *userdata;
	char *path;
	int fd;
	size_t torn;
	const struct trail_chain *chain;
	bool unsynced;
	bool fresh;
	struct reserve reserve;
	unsigned int missing;
	char missing_since[32];
	int error;
};

/**
 * trail_open() - open a trail for appending
 * @path: of the file; made with mode 0640 if missing; its folder must exist
 * @kind: borrowed
 * @userdata: for @kind's gap()
 * @ret: for trail_close()
 *
 * Return: 0 or -1.
 */
int trail_open(const char *path, const struct trail_kind *kind, void *userdata, struct trail **ret,
	       struct fault *f)
{
	struct trail *trail = calloc(1, sizeof(*trail));

	if (!trail)
		return fault_set(f, "InternalFailure", "Out of memory.");
	trail->kind = kind;
	trail->userdata = userdata;
	trail->reserve.bytes = kind->reserve;
	trail->path = strdup(path);
	trail->fd = append_file_open(path, kind->takes_device);
	if (!trail->path || trail->fd < 0) {
		fault_set(f, "InvalidConfiguration",
			  "The audit trail %s cannot be opened: %s. Check the path and its permissions.",
			  path, append_file_strerror(errno));
		if (trail->path && kind->waits) {
			log_error("%s", f->message);
			*ret = trail;
			return 0;
		}
		trail_close(trail);
		return -1;
	}
	trail->torn = append_file_torn(path);
	trail->fresh = lseek(trail->fd, 0, SEEK_END) == 0;
	file_sync_folder(path);
	if (reserve_hold(&trail->reserve, trail->fd, 0))
		log_error("The disk of the audit trail %s is full. Free %lld bytes: until then only keys are disabled.",
			  path, (long long)kind->reserve);
	*ret = trail;
	return 0;
}

/* @size: without the terminating byte; 0 when memory ran out. */
static const char *to_line(json_object *record, size_t *size)
{
	const char *line = json_object_to_json_string_length(record,
							     JSON_C_TO_STRING_PLAIN |
								     JSON_C_TO_STRING_NOSLASHESCAPE,
							     size);

	return line ? line : "";
}

/* The line of a record, for text_freep(); NULL when memory ran out. */
static char *make_line(struct trail *trail, json_object *record, size_t *size)
{
	const char *line = to_line(record, size);

	if (!*size)
		return NULL;
	if (trail->chain)
		return trail->chain->line(trail->chain->userdata, line, size, trail->torn);
	return strdup(line);
}

static int sync_fd(const struct trail *trail, int fd)
{
	int r = append_file_sync(fd);

	return r == EINVAL && trail->kind->takes_device ? 0 : r;
}

static int sync_file(struct trail *trail)
{
	int r = sync_fd(trail, trail->fd);

	if (!r && trail->chain && !trail->unsynced)
		trail->chain->synced(trail->chain->userdata);
	if (!r)
		trail->fresh = false;
	return r;
}

/* Goes on in a new file when logrotate has moved the old one away. Returns 0 or an errno. */
static int follow(struct trail *trail)
{
	bool changed;
	int old;

	if (append_file_follow(&trail->fd, trail->path, trail->kind->takes_device, &changed, &old))
		return errno;
	if (old >= 0) {
		reserve_release(&trail->reserve, old);
		/* The next sync says that all records so far are on the disk. */
		if (trail->chain && sync_fd(trail, old))
			trail->unsynced = true;
		close(old);
	}
	if (changed) {
		/* Another program may have written into the new file. */
		trail->torn = append_file_torn(trail->path);
		trail->fresh = true;
		file_sync_folder(trail->path);
	}
	return 0;
}

/* Only a short urgent record may use the reserve. Returns 0 or an errno. */
static int find_room(struct trail *trail, size_t size, bool urgent)
{
	if (urgent && size <= trail->kind->urgent_max)
		return 0;
	return reserve_hold(&trail->reserve, trail->fd, size + 2); /* line feeds */
}

/* Appends a record to the file. Returns 0 or an errno. */
static int to_file(struct trail *trail, json_object *record, bool sync, bool urgent)
{
	_cleanup_text_ char *line = NULL;
	size_t size;
	int r = follow(trail);

	if (r)
		return r;
	line = make_line(trail, record, &size);
	r = line ? find_room(trail, size, urgent) : ENOMEM;
	if (!r)
		r = append_file_line(trail->fd, &trail->torn, line, size);
	if (!r && trail->chain)
		trail->chain->written(trail->chain->userdata, record);
	if (!r && (sync || (trail->fresh && trail->chain)))
		r = sync_file(trail);
	return r;
}

static void note_missing(struct trail *trail, int error)
{
	if (!trail->missing++)
		format_time(time(NULL), trail->missing_since);
	trail->error = error;
}

/* Records in the file how many records are in the journal only. Returns 0 or an errno. */
static int close_gap(struct trail *trail)
{
	_cleanup_json_ json_object *record = NULL;
	json_object *details = json_object_new_object();
	int r;

	json_add_int(details, "recordsMissing", trail->missing);
	json_add_string(details, "since", trail->missing_since);
	json_add_string(details, "reason", append_file_strerror(trail->error));
	record = trail->kind->gap(trail->userdata, details);
	r = to_file(trail, record, true, false);
	if (r)
		return r;
	log_warning("The audit trail %s is written again; %u records are in the journal only.",
		    trail->path, trail->missing);
	trail->missing = 0;
	trail_journal(trail, record);
	return 0;
}

static int append(struct trail *trail, json_object *record, bool sync, bool urgent)
{
	/* An urgent record does not wait for room for the record of a gap. */
	int r = trail->missing && !urgent ? close_gap(trail) : 0;

	if (!r)
		r = to_file(trail, record, sync, urgent);
	if (!r)
		return 0;
	log_error("Cannot write the audit trail %s: %s. The record of %s is in the journal only.",
		  trail->path, append_file_strerror(r), json_get_string(record, "eventName"));
	note_missing(trail, r);
	return r;
}

/**
 * trail_append() - append a record to the file
 * @record: borrowed
 * @sync: the record must survive a power cut
 *
 * The caller gives the record to trail_journal() next, also when this fails: it may then change
 * the record first.
 *
 * Return: 0, or the errno because of which the record is missing.
 */
int trail_append(struct trail *trail, json_object *record, bool sync)
{
	return append(trail, record, sync, false);
}

/**
 * trail_has_room() - can trail_append_urgent() take @record, also if the disk is full?
 *
 * A caller whose record is too large for the reserve can shorten the record.
 */
bool trail_has_room(struct trail *trail, json_object *record)
{
	_cleanup_text_ char *line = NULL;
	size_t size;

	if (follow(trail))
		return false;
	line = make_line(trail, record, &size);
	return line && !find_room(trail, size, true);
}

/**
 * trail_append_urgent() - as trail_append() with @sync, also with the reserve of a full disk
 *
 * The record of a gap follows later.
 */
int trail_append_urgent(struct trail *trail, json_object *record)
{
	return append(trail, record, true, true);
}

/* @fields: "NAME=value", each with its terminating byte */
static void deliver_copy(const char *fields, size_t size)
{
	struct iovec iov[JOURNAL_FIELDS];
	int count = 0;

	for (size_t at = 0; at < size && count < JOURNAL_FIELDS; count++) {
		size_t length = strlen(fields + at);

		iov[count] = (struct iovec){ (char *)fields + at, length };
		at += length + 1;
	}
	sd_journal_sendv(iov, count);
}

static const struct outbox_reader journal = { .deliver = deliver_copy };

/**
 * trail_journal() - copy a record into the journal
 *
 * The journal may be absent (containers, early boot) or stopped, so a failure is ignored: the file
 * counts.
 */
void trail_journal(const struct trail *trail, json_object *record)
{
	int priority = json_has(record, "errorCode") ? trail->kind->failed_priority : 6;
	char message[512], *fields;
	int size;

	trail->kind->message(record, message, sizeof(message));
	size = asprintf(&fields,
			"MESSAGE=%s%cPRIORITY=%d%cSYSLOG_IDENTIFIER=%s%cENVELOPE_EVENT=%s%c"
			"ENVELOPE_RECORD=%s",
			message, 0, priority, 0, trail->kind->identifier, 0,
			json_get_string(record, "eventName"), 0, to_line(record, &(size_t){ 0 }));
	if (size < 0)
		return;
	outbox_put(&journal, fields, (size_t)size + 1);
	free(fields);
}

/**
 * trail_recorded() - sync the file, and check that no record is missing from it
 *
 * Return: 0, or the errno because of which a record is missing.
 */
int trail_recorded(struct trail *trail)
{
	int r;

	if (trail->missing)
		return trail->error;
	r = trail->fd < 0 ? follow(trail) : 0;
	if (!r)
		r = sync_file(trail);
	if (r)
		note_missing(trail, r);
	return r;
}

/** trail_begin_chain() - records from now on are in @chain, which is borrowed */
void trail_begin_chain(struct trail *trail, const struct trail_chain *chain)
{
	trail->chain = chain;
}

/** trail_path() - path of the file; borrowed */
const char *trail_path(const struct trail *trail)
{
	return trail->path;
}

/** trail_close() - NULL is fine */
void trail_close(struct trail *trail)
{
	if (!trail)
		return;
	if (trail->fd >= 0)
		close(trail->fd);
	free(trail->path);
	free(trail);
}
