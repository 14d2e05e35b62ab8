// SPDX-License-Identifier: MIT
/* See progress.h. */
#include "copy/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/json.h"

#define SECOND 1000000000ull
#define MIB    (1024.0 * 1024)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/** progress_begin() - a phase begins: its rate counts from now */
void progress_begin(struct progress *progress, const char *phase, uint64_t before, uint64_t total)
{
	progress->phase = phase;
	progress->before = before;
	progress->total = total;
	progress->began_ns = now_ns();
}

static void print_json(const struct progress *progress, uint64_t bytes, uint64_t rate, int64_t left)
{
	_cleanup_json_ struct json_object *line = json_object_new_object();

	json_add_string(line, "Phase", progress->phase);
	json_add_int(line, "Bytes", (int64_t)bytes);
	json_add_int(line, "TotalBytes", (int64_t)progress->total);
	json_add_int(line, "BytesPerSecond", (int64_t)rate);
	if (left >= 0)
		json_add_int(line, "SecondsLeft", left);
	puts(json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
}

/**
 * progress_report() - print how far the phase is
 * @finished: bytes of this phase that this run has finished
 * @last: of this phase
 */
void progress_report(const struct progress *progress, uint64_t finished, bool last)
{
	uint64_t bytes = progress->before + finished, ns = now_ns() - progress->began_ns;
	uint64_t rate = ns ? (uint64_t)((double)finished / (double)ns * SECOND) : 0;
	int64_t left = rate			  ? (int64_t)((progress->total - bytes) / rate)
		       : progress->total == bytes ? 0
						  : -1;

	if (progress->json) {
		print_json(progress, bytes, rate, left);
	} else {
		printf("%s: %.0f of %.0f MiB, %.0f MiB/s", progress->phase, (double)bytes / MIB,
		       (double)progress->total / MIB, (double)rate / MIB);
		if (left >= 0 && !last)
			printf(", %" PRId64 " s left", left);
		/* A terminal has one line for each phase. */
		fputs(isatty(STDOUT_FILENO) && !last ? "   \r" : "\n", stdout);
	}
	fflush(stdout);
}
