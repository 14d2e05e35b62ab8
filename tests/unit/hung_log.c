// SPDX-License-Identifier: MIT
/*
 * A disk that hangs under the audit trail, beside kernel_stand_in.c: writev(2) of the agent to a file.
 *
 *	$ENVELOPE_STAND_IN/hung-log	while this pipe exists and a program has it open for writing, a
 *					write to the trail sleeps
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	char path[512], byte;
	struct stat st;
	int pipe;

	snprintf(path, sizeof(path), "%s/hung-log", getenv("ENVELOPE_STAND_IN"));
	pipe = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (pipe >= 0) {
		while (read(pipe, &byte, 1) > 0)
			;
		close(pipe);
	}
	return (ssize_t)syscall(SYS_writev, fd, parts, count);
}
