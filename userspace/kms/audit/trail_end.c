// SPDX-License-Identifier: MIT
/* See trail_end.h. */
#include "kms/audit/trail_end.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t read_end(int fd, char *text)
{
	ssize_t got = 0;
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		got = pread(fd, text, TRAIL_END_BYTES,
			    st.st_size > TRAIL_END_BYTES ? st.st_size - TRAIL_END_BYTES : 0);
	return got > 0 ? (size_t)got : 0;
}

/** trail_end_read() - read the end of the file at @path; what cannot be read has no line */
void trail_end_read(const char *path, struct trail_end *end)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *last;

	*end = (struct trail_end){ 0 };
	if (fd < 0)
		return;
	end->text = malloc(TRAIL_END_BYTES);
	if (end->text)
		end->size = read_end(fd, end->text);
	close(fd);
	/* The end of the file may lack its line feed. */
	last = end->size ? memrchr(end->text, '\n', end->size) : NULL;
	end->size = last ? (size_t)(last - end->text + 1) : 0;
}

/**
 * trail_end_line() - the line before the one that was handed out last
 * @size: set, without the line feed
 *
 * The first line of what was read may be the end of a line.
 *
 * Return: borrowed; NULL before the first line.
 */
const char *trail_end_line(struct trail_end *end, size_t *size)
{
	const char *line;

	if (!end->size)
		return NULL;
	line = memrchr(end->text, '\n', end->size - 1);
	line = line ? line + 1 : end->text;
	*size = (size_t)(end->text + end->size - 1 - line);
	end->size = (size_t)(line - end->text);
	return line;
}

/** trail_end_free() - once more is fine */
void trail_end_free(struct trail_end *end)
{
	free(end->text);
	*end = (struct trail_end){ 0 };
}
