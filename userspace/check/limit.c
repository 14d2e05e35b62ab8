// SPDX-License-Identifier: MIT
/*
 * One check in a process of its own, with a limit of time. A process that waits for a hung disk cannot
 * be killed until the disk answers. It is left behind, without a descriptor that somebody reads to its
 * end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/check.h"

/* libcryptsetup, libdevmapper and sanitizers print on standard error. */
static void leave_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

static void run(look_t look, const struct settings *settings, int pipe_end, pid_t parent)
{
	struct finding finding = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A parent that has ended before sends no signal. */
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	leave_streams();
	look(settings, &finding);
	/* Less than PIPE_BUF: whole or not at all. */
	_exit(write(pipe_end, &finding, sizeof(finding)) != sizeof(finding));
}

static void ended_early(pid_t pid, struct finding *finding)
{
	int status = 0;

	waitpid(pid, &status, 0);
	finding_set(finding, CHECK_FAILED, "Report this as a fault of envelope-check.",
		    WIFSIGNALED(status) ? "The check was ended by signal %d."
					: "The check ended with status %d.",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/**
 * limit_run() - run a check, for @settings->timeout_s at most
 * @finding: filled in any case
 */
void limit_run(look_t look, const struct settings *settings, struct finding *finding)
{
	struct pollfd answer = { .fd = -1, .events = POLLIN };
	pid_t parent = getpid(), pid;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC)) {
		finding_set(finding, CHECK_FAILED, NULL, "A pipe cannot be made: %s.",
			    strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		run(look, settings, ends[1], parent);
	close(ends[1]);
	answer.fd = ends[0];
	if (pid < 0) {
		finding_set(finding, CHECK_FAILED, NULL, "A process cannot be started: %s.",
			    strerror(errno));
	} else if ((r = poll(&answer, 1, (int)settings->timeout_s * 1000)) == 0) {
		finding_set(finding, CHECK_FAILED,
			    settings->device
				    ? "The disk or its path hangs: look at dmesg."
				    : "What the check asks hangs: look at the journal and at dmesg.",
			    "The check did not end within %u seconds.", settings->timeout_s);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, WNOHANG);
	} else if (r < 0 || read(ends[0], finding, sizeof(*finding)) != sizeof(*finding)) {
		ended_early(pid, finding);
	} else {
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
}
