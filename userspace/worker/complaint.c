// SPDX-License-Identifier: MIT
/*
 * Reading what a program prints on its standard error output. See complaint.h.
 *
 * All of it is read, because a program may wait until it is. All but the first bytes of the first
 * line is dropped at once.
 */
#include "worker/complaint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* So many letters and digits in a row may be a key. Names and words are shorter. */
#define SECRET_MIN 16

/**
 * complaint_open() - begin to read
 * @complaint: filled; to be closed by complaint_close()
 *
 * Return: the descriptor for the program, which the caller closes, or -1.
 */
int complaint_open(struct complaint *complaint)
{
	int ends[2];

	memset(complaint, 0, sizeof(*complaint));
	complaint->fd = -1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	/* The program's end blocks, as each program expects. */
	if (fcntl(ends[1], F_SETFL, 0)) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	complaint->fd = ends[0];
	return ends[1];
}

static void take(struct complaint *complaint, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size && !complaint->ended; i++) {
		if (bytes[i] == '\n' || complaint->size == COMPLAINT_MAX - 1)
			complaint->ended = complaint->size > 0;
		else
			complaint->line[complaint->size++] = bytes[i];
	}
}

/** complaint_read() - read what is there */
void complaint_read(struct complaint *complaint)
{
	char bytes[2048];
	ssize_t size = 0;

	/* Not without end: a program that prints faster than this reads must not outlast its time. */
	for (int i = 0; i < 16 && complaint->fd >= 0; i++) {
		size = read(complaint->fd, bytes, sizeof(bytes));
		if (size <= 0)
			break;
		take(complaint, bytes, (size_t)size);
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (complaint->fd >= 0 &&
	    !(size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR)))) {
		close(complaint->fd);
		complaint->fd = -1;
	}
}

void complaint_close(struct complaint *complaint)
{
	if (complaint->fd >= 0)
		close(complaint->fd);
	complaint->fd = -1;
	explicit_bzero(complaint->line, sizeof(complaint->line));
}

/* A character of an access key, of a secret key, or of a token. */
static bool is_of_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("+/=_-.~%", c));
}

/**
 * complaint_cover() - make a line fit for a log
 * @line: changed
 *
 * Replaces each row of 16 characters and more that may be a key, a token or a part of one, and each
 * character that is not printable ASCII. The last word of a line that was cut is dropped: it may be the
 * begin of a key.
 */
void complaint_cover(char *line)
{
	char *to = line;
	bool cut = strlen(line) == COMPLAINT_MAX - 1;

	while (*line) {
		size_t size = 0;

		while (is_of_key(line[size]))
			size++;
		if (size >= SECRET_MIN) {
			memcpy(to, "...", 3);
			to += 3;
		} else if (size && cut && !line[size]) {
			break;
		} else if (size) {
			memmove(to, line, size);
			to += size;
		} else {
			*to++ = *line >= ' ' && *line < '\x7f' ? *line : '?';
			size = 1;
		}
		line += size;
	}
	*to = '\0';
}
