/* SPDX-License-Identifier: MIT */
/*
 * All processes that a program has started, and those that they started: also those that left the
 * program's session and process group, and those whose parent has ended.
 */
#ifndef ENVELOPE_WORKER_SUBTREE_H
#define ENVELOPE_WORKER_SUBTREE_H

#include <stdbool.h>
#include <sys/types.h>

bool subtree_keep(void);
int subtree_end(pid_t pid);

#endif
