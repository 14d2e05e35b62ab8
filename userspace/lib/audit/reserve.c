// SPDX-License-Identifier: MIT
/* See reserve.h. */
#include "lib/audit/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"

/* Taken at a time, so that not each line asks the file system for blocks. */
#define AHEAD (64 * 1024)

static int take(struct reserve *reserve, int fd, off_t from, off_t to)
{
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, from, to - from))
		return errno;
	reserve->end = to;
	return 0;
}

/**
 * reserve_hold() - keep the whole reserve behind the next @size bytes of the file
 *
 * A file system without fallocate(), a pipe and a device give no reserve. A warning says so once,
 * and the lines are written as without a reserve.
 *
 * Return: 0, or the errno because of which the bytes would use the reserve.
 */
int reserve_hold(struct reserve *reserve, int fd, size_t size)
{
	off_t file = reserve->bytes ? lseek(fd, 0, SEEK_END) : 0;
	off_t need = file + (off_t)size + reserve->bytes;
	off_t from = reserve->end > file ? reserve->end : file;
	int r;

	if (!reserve->bytes || need <= reserve->end)
		return 0;
	r = file < 0 ? errno : take(reserve, fd, from, need + AHEAD);
	if (r == ENOSPC || r == EDQUOT)
		r = take(reserve, fd, from, need);
	if (r == ENOSPC || r == EDQUOT)
		return r;
	if (r && !reserve->warned)
		log_warning("The disk of the audit trail cannot reserve space: %s. On a full disk "
			    "no key can be disabled.",
			    strerror(r));
	reserve->warned = reserve->warned || r;
	return 0;
}

/** reserve_release() - give back what @fd has ahead of its end; no other program writes to the file */
void reserve_release(struct reserve *reserve, int fd)
{
	off_t file = reserve->end ? lseek(fd, 0, SEEK_END) : -1;

	/* An append-only file keeps its blocks. */
	if (file >= 0 && ftruncate(fd, file))
		log_debug("The reserve of a moved audit trail stays: %s", strerror(errno));
	reserve->end = 0;
}
