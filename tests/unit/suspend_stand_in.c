// SPDX-License-Identifier: MIT
/*
 * A stand-in for suspend/device.c on a host without device mapper: a device is suspended while its file
 * exists.
 *
 *	$ENVELOPE_STAND_IN/suspended/NAME
 *	$ENVELOPE_STAND_IN/suspends	a line for each change: NAME, the word, and milliseconds (CLOCK_MONOTONIC)
 *	$ENVELOPE_STAND_IN/hung-suspend	while this file exists, a suspend blocks, as for a disk that hangs
 *	$ENVELOPE_STAND_IN/busy		while this file exists, a suspend waits until a signal ends it
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "suspend/device.h"

static const char *device;

static const char *place(char path[512], const char *folder, const char *name)
{
	snprintf(path, 512, "%s/%s%s", getenv("ENVELOPE_STAND_IN"), folder, name);
	return path;
}

static void note(const char *word)
{
	struct timespec now;
	char path[512];
	FILE *file = fopen(place(path, "suspends", ""), "ae");

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!file)
		return;
	fprintf(file, "%s %s %lld\n", device, word,
		(long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	fclose(file);
}

int device_prepare(const char *name)
{
	device = name;
	return 0;
}

int device_is_suspended(void)
{
	char path[512];

	return access(place(path, "suspended/", device), F_OK) == 0;
}

int device_suspend(void)
{
	const struct timespec step = { .tv_nsec = 20000000 };
	char path[512];
	int fd;

	while (access(place(path, "busy", ""), F_OK) == 0)
		if (nanosleep(&step, NULL) < 0)
			return -EINTR;
	while (access(place(path, "hung-suspend", ""), F_OK) == 0)
		nanosleep(&step, NULL);
	fd = open(place(path, "suspended/", device), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	note("suspended");
	return 0;
}

int device_resume(void)
{
	char path[512];

	if (unlink(place(path, "suspended/", device)) == 0)
		note("resumed");
	return 0;
}
