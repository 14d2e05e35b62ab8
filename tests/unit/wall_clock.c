// SPDX-License-Identifier: MIT
/*
 * A wrong wall clock, beside kernel_stand_in.c: what time(2) and clock_gettime(2) give the agent.
 *
 *	$ENVELOPE_STAND_IN/wall-clock	seconds by which the wall clock is ahead, while this file exists
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t ahead(void)
{
	const char *folder = getenv("ENVELOPE_STAND_IN");
	int64_t seconds = 0;
	char path[512];
	FILE *file;

	if (!folder)
		return 0;
	snprintf(path, sizeof(path), "%s/wall-clock", folder);
	file = fopen(path, "re");
	if (file && fscanf(file, "%" SCNd64, &seconds) != 1)
		seconds = 0;
	if (file)
		fclose(file);
	return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, clock, ts);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ts->tv_sec += ahead();
	return (int)r;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
