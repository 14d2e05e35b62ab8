// SPDX-License-Identifier: MIT
/*
 * Ending a program and all that it has started. See subtree.h.
 *
 * This process is the subreaper of its descendants: a process whose parent ends becomes its child. So
 * it kills its children until it has none. It has no other children than the program.
 */
#include "worker/subtree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A program that starts processes faster than they are killed must not hold up the worker. */
#define ROUNDS	 1000
#define PAUSE_NS 1000000

/**
 * subtree_keep() - have the descendants of this process as its children when their parents end
 *
 * Must be called before the program starts.
 */
bool subtree_keep(void)
{
	return !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* Kills each child. The rest of a list that is longer than @text is killed in the next round. */
static void kill_children(void)
{
	char path[64], text[2048], *at = text, *end;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return;
	text[size] = '\0';
	for (long pid = strtol(at, &end, 10); end != at && *end; pid = strtol(at, &end, 10)) {
		kill((pid_t)pid, SIGKILL);
		at = end;
	}
}

/**
 * subtree_end() - kill the program, if it still runs, and all processes that it has left behind
 * @pid: of the program, which has a process group of its own
 *
 * Return: the status of the program as of waitpid(), or -1 if it is unknown.
 */
int subtree_end(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int status = -1, one;
	pid_t ended;

	kill(-pid, SIGKILL);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		kill_children();
		do {
			ended = waitpid(-1, &one, WNOHANG);
			if (ended == pid)
				status = one;
		} while (ended > 0 || (ended < 0 && errno == EINTR));
		if (ended < 0)
			return status;
		nanosleep(&pause, NULL);
	}
	return status;
}
