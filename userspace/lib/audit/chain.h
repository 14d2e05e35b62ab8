/* SPDX-License-Identifier: MIT */
/*
 * The chain of an audit trail: the last member of each record, "chain", has the number of the record,
 * the tag of the record before it, and a tag over the line up to there. The tag is HMAC-SHA256, cut to
 * 128 bits.
 *
 *	{...,"chain":{"sequence":8,"previous":"<32 hex>","tag":"<32 hex>"}}
 *
 *	torn	Bytes without an end that the file had right before this line. A full disk or a power
 *		cut has left them there; they are no record.
 *	lost	Records before this one that were not on the disk yet when the host went down.
 *
 * A line is checked by itself, so that one damaged line does not spoil the others. A chain begins with a
 * "previous" of zeros.
 *
 * A program that has the key can make lines. Must never use a key that readers of the trail have.
 */
#ifndef ENVELOPE_CHAIN_H
#define ENVELOPE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"

#define CHAIN_TAG_BYTES 16
/* More than a record has. The fuzzer reaches a line above it, and has no pages to clear. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHAIN_LINE_MAX 2048
#else
#define CHAIN_LINE_MAX (1024 * 1024)
#endif

struct chain_key;

/** struct chain_link - the place of one record in the chain */
struct chain_link {
	int64_t sequence;
	int64_t torn;
	int64_t lost;
	uint8_t previous[CHAIN_TAG_BYTES];
	uint8_t tag[CHAIN_TAG_BYTES];
	size_t record; /* bytes of the line in front of the chain's member */
};

struct chain_key *chain_key_new(const struct secret *secret);
void chain_key_free(struct chain_key *key);

char *chain_make(struct chain_key *key, const char *record, size_t *size, struct chain_link *link);
int chain_parse(const char *line, size_t size, struct chain_link *link);
bool chain_fits(struct chain_key *key, const char *line, size_t size,
		const struct chain_link *link);
bool chain_read(struct chain_key *key, const char *line, size_t size, struct chain_link *link);
int chain_tag(struct chain_key *key, const void *text, size_t size, uint8_t tag[CHAIN_TAG_BYTES]);
bool chain_tag_fits(struct chain_key *key, const void *text, size_t size,
		    const uint8_t tag[CHAIN_TAG_BYTES]);
bool chain_begins(const struct chain_link *link);

#endif
