/* SPDX-License-Identifier: MIT */
/*
 * Making keys: a customer's, and the default keys of RDS and DMS.
 *
 * Must never make a default key that is not recorded in the audit trail.
 */
#ifndef ENVELOPE_KMS_NEW_KEY_H
#define ENVELOPE_KMS_NEW_KEY_H

#include "kms/call.h"
#include "kms/keys/cmk.h"

int key_new(struct call *call, struct cmk *cmk, struct fault *f);

bool default_key_is(const char *alias);

int default_key_make(struct call *call, const char *alias, struct fault *f);

#endif
