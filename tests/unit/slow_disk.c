// SPDX-License-Identifier: MIT
/*
 * A disk that takes its time, beside kernel_stand_in.c: fsync(2) of the agent, libcryptsetup and
 * libblkid on a block device.
 *
 *	$ENVELOPE_STAND_IN/slow-disk	while this file exists, nothing that was written reaches a disk
 *	$ENVELOPE_STAND_IN/slow		this file exists once the agent waits for a disk
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kill_moment.h"

int fsync(int fd)
{
	char slow_disk[512], slow[512];
	struct stat st;

	snprintf(slow_disk, sizeof(slow_disk), "%s/slow-disk", getenv("ENVELOPE_STAND_IN"));
	snprintf(slow, sizeof(slow), "%s/slow", getenv("ENVELOPE_STAND_IN"));
	if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && access(slow_disk, F_OK) == 0) {
		close(open(slow, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		while (access(slow_disk, F_OK) == 0)
			usleep(20000);
	}
	kill_moment();
	return (int)syscall(SYS_fsync, fd);
}
