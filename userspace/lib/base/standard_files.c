// SPDX-License-Identifier: MIT
/*
 * A program that is started without standard input, output or error gets their numbers for the first
 * files that it opens. Then its messages go into its audit trail, or to its peer on a socket.
 */
#include "lib/base/standard_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/**
 * standard_files_hold() - take the numbers of the standard files that are closed
 *
 * Call first in main(). The files that it opens are for the wrong direction: who writes to a closed
 * output has the same error as before, and not a success.
 *
 * Return: 0 or -errno.
 */
int standard_files_hold(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int held;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		held = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (held != fd)
			return held < 0 ? -errno : -EBADF;
	}
	return 0;
}
