/* SPDX-License-Identifier: MIT */
/*
 * The head of the audit trail's chain: the place of the last record, with a tag under the chain's
 * key, in the file of the key
 * store's counter, behind the counter (store/store_counter.h). Without it nobody would miss records that
 * were cut off the end of the trail.
 *
 * The head is written with each record and is not synced by itself: the counter's sync after each change
 * takes it along. So a kill leaves the head as the trail, and a power cut leaves a head that may be
 * behind, but not behind the last change. @synced tells which records a power cut cannot have taken.
 *
 * Must never be in the folder of the audit trail.
 */
#ifndef ENVELOPE_KMS_CHAIN_HEAD_H
#define ENVELOPE_KMS_CHAIN_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-id128.h>

#include "lib/audit/chain.h"
#include "lib/base/secret.h"

/** struct chain_head - what the file says; all zero: nothing */
struct chain_head {
	int64_t sequence; /* of the last record */
	int64_t synced;	  /* the last one that was on the disk for sure */
	uint8_t tag[CHAIN_TAG_BYTES];
	sd_id128_t boot; /* of the host when it was written */
};

/** struct chain_head_file */
struct chain_head_file {
	int fd; /* -1: no file */
	int slot;
	struct chain_key *key; /* borrowed */
};

struct secret *chain_secret(const struct secret *root);

bool chain_head_open(struct chain_head_file *file, const char *path, bool make,
		     struct chain_key *key, struct chain_head *head);

int chain_head_write(struct chain_head_file *file, const struct chain_head *head);

void chain_head_close(struct chain_head_file *file);

#endif
