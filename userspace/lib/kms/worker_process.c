// SPDX-License-Identifier: MIT
/*
 * Starting the worker's process. See worker_process.h.
 *
 * The child is started with posix_spawn(), which shares the parent's memory until the exec: fork()
 * would copy pages of an agent that holds keys, and the kernel frees such copies unwiped.
 */

#include "lib/kms/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "lib/base/spawn.h"
#include "lib/kms/worker_protocol.h"

#define HIGH_FD 10 /* above the child's descriptors 0 to 4 */

/** worker_process_program() - path of the worker's program; borrowed */
const char *worker_process_program(const struct config *cfg)
{
	const char *path = secure_getenv("ENVELOPE_WORKER");

	if (path && *path)
		return path;
	return *cfg->worker ? cfg->worker : LIBEXECDIR "/envelope-kms-worker";
}

/** worker_process_move_up() - duplicate @fd above the child's numbers, and close @fd */
int worker_process_move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);

	close(fd);
	return high;
}

/**
 * worker_process_start() - start envelope-kms-worker
 * @cfg: names the program, unless the environment's ENVELOPE_WORKER does
 * @files: the descriptors that become the child's
 * @ret: filled; @ret->pid stays 0 when no child was started
 *
 * Return: 0 or -1.
 */
int worker_process_start(const struct config *cfg, const struct worker_files *files,
			 struct worker_process *ret, struct fault *f)
{
	static char *const no_environment[] = { NULL };
	char *const argv[] = { (char *)"envelope-kms-worker", NULL };
	posix_spawn_file_actions_t actions;
	const char *path = worker_process_program(cfg);
	posix_spawnattr_t attributes;
	int r;

	spawn_attributes(&attributes, 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, files->socket, WORKER_SOCKET_FD);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, files->block, WORKER_BLOCK_FD);
	if (files->ca >= 0)
		posix_spawn_file_actions_adddup2(&actions, files->ca, WORKER_CA_FD);
	r = posix_spawn(&ret->pid, path, &actions, &attributes, argv, no_environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (r) {
		ret->pid = 0;
		return fault_set(f, "InternalFailure", "%s cannot be started: %s.", path,
				 strerror(r));
	}
	ret->pidfd = pidfd_open(ret->pid, 0);
	if (ret->pidfd < 0)
		return fault_set(f, "InternalFailure", "The KMS worker cannot be watched: %s.",
				 strerror(errno));
	return 0;
}
