/* SPDX-License-Identifier: MIT */
/*
 * The process of one envelope-kms-worker: its program, its descriptors, its start.
 */
#ifndef ENVELOPE_WORKER_PROCESS_H
#define ENVELOPE_WORKER_PROCESS_H

#include <sys/types.h>

#include "lib/base/config.h"
#include "lib/base/fault.h"

/**
 * struct worker_process - a child
 * @pid: 0 once reaped, and before the start
 * @pidfd: owned; -1 before the start
 */
struct worker_process {
	pid_t pid;
	int pidfd;
};

/**
 * struct worker_files - descriptors of the parent that the child gets; see worker_protocol.h
 * @socket: becomes WORKER_SOCKET_FD
 * @block: becomes WORKER_BLOCK_FD
 * @ca: becomes WORKER_CA_FD; negative: there is no CA file
 */
struct worker_files {
	int socket;
	int block;
	int ca;
};

int worker_process_start(const struct config *cfg, const struct worker_files *files,
			 struct worker_process *ret, struct fault *f);
const char *worker_process_program(const struct config *cfg);
int worker_process_move_up(int fd);

#endif
