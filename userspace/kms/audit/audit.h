/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: one CloudTrail-shaped record for every call, allowed or refused, and for what
 * the KMS does by itself, to an append-only file of JSON lines and to the journal.
 *
 * Each function returns 0, or -1 with a KMSInternalException when the file did not take the record:
 * what it would have told must then not be done; a refusal has done nothing and stands. The journal
 * has the record in any case.
 */
#ifndef ENVELOPE_KMS_AUDIT_H
#define ENVELOPE_KMS_AUDIT_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

/**
 * audit_open() - open the trail for appending
 * @path: made if missing (its folder must exist)
 * @region, @account: of this KMS; borrowed
 *
 * Return: 0 or -1.
 */
int audit_open(const char *path, const char *region, const char *account, struct audit **audit,
	       struct fault *f);

/**
 * audit_call() - record a call before it is answered and before its change is committed
 * @refusal: NULL when it was allowed; the record is then on the disk when this returns
 */
int audit_call(struct audit *audit, const struct call *call, const struct fault *refusal,
	       struct fault *f);

/** audit_key_deleted() - record the end of a key whose waiting period is over, before it ends */
int audit_key_deleted(struct audit *audit, const struct cmk *cmk, struct fault *f);

/**
 * audit_default_key() - record that a default key is made
 * @call: whose use of @alias was the first
 */
int audit_default_key(struct audit *audit, const struct call *call, const struct cmk *cmk,
		      const char *alias, struct fault *f);

void audit_close(struct audit *audit);

#endif
