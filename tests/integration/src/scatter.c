// SPDX-License-Identifier: MIT
/*
 * Write a file onto a block device in pieces of random size and order, past the page
 * cache, so that every piece is one or more bios of its own shape.
 *
 *	scatter FILE DEVICE UNIT SEED
 *
 * UNIT is the device's sector size. Pieces are 1 to 64 units; buffers begin one unit
 * into a page, and every third piece goes out as a vector of two buffers. Each area is first written with other data, later
 * with its own. Exit code: 0, 1 on an I/O error.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_PIECE (64 * 4096)

static unsigned int state;

static unsigned int random_number(void)
{
	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

/* Write SIZE bytes of DATA at AT, from one or two buffers that are only UNIT-aligned. */
static void write_piece(int fd, char *buffer, const char *data, size_t size, size_t unit, off_t at)
{
	size_t first = size > unit && random_number() % 3 == 0 ? unit : size;
	struct iovec vector[2] = {
		{ .iov_base = buffer + unit, .iov_len = first },
		{ .iov_base = buffer + MAX_PIECE + 8192, .iov_len = size - first },
	};

	memcpy(vector[0].iov_base, data, first);
	memcpy(vector[1].iov_base, data + first, size - first);
	if (pwritev(fd, vector, size > first ? 2 : 1, at) != (ssize_t)size)
		err(1, "write of %zu bytes at %lld", size, (long long)at);
}

int main(int argc, char **argv)
{
	struct stat st;
	char *buffer;

	if (argc != 5)
		errx(2, "usage: scatter FILE DEVICE UNIT SEED");
	int in = open(argv[1], O_RDONLY), fd = open(argv[2], O_RDWR | O_DIRECT);
	size_t unit = strtoul(argv[3], NULL, 10);

	state = strtoul(argv[4], NULL, 10);
	if (in < 0 || fd < 0 || fstat(in, &st) || st.st_size % unit)
		err(1, "cannot use %s and %s", argv[1], argv[2]);
	char *data = malloc(st.st_size);
	size_t units = st.st_size / unit, count = 0;
	size_t *start = calloc(units + 1, sizeof(*start)), *order = calloc(units, sizeof(*order));

	if (!data || !start || !order || posix_memalign((void **)&buffer, 4096, 3 * MAX_PIECE) ||
	    read(in, data, st.st_size) != st.st_size)
		err(1, "%s", argv[1]);
	for (size_t at = 0; at < units; at += 1 + random_number() % 64)
		start[count++] = at;
	start[count] = units;
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	for (size_t i = count; i-- > 1;) {
		size_t other = random_number() % (i + 1), kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
	/* The second round overwrites what the first put there. */
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < count; i++) {
			off_t at = start[order[i]] * unit;
			size_t size = start[order[i] + 1] * unit - at;

			write_piece(fd, buffer, round ? data + at : data + (st.st_size - at - size),
				    size, unit, at);
		}
	}
	return fsync(fd) ? 1 : 0;
}
