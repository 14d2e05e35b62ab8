// SPDX-License-Identifier: MIT
/*
 * Runs a program of another package and reads what it prints. The caller is a device thread: the
 * program may wait for a disk.
 *
 * Must never start a shell, and must never pass on the environment of the agent.
 */
#include "agent/volume/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/spawn.h"

#define OUTPUT_MAX (4U << 20)
#define REAP_MS	   5000 /* after SIGKILL; a program that a disk holds is left behind */

/* One of the pipes. @text: what has been read, with a terminator; owned */
struct stream {
	int fd;
	char *text;
	size_t size;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int start(const char *const argv[], int input, int output, int errors, pid_t *pid)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	static char *const environment[] = { path, locale, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	spawn_attributes(&attributes, 0);
	posix_spawn_file_actions_init(&actions);
	if (input >= 0)
		posix_spawn_file_actions_adddup2(&actions, input, 0);
	else
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, errors, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

/* Reads what is there. A stream that has ended, or says too much, is closed. */
static void take(struct stream *stream)
{
	char buffer[8192];
	ssize_t count = read(stream->fd, buffer, sizeof(buffer));
	char *more;

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	more = count > 0 && stream->size + (size_t)count < OUTPUT_MAX
		       ? realloc(stream->text, stream->size + (size_t)count + 1)
		       : NULL;
	if (!more) {
		file_close(&stream->fd);
		return;
	}
	memcpy(more + stream->size, buffer, (size_t)count);
	stream->text = more;
	stream->size += (size_t)count;
	more[stream->size] = 0;
}

/* Return: whether the program has ended by @end_ms; both streams are read until then. */
static bool read_until(int pidfd, struct stream streams[2], int64_t end_ms)
{
	bool ended = false;

	while (!ended || streams[0].fd >= 0) {
		struct pollfd watched[] = { { .fd = streams[0].fd, .events = POLLIN },
					    { .fd = streams[1].fd, .events = POLLIN },
					    { .fd = ended ? -1 : pidfd, .events = POLLIN } };
		int64_t left = end_ms - now_ms();
		int r;

		/* A daemon that the program has left may keep the pipes open. */
		if (ended)
			left = 0;
		if (left < 0)
			return ended;
		r = poll(watched, 3, (int)left);
		if (r == 0 || (r < 0 && errno != EINTR))
			return ended;
		for (int i = 0; r > 0 && i < 2; i++)
			if (watched[i].revents)
				take(&streams[i]);
		ended = ended || (r > 0 && watched[2].revents);
	}
	return true;
}

static bool reap(pid_t pid, int pidfd, int *status)
{
	struct pollfd watched = { .fd = pidfd, .events = POLLIN };

	if (poll(&watched, 1, REAP_MS) <= 0)
		return false;
	return waitpid(pid, status, 0) == pid;
}

/* The last line that is not empty. */
static void last_line(char *text, char *line, size_t size)
{
	char *end;

	line[0] = 0;
	if (!text)
		return;
	for (end = text + strlen(text); end > text && strchr(" \n", end[-1]); end--)
		end[-1] = 0;
	end = strrchr(text, '\n');
	text = end ? end + 1 : text;
	text += strspn(text, " ");
	strncpy(line, text, size - 1);
	line[size - 1] = 0;
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = '?';
}

static int watch(pid_t pid, struct stream streams[2], unsigned int seconds, struct program_end *ret,
		 struct fault *f)
{
	int _cleanup_close_ pidfd = pidfd_open(pid, 0);
	int status = 0;

	if (pidfd < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return fault_set(f, "InternalFailure", "A program cannot be watched: %s.",
				 strerror(errno));
	}
	ret->late = !read_until(pidfd, streams, now_ms() + (int64_t)seconds * 1000);
	if (ret->late)
		kill(pid, SIGKILL);
	if (reap(pid, pidfd, &status) && WIFEXITED(status) && !ret->late)
		ret->status = WEXITSTATUS(status);
	return 0;
}

/**
 * program_run() - run a program to its end
 * @argv: its path and its words, ended by NULL
 * @input: its standard input, borrowed; -1 for none
 * @seconds: after this time it is killed
 * @ret: filled; for program_end_clear(), also after a failure
 *
 * Return: 0 when it was started, whatever became of it; or -1.
 */
int program_run(const char *const argv[], int input, unsigned int seconds, struct program_end *ret,
		struct fault *f)
{
	struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
	int output[2] = { -1, -1 }, errors[2] = { -1, -1 };
	pid_t pid = 0;
	int r;

	*ret = (struct program_end){ .status = -1 };
	r = pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0
		    ? errno
		    : 0;
	/* The program must see a pipe that blocks. */
	if (!r)
		r = fcntl(output[1], F_SETFL, 0) < 0 || fcntl(errors[1], F_SETFL, 0) < 0 ? errno
											 : 0;
	if (!r)
		r = start(argv, input, output[1], errors[1], &pid);
	file_close(&output[1]);
	file_close(&errors[1]);
	streams[0].fd = output[0];
	streams[1].fd = errors[0];
	if (r)
		r = fault_set(f, "InternalFailure", "%s cannot be started: %s.", argv[0],
			      strerror(r));
	else
		r = watch(pid, streams, seconds, ret, f);
	file_close(&streams[0].fd);
	file_close(&streams[1].fd);
	ret->output = streams[0].text;
	last_line(streams[1].text, ret->said, sizeof(ret->said));
	free(streams[1].text);
	return r;
}

/** program_end_clear() - free what it owns */
void program_end_clear(struct program_end *end)
{
	free(end->output);
	*end = (struct program_end){ .status = -1 };
}
