// SPDX-License-Identifier: MIT
/*
 * A kill of the agent between any two steps that outlive it, beside kernel_stand_in.c. A moment is a
 * write that is about to be synced to a disk, of the catalog, the audit trail or a header, and a key
 * or a device that the kernel has just got.
 *
 *	$ENVELOPE_STAND_IN/kill-at	"N": SIGKILL ends the agent at the Nth moment since this file exists
 */
#include "kill_moment.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void kill_moment(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int passed;
	char path[512];
	FILE *file;
	int at = 0;

	snprintf(path, sizeof(path), "%s/kill-at", getenv("ENVELOPE_STAND_IN"));
	file = fopen(path, "re");
	if (file && fscanf(file, "%d", &at) != 1)
		at = 0;
	if (file)
		fclose(file);
	pthread_mutex_lock(&lock);
	passed = at ? passed + 1 : 0;
	if (at && passed >= at)
		kill(getpid(), SIGKILL);
	pthread_mutex_unlock(&lock);
}

int fdatasync(int fd)
{
	kill_moment();
	return (int)syscall(SYS_fdatasync, fd);
}
