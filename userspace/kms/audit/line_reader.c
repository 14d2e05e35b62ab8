// SPDX-License-Identifier: MIT
/* See line_reader.h. */
#include "kms/audit/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "lib/audit/chain.h"

/* Two lines of the longest kind, so that one is always whole in it. */
#define BUFFER_BYTES (2 * CHAIN_LINE_MAX)
#define ZLIB_BYTES   (CHAIN_LINE_MAX / 4)

struct line_reader {
	gzFile gz;
	char *buffer;
	size_t begin; /* of what was not handed out, in the buffer */
	size_t end;
	int64_t lines;
	bool over; /* the file has no more */
};

/**
 * line_reader_new() - read a file from its beginning
 * @fd: of the file, whose position moves; borrowed
 *
 * Return: for line_reader_free(), or NULL.
 */
struct line_reader *line_reader_new(int fd)
{
	struct line_reader *reader = calloc(1, sizeof(*reader));
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (reader)
		reader->buffer = malloc(BUFFER_BYTES);
	if (own >= 0 && lseek(own, 0, SEEK_SET) < 0) {
		close(own);
		own = -1;
	}
	if (reader && reader->buffer && own >= 0)
		reader->gz = gzdopen(own, "rb");
	if (reader && reader->gz) {
		gzbuffer(reader->gz, ZLIB_BYTES);
		return reader;
	}
	if (own >= 0)
		close(own);
	line_reader_free(reader);
	return NULL;
}

/** line_reader_free() - NULL is fine */
void line_reader_free(struct line_reader *reader)
{
	if (!reader)
		return;
	if (reader->gz)
		gzclose(reader->gz);
	free(reader->buffer);
	free(reader);
}

/* Reads more behind what the buffer has. Return: 0, or -1: the file cannot be read */
static int fill(struct line_reader *reader)
{
	int got, error;

	if (reader->begin) {
		memmove(reader->buffer, reader->buffer + reader->begin,
			reader->end - reader->begin);
		reader->end -= reader->begin;
		reader->begin = 0;
	}
	got = gzread(reader->gz, reader->buffer + reader->end,
		     (unsigned int)(BUFFER_BYTES - reader->end));
	if (got < 0)
		return -1;
	reader->end += (size_t)got;
	reader->over = got == 0;
	/* A compressed file that ends early has no error before its end. */
	gzerror(reader->gz, &error);
	return reader->over && error && error != Z_STREAM_END ? -1 : 0;
}

/* Drops the rest of a line that is too long. Return: 0 or -1 */
static int skip_rest(struct line_reader *reader, bool *ended)
{
	for (;;) {
		char *feed = memchr(reader->buffer + reader->begin, '\n',
				    reader->end - reader->begin);

		*ended = feed;
		if (feed) {
			reader->begin = (size_t)(feed + 1 - reader->buffer);
			return 0;
		}
		reader->begin = reader->end;
		if (reader->over)
			return 0;
		if (fill(reader))
			return -1;
	}
}

/**
 * line_reader_next() - the next line
 *
 * Return: 1; 0 at the end of the file; -1 when the file cannot be read, with an errno.
 */
int line_reader_next(struct line_reader *reader, struct line *line)
{
	size_t searched = 0;
	char *feed = NULL;

	errno = 0;
	for (;;) {
		size_t size = reader->end - reader->begin;

		feed = memchr(reader->buffer + reader->begin + searched, '\n', size - searched);
		searched = size;
		if (feed || reader->over || size > CHAIN_LINE_MAX)
			break;
		if (fill(reader)) {
			errno = errno ? errno : EBADMSG;
			return -1;
		}
	}
	if (!feed && reader->begin == reader->end)
		return 0;
	line->text = reader->buffer + reader->begin;
	line->size = feed ? (size_t)(feed - line->text) : reader->end - reader->begin;
	line->number = ++reader->lines;
	line->ended = feed;
	line->whole = feed && line->size <= CHAIN_LINE_MAX;
	if (feed || reader->over) {
		reader->begin += line->size + (feed ? 1 : 0);
		return 1;
	}
	/* No line of a KMS is that long: its text is not needed. */
	line->text = "";
	line->size = 0;
	return skip_rest(reader, &line->ended) ? -1 : 1;
}
