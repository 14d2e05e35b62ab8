// SPDX-License-Identifier: MIT
/*
 * envelope-suspend: holds the writes to a device for a moment, and lets them go whatever happens to
 * the program that asked for it.
 *
 *	envelope-suspend NAME MILLISECONDS
 *	envelope-suspend --resume NAME
 *
 * The first form suspends the device and says "suspended". It resumes the device at the first of a
 * byte on the standard input, the end of the standard input, and the end of the time, which counts
 * from before the suspend. Then it says "held N", with N milliseconds, if the device was suspended
 * from its own suspend to the byte; "late N" otherwise. "failed" and a reason: the device is not
 * suspended. The same process suspends and resumes, so no device stays suspended because the agent,
 * or lvm, was killed or stopped.
 *
 * Must never hold a lock or a descriptor of the agent, and must never wait for a disk while the
 * device is suspended: its pages are locked in memory.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "suspend/device.h"

#define MILLISECONDS_MAX 60000

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One write: the reader sees a whole line. Nobody may read it any more. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[128];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length < (int)sizeof(line) && write(STDOUT_FILENO, line, (size_t)length) < 0)
		return;
}

static void on_alarm(int signal_number)
{
}

/*
 * The end of the service, and that of the reader of the answers, must not end this process. From
 * the end of the time on a signal comes again and again, which ends a suspend that waits for
 * requests under way.
 */
static int set_signals(unsigned int ms)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
	const struct itimerval timer = { .it_value = { ms / 1000, ms % 1000 * 1000 },
					 .it_interval = { 0, 50000 } };
	struct sigaction alarm = { .sa_handler = on_alarm };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&alarm.sa_mask);
	if (sigaction(SIGALRM, &alarm, NULL) < 0)
		return -errno;
	return setitimer(ITIMER_REAL, &timer, NULL) < 0 ? -errno : 0;
}

/* Return: whether a byte came before @end_ms, and before the end of the input. */
static bool wait_for_word(int64_t end_ms)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t left;
	char word;

	while ((left = end_ms - now_ms()) > 0) {
		int r = poll(&input, 1, (int)left);

		if (r > 0)
			return read(STDIN_FILENO, &word, 1) == 1;
		if (r < 0 && errno != EINTR)
			return false;
	}
	return false;
}

/* A device that has gone needs no resume. */
static void resume(void)
{
	int64_t told = 0;
	int r;

	while ((r = device_resume()) < 0 && r != -ENXIO) {
		if (now_ms() - told > 10000) {
			fprintf(stderr, "envelope-suspend: cannot resume: %s\n", strerror(-r));
			told = now_ms();
		}
		usleep(20000);
	}
}

static int hold(unsigned int ms)
{
	int64_t begun = now_ms();
	bool told, whole;
	int r = set_signals(ms);

	if (r == 0)
		r = device_is_suspended();
	if (r > 0) {
		say("failed it is suspended already\n");
		return 1;
	}
	if (r == 0)
		r = device_suspend();
	if (r < 0) {
		say("failed %s\n", strerror(-r));
		return 1;
	}
	say("suspended\n");
	told = wait_for_word(begun + ms);
	/* Somebody may have resumed it. */
	whole = told && device_is_suspended() == 1;
	resume();
	say("%s %lld\n", whole ? "held" : "late", (long long)(now_ms() - begun));
	return whole ? 0 : 1;
}

static int usage(FILE *stream)
{
	fprintf(stream,
		"usage: envelope-suspend NAME MILLISECONDS\n"
		"       envelope-suspend --resume NAME\n"
		"\n"
		"Holds the writes to the device-mapper device NAME until a byte or the end of the\n"
		"standard input, and for at most 1 to %d milliseconds. The agent starts it.\n"
		"\n"
		"Options:\n"
		"  --resume   let the writes go that a killed envelope-suspend has held\n"
		"  --help     show this help\n"
		"  --version  print the version\n",
		MILLISECONDS_MAX);
	return stream == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	char *end = NULL;
	unsigned long ms = argc == 3 ? strtoul(argv[2], &end, 10) : 0;
	bool resumes = argc == 3 && !strcmp(argv[1], "--resume");
	int r;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("envelope-suspend " ENVELOPE_VERSION "\n");
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (argc != 3 || (!resumes && (*end || ms < 1 || ms > MILLISECONDS_MAX)))
		return usage(stderr);
	r = device_prepare(argv[resumes ? 2 : 1]);
	if (r < 0) {
		say("failed %s\n", strerror(-r));
		return 1;
	}
	if (!resumes) {
		if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
			fprintf(stderr, "envelope-suspend: mlockall: %s\n", strerror(errno));
		return hold((unsigned int)ms);
	}
	if (device_is_suspended() == 1)
		resume();
	return 0;
}
