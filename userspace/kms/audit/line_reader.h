/* SPDX-License-Identifier: MIT */
/*
 * The lines of one file of the audit trail, also of one that gzip has compressed.
 *
 * Must never hold more than a few lines in memory.
 */
#ifndef ENVELOPE_KMS_LINE_READER_H
#define ENVELOPE_KMS_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_reader;

/** struct line - borrowed from its reader until the next one */
struct line {
	const char *text;
	size_t size;	/* without the line feed; 0 for a line that is too long */
	int64_t number; /* in its file, from 1 */
	bool whole;	/* it has its line feed, and is no longer than CHAIN_LINE_MAX */
	bool ended;	/* it has its line feed */
};

struct line_reader *line_reader_new(int fd);

int line_reader_next(struct line_reader *reader, struct line *line);

void line_reader_free(struct line_reader *reader);

#endif
