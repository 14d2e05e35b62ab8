// SPDX-License-Identifier: MIT
/*
 * envelope-copy as a test sees it: killed between any two steps (see kill_moment.c), held at one of
 * them, and with a destination that cannot be synced. A step is a submission to io_uring, a sync,
 * and a note.
 *
 *	$ENVELOPE_STAND_IN/hold-at	"N": while this file exists, lanes wait at their Nth submission
 *	$ENVELOPE_STAND_IN/notes	each submission is followed by a note, not one a second
 *	$ENVELOPE_STAND_IN/sync-fails	no sync of the destination succeeds
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <liburing.h>

#include "kill_moment.h"

#define STATE_BYTES 1024

int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned int count);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int count);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static FILE *open_word(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("ENVELOPE_STAND_IN"), name);
	return fopen(path, "re");
}

static bool has_word(const char *name)
{
	FILE *file = open_word(name);

	if (file)
		fclose(file);
	return file;
}

/* Return: the number in the file, or 0. */
static int number_of(const char *name)
{
	FILE *file = open_word(name);
	int number = 0;

	if (file && fscanf(file, "%d", &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

static void hold_moment(void)
{
	static _Thread_local int passed;
	int at;

	passed++;
	while ((at = number_of("hold-at")) && passed >= at)
		usleep(10000);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int count)
{
	kill_moment();
	hold_moment();
	if (has_word("notes"))
		kill(getpid(), SIGUSR1);
	return __real_io_uring_submit_and_wait(ring, count);
}

int __wrap_fdatasync(int fd)
{
	struct stat st;

	if (has_word("sync-fails") && !fstat(fd, &st) && st.st_size > STATE_BYTES) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}
