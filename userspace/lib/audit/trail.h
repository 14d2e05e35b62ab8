/* SPDX-License-Identifier: MIT */
/*
 * An audit trail: a file of JSON lines that only grows, and a copy of each record in the journal.
 * The agent and the KMS each have one. The caller decides what a record contains; this library
 * writes it.
 *
 *	Append		One record is one write(2) on a file opened with O_APPEND: two records never
 *			mix, and no record is ever rewritten.
 *	Torn line	A full disk or a power cut may leave a line without its end. The file may be
 *			append-only, so the rest cannot be cut off: the line gets its end before the
 *			next record. A reader skips it, since it does not parse.
 *	Rotation	Before each record the name is compared with the open file. If logrotate has
 *			moved the file away, the next record starts a new one.
 *	Full disk	trail_append() fails. The record is then in the journal only, and counted. A
 *			trail may have a reserve (reserve.h), which trail_append_urgent() uses.
 *	Gap		The first record that fits again is preceded by one named "AuditTrailGap",
 *			which holds the number of missing records, the time of the first and the
 *			reason.
 *
 *	Chain		A trail may have one (chain.h), so that a line which is missing, changed or
 *			foreign is found out.
 *
 * A caller that must not act without a record on the disk appends with @sync, or asks
 * trail_recorded(), and gives up when either fails.
 */
#ifndef ENVELOPE_TRAIL_H
#define ENVELOPE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "lib/base/fault.h"

struct trail;

/**
 * struct trail_kind - what the trails of the agent and of the KMS do not share
 * @identifier: SYSLOG_IDENTIFIER of the copies in the journal
 * @failed_priority: syslog priority of a copy whose record has an errorCode; others have 6
 * @takes_device: the trail may be a character device, which cannot be synced to a disk; without it
 *	such a trail counts as one that cannot be written. A pipe always does
 * @waits: trail_open() succeeds without the file. The file is opened at the first record after it can
 *	be; the records until then are missing from it
 * @reserve: bytes of the disk that only urgent records may use; 0 for none
 * @urgent_max: largest record that may use them
 * @message: writes the MESSAGE of a copy into @text
 * @gap: makes an AuditTrailGap record; takes over @details, its serviceEventDetails
 */
struct trail_kind {
	const char *identifier;
	int failed_priority;
	bool takes_device;
	bool waits;
	off_t reserve;
	size_t urgent_max;
	void (*message)(json_object *record, char *text, size_t size);
	json_object *(*gap)(void *userdata, json_object *details);
};

/**
 * struct trail_chain - makes a chain of the lines of a trail
 * @line: the line of a record: malloc'd, or NULL. @size: of the record, set to that of the line.
 *	@torn: bytes in front of it in the file that are no line
 * @written: the file has taken the line that was made last, of @record, which may be given what the line
 *	has more than the record
 * @synced: what was written so far is on the disk
 */
struct trail_chain {
	char *(*line)(void *userdata, const char *record, size_t *size, size_t torn);
	void (*written)(void *userdata, json_object *record);
	void (*synced)(void *userdata);
	void *userdata;
};

int trail_open(const char *path, const struct trail_kind *kind, void *userdata, struct trail **ret,
	       struct fault *f);
void trail_begin_chain(struct trail *trail, const struct trail_chain *chain);
int trail_append(struct trail *trail, json_object *record, bool sync);
bool trail_has_room(struct trail *trail, json_object *record);
int trail_append_urgent(struct trail *trail, json_object *record);
void trail_journal(const struct trail *trail, json_object *record);
int trail_recorded(struct trail *trail);
const char *trail_path(const struct trail *trail);
void trail_close(struct trail *trail);

#endif
