// SPDX-License-Identifier: MIT
/*
 * See suspension.h. The process that suspends the device also resumes it, so that a killed or stopped
 * agent leaves no device suspended. Only if that process itself was killed does the agent resume the
 * device.
 */
#include "agent/volume/suspension.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/volume/program.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/spawn.h"

#define PROGRAM	  LIBEXECDIR "/envelope-suspend"
#define ANSWER_MS 10000 /* beyond the time that the device may be suspended */
#define RESUME_S  10

static const char *program(void)
{
	const char *path = secure_getenv("ENVELOPE_SUSPEND");

	return path && *path ? path : PROGRAM;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int start(const char *name, unsigned int ms, int input, int output, pid_t *pid)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	static char *const environment[] = { path, locale, NULL };
	char number[16]; /* of 32 bits */
	const char *const argv[] = { program(), name, number, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	snprintf(number, sizeof(number), "%u", ms);
	spawn_attributes(&attributes, 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

/* Reads a line without its end. Return: 1, 0 at the end of the output, or -1 when it does not come. */
static int read_line(int fd, int64_t end_ms, char line[128])
{
	size_t length = 0;

	while (length < 127) {
		struct pollfd watched = { .fd = fd, .events = POLLIN };
		int64_t left = end_ms - now_ms();
		int r = left > 0 ? poll(&watched, 1, (int)left) : 0;

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		if (read(fd, line + length, 1) != 1)
			return 0;
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = 0;
	return 1;
}

/*
 * Without its end of the pipe the process resumes the device, as soon as the kernel lets it. A process
 * that the kernel holds is left behind.
 */
static void release(struct suspension *s)
{
	int _cleanup_close_ pidfd = s->pid ? pidfd_open(s->pid, 0) : -1;
	struct pollfd watched = { .fd = pidfd, .events = POLLIN };

	file_close(&s->to);
	file_close(&s->from);
	if (s->pid && (pidfd < 0 || poll(&watched, 1, ANSWER_MS) > 0))
		waitpid(s->pid, NULL, 0);
	else if (s->pid)
		log_error("envelope-suspend of %s does not end.", s->name);
	s->pid = 0;
}

/* The process has ended without its last word: somebody killed it. */
static int died(struct suspension *s, struct fault *f)
{
	struct fault ignored;

	release(s);
	if (suspension_resume(s->name, &ignored) < 0)
		log_error("%s", ignored.message);
	return fault_set(f, "InternalFailure",
			 "envelope-suspend, which held the writes to %s, has ended too early: was it killed? The device is resumed.",
			 s->name);
}

/**
 * suspension_begin() - freeze the file system on a device, and hold its writes
 * @name: of the device; must outlive @ret
 * @ms: the writes are let go after this time at the latest, counted from now
 * @ret: for suspension_end(), after success alone
 *
 * Return: 0 or -1: the device is not suspended, or is about to be resumed.
 */
int suspension_begin(const char *name, unsigned int ms, struct suspension *ret, struct fault *f)
{
	int input[2] = { -1, -1 }, output[2] = { -1, -1 };
	char line[128];
	int r;

	*ret = (struct suspension){ .name = name, .to = -1, .from = -1 };
	r = pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ? errno : 0;
	if (!r)
		r = start(name, ms, input[0], output[1], &ret->pid);
	file_close(&input[0]);
	file_close(&output[1]);
	ret->to = input[1];
	ret->from = output[0];
	if (r) {
		ret->pid = 0;
		release(ret);
		return fault_set(f, "InternalFailure", "%s cannot be started: %s.", program(),
				 strerror(r));
	}
	r = read_line(ret->from, now_ms() + ms + ANSWER_MS, line);
	if (r > 0 && !strcmp(line, "suspended"))
		return 0;
	if (r == 0)
		return died(ret, f);
	release(ret);
	if (r < 0)
		return fault_set(f, "DeviceTimeout",
				 "The file system on %s could not be frozen within %u milliseconds. It goes on when its disk answers: look at it with 'dmesg'.",
				 name, ms + ANSWER_MS);
	return fault_set(f, "DeviceTimeout",
			 "The writes to %s could not be held within %u milliseconds: %s. Try again when less is written, or set SnapshotHoldSeconds= in envelope.conf.",
			 name, ms, line);
}

/**
 * suspension_end() - let the writes go
 * @held_ms: set to the time from the begin of the suspend to the end of the resume
 *
 * Return: 1 if the writes were held from suspension_begin() until now; 0 if they were not, because the
 * time was over or because somebody has resumed the device; or -1.
 */
int suspension_end(struct suspension *s, unsigned int *held_ms, struct fault *f)
{
	char line[128], word[8];

	/* SIGPIPE is blocked or ignored by main(); the answer tells. */
	if (write(s->to, "g", 1) < 0 && errno != EPIPE)
		log_error("envelope-suspend: %s", strerror(errno));
	if (read_line(s->from, now_ms() + ANSWER_MS, line) <= 0 ||
	    sscanf(line, "%7s %u", word, held_ms) != 2)
		return died(s, f);
	release(s);
	return !strcmp(word, "held");
}

/**
 * suspension_resume() - resume a device that a killed process has left suspended
 *
 * Return: 0, also if it is not suspended or not there, or -1.
 */
int suspension_resume(const char *name, struct fault *f)
{
	const char *const argv[] = { program(), "--resume", name, NULL };
	struct program_end end;
	int r = program_run(argv, -1, RESUME_S, &end, f);

	if (r == 0 && end.status)
		r = fault_set(f, "InternalFailure",
			      "The device %s is not resumed. Run: dmsetup resume %s", name, name);
	program_end_clear(&end);
	return r;
}
