// SPDX-License-Identifier: MIT
/*
 * See state_lock.h. The lock is on the folder: it needs no room on the disk, and also covers a catalog
 * that is not made yet. The kernel releases it at the end of the process.
 *
 * A disk that hangs can keep a thread of a killed agent, and so its lock, while systemd starts the next
 * agent. The thread does nothing more: it ends in the kernel. The file with the process id tells such an
 * agent from one that is alive.
 */
#include "agent/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/folder.h"
#include "lib/base/log.h"

#define PID_FILE "enveloped.pid"

static void write_pid(int folder)
{
	int fd = openat(folder, PID_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0644);

	/* On a full disk the file is empty: the fault of a second agent then names no process. */
	if (fd < 0)
		return;
	if (dprintf(fd, "%d\n", getpid()) < 0 && ftruncate(fd, 0) < 0)
		log_debug("%s cannot be written.", PID_FILE);
	close(fd);
}

/* Return: the process id of the agent that has the lock; 0 if it is not known. */
static int read_pid(int folder)
{
	int fd = openat(folder, PID_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), pid = 0;
	char text[16] = "";

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0 || sscanf(text, "%d", &pid) != 1)
		pid = 0;
	close(fd);
	return pid;
}

/* Has the process ended, but for a thread that the kernel cannot end yet? */
static bool is_dead(int pid)
{
	char path[32], line[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	end = strrchr(line, ')');
	return end && (!strncmp(end, ") Z", 3) || !strncmp(end, ") X", 3));
}

static int refuse(const char *directory, int pid, struct fault *f)
{
	char process[32] = "";

	if (pid)
		snprintf(process, sizeof(process), " (process %d)", pid);
	return fault_set(f, "AgentRunning",
			 "Another enveloped%s runs with the state folder %s. Nothing was changed. Stop that agent first with 'systemctl stop enveloped', or give this one another StateDirectory=.",
			 process, directory);
}

/**
 * state_lock_take() - take the state folder, before anything of the host is looked at or changed
 * @directory: made if it is missing
 * @ret: the lock; -1 if the folder cannot be locked, which is logged
 * @f: AgentRunning when another agent has the folder
 *
 * Return: 0 or -1.
 */
int state_lock_take(const char *directory, int *ret, struct fault *f)
{
	struct fault ignored;
	int fd, pid;

	folder_make(directory, 0755, 0700, &ignored);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret = fd;
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_pid(fd);
		return 0;
	}
	if (fd < 0 || errno != EWOULDBLOCK) {
		log_warning("%s cannot be locked: %s. Start no second agent with it.", directory,
			    strerror(errno));
		return 0;
	}
	pid = read_pid(fd);
	if (pid && is_dead(pid)) {
		log_warning("A disk holds what is left of the agent before this one (process %d). Find the disk with 'dmesg'.",
			    pid);
		write_pid(fd);
		return 0;
	}
	close(fd);
	*ret = -1;
	return refuse(directory, pid, f);
}

/**
 * state_lock_follow() - lock the folder that is at @directory by now, if it is another one
 *
 * Otherwise a second agent would start with it. A folder that cannot be locked is logged.
 *
 * Return: false if another agent has the folder: its catalog must not be touched.
 */
bool state_lock_follow(const char *directory, int *lock)
{
	struct stat ours, there;
	struct fault f;
	int next;

	if (*lock < 0 || fstat(*lock, &ours) < 0 || stat(directory, &there) < 0 ||
	    (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino))
		return true;
	if (state_lock_take(directory, &next, &f) < 0) {
		log_error("%s", f.message);
		return false;
	}
	state_lock_release(lock);
	*lock = next;
	return true;
}

/** state_lock_release() - give up the folder; a thread that a disk holds must not keep it */
void state_lock_release(int *lock)
{
	if (*lock < 0)
		return;
	flock(*lock, LOCK_UN);
	close(*lock);
	*lock = -1;
}
