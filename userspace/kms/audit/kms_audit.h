/* SPDX-License-Identifier: MIT */
/*
 * The KMS's audit trail: one CloudTrail-shaped record for every call, allowed or refused, and for
 * each change that the KMS makes by itself, in an append-only file (lib/audit/trail.h) and in the
 * journal. kms_record.h has the contents, audit_chain.h makes a chain of the lines.
 *
 * If the file does not take a record, the recorded action must not be done. A refusal has done
 * nothing, so it stands. The journal has the record in any case.
 */
#ifndef ENVELOPE_KMS_AUDIT_H
#define ENVELOPE_KMS_AUDIT_H

#include <systemd/sd-event.h>

#include "kms/call.h"
#include "kms/keys/cmk.h"

/* The disk space for records of revocations alone, such as DisableKey, when the disk is full. */
#define AUDIT_URGENT_RECORDS 10000
#define AUDIT_URGENT_MAX     2176

/**
 * struct audit_setup - what audit_open() needs; each pointer is borrowed
 * @path: of the trail; made if missing (its folder must exist)
 * @head: file of the key store's counter, which has the head of the chain, too
 * @root: root key, from which the chain's key is derived
 * @region, @account: of this KMS
 * @event: loop, for summaries
 */
struct audit_setup {
	const char *path;
	const char *head;
	const struct secret *root;
	const char *region;
	const char *account;
	sd_event *event;
};

int audit_open(const struct audit_setup *setup, struct audit **ret, struct fault *f);
int audit_call(struct audit *audit, const struct call *call, const struct fault *refusal,
	       struct fault *f);
void audit_stranger(struct audit *audit, const char *code);
const char *audit_last_event(const struct audit *audit);
int64_t audit_last_sequence(const struct audit *audit);
void audit_expect(struct audit *audit, int64_t sequence);
const char *audit_event_before(const struct audit *audit);
void audit_mark_undone(struct audit *audit, const char *kept);
int audit_key_deleted(struct audit *audit, const struct cmk *cmk, struct fault *f);
int audit_key_rotated(struct audit *audit, const struct cmk *cmk, struct fault *f);

int audit_default_key(struct audit *audit, const struct call *call, const struct cmk *cmk,
		      const char *alias, struct fault *f);
int audit_store_event(struct audit *audit, const char *name, struct json_object *details,
		      struct fault *f);
void audit_reload(struct audit *audit, struct json_object *details, const struct fault *f);
void audit_close(struct audit *audit);

#endif
