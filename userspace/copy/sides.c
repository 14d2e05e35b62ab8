// SPDX-License-Identifier: MIT
/* See sides.h. */
#include "copy/sides.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/header/block_device.h"

#define REFUSED "InvalidParameterValue"

/*
 * O_EXCL takes a block device for this program alone: it fails while a file system is mounted from
 * it, or another device lies on it. Files have a lock instead.
 *
 * Return: a descriptor, or -1 with errno, EBUSY if somebody else has it.
 */
static int take(const char *name, int flags, struct stat *st)
{
	int fd = open(name, flags | O_DIRECT | O_CLOEXEC | O_NONBLOCK |
				    (S_ISBLK(st->st_mode) ? O_EXCL : 0));

	if (fd >= 0 && !fstat(fd, st) &&
	    (!S_ISREG(st->st_mode) ||
	     !flock(fd, (flags == O_RDONLY ? LOCK_SH : LOCK_EX) | LOCK_NB)))
		return fd;
	if (fd >= 0) {
		file_close(&fd);
		errno = EBUSY;
	}
	return -1;
}

static int open_side(const char *name, int flags, uint64_t *size, struct stat *st, struct fault *f)
{
	int fd;

	if (!stat(name, st) && !S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode))
		return fault_set(f, REFUSED, "%s is no block device, and no regular file.", name);
	fd = take(name, flags, st);
	if (fd < 0 && errno == EBUSY)
		return fault_set(f, REFUSED,
				 "%s is in use: it is mounted, or another device or copy has it. Copy a snapshot, or end its use first.",
				 name);
	if (fd < 0)
		return fault_set(f, errno == ENOENT ? REFUSED : block_device_fault_code(errno),
				 "%s cannot be opened: %s.", name, strerror(errno));
	if (block_device_size(name, fd, size, f))
		file_close(&fd);
	return fd;
}

static bool same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/**
 * sides_open() - open and claim both
 * @source, @destination: names of block devices or of files; borrowed
 *
 * Return: 0, or -1 with a fault in @f.
 */
int sides_open(struct sides *sides, const char *source, const char *destination, struct fault *f)
{
	struct stat from = { 0 }, to = { 0 };

	*sides = (struct sides){ .source_name = source,
				 .destination_name = destination,
				 .source = -1,
				 .destination = -1 };
	if (!stat(source, &from) && !stat(destination, &to) && same(&from, &to))
		return fault_set(f, REFUSED, "%s and %s are the same device.", source, destination);
	sides->source = open_side(source, O_RDONLY, &sides->source_size, &from, f);
	if (sides->source >= 0)
		sides->destination = open_side(destination, O_RDWR, &sides->destination_size, &to,
					       f);
	if (sides->destination >= 0)
		return 0;
	sides_close(sides);
	return -1;
}

/**
 * sides_check_room() - has the destination room for the last byte?
 * @end: of the last range, bytes
 *
 * Return: 0, or -1 with InvalidParameterValue in @f.
 */
int sides_check_room(const struct sides *sides, uint64_t end, struct fault *f)
{
	if (end <= sides->destination_size)
		return 0;
	return fault_set(f, REFUSED,
			 "%s has %llu bytes, and the copy needs %llu. Nothing was written.",
			 sides->destination_name, (unsigned long long)sides->destination_size,
			 (unsigned long long)end);
}

/**
 * sides_check_empty() - refuse a destination that holds something
 *
 * Return: 0, or -1 with InvalidParameterValue in @f.
 */
int sides_check_empty(const struct sides *sides, struct fault *f)
{
	struct block_device_contents contents;

	/* By a descriptor of its own: libblkid does not read as direct I/O must. */
	if (block_device_probe(sides->destination_name, -1, &contents, f))
		return -1;
	if (!contents.found)
		return 0;
	return fault_set(f, REFUSED,
			 "%s is not empty: it holds %s. Nothing was written. To lose that, use --overwrite or 'wipefs -a %s'.",
			 sides->destination_name, contents.what, sides->destination_name);
}

/** sides_close() - once more is fine */
void sides_close(struct sides *sides)
{
	file_close(&sides->source);
	file_close(&sides->destination);
}
