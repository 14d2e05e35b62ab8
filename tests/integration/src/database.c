// SPDX-License-Identifier: MIT
/*
 * Writes rows as a database does that still has much to write at SIGTERM.
 *
 *	database TABLE FOLDER SECONDS
 *		append a row to TABLE every tenth of a second, and commit it. After SIGTERM go on for
 *		SECONDS, then end. FOLDER has what the users of the database know, a line a row:
 *
 *			committed	the rows that are on the disk
 *			failed		the rows that are not, each with the error
 *			asked		the number of rows at SIGTERM
 *			ended		the number of rows at the end
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void on_terminate(int signal)
{
	(void)signal;
	asked = 1;
}

static long now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* Adds a line to a file of the folder, which is on another disk than the table. */
static void tell(const char *folder, const char *name, const char *line)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "a");
	if (!f || fputs(line, f) < 0 || fclose(f))
		err(3, "%s", path);
}

static void tell_number(const char *folder, const char *name, unsigned long number)
{
	char line[32];

	snprintf(line, sizeof(line), "%lu\n", number);
	tell(folder, name, line);
}

/* Returns 0 or an errno. */
static int commit(int table, const char *row)
{
	ssize_t written = write(table, row, strlen(row));

	if (written >= 0 && (size_t)written < strlen(row))
		return ENOSPC;
	return written < 0 || fdatasync(table) < 0 ? errno : 0;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct sigaction action = { .sa_handler = on_terminate };
	unsigned long rows = 0;
	long end = 0;
	int table;

	if (argc != 4)
		errx(2, "usage: database TABLE FOLDER SECONDS");
	table = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (table < 0)
		err(3, "%s", argv[1]);
	sigaction(SIGTERM, &action, NULL);
	while (!end || now_s() < end) {
		char row[32], line[128];
		int error;

		if (asked && !end) {
			end = now_s() + strtol(argv[3], NULL, 10);
			tell_number(argv[2], "asked", rows);
		}
		snprintf(row, sizeof(row), "row %lu\n", ++rows);
		error = commit(table, row);
		snprintf(line, sizeof(line), "row %lu: %s\n", rows, strerror(error));
		tell(argv[2], error ? "failed" : "committed", error ? line : row);
		nanosleep(&pause, NULL);
	}
	tell_number(argv[2], "ended", rows);
	return 0;
}
