/* SPDX-License-Identifier: MIT */
/*
 * The signatures of the changes that were made, so that a recorded request is not carried out again,
 * also after a restart. A signature is kept in the transaction of its change: what was undone may be
 * asked for again with the same signature.
 *
 * The rows are not sealed. Somebody who can write the key store can remove one.
 */
#ifndef ENVELOPE_KMS_STORE_SIGNATURES_H
#define ENVELOPE_KMS_STORE_SIGNATURES_H

#include "kms/store/store.h"

#define STORE_SIGNATURES_MAX	16384
#define STORE_SIGNATURES_MARGIN 3600 /* a wall clock may go back that many seconds */

int store_take_signature(struct store *store, const char *signature, int64_t expires, int64_t now,
			 struct fault *f);

#endif
