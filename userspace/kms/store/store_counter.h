/* SPDX-License-Identifier: MIT */
/*
 * The counter of changes, outside of the database: it tells an old copy of the whole database from the
 * present one. It is a file of two slots, each sealed, which are written in turn and in place.
 * Behind them
 * the file has the head of the audit trail (kms/audit/chain_head.h).
 *
 * The order of a change makes a crash harmless: the database first, then the counter, then the answer.
 * The head of the database names the value that the counter had before, so the database may be ahead of
 * the counter, but never behind.
 *
 * Another place for the counter, such as a TPM, needs another counter_open() and counter_write().
 *
 * Must never be in the folder of the database: both would be restored together.
 */
#ifndef ENVELOPE_KMS_STORE_COUNTER_H
#define ENVELOPE_KMS_STORE_COUNTER_H

#include "kms/store/store_row.h"

int counter_open(struct store *store, const char *path, struct fault *f);

int counter_begin(struct store *store, struct fault *f);

int counter_check(struct store *store, const char *path, struct fault *f);

int counter_write(struct store *store, struct fault *f);

void counter_follow(struct store *store);

#endif
