/* SPDX-License-Identifier: MIT */
/*
 * Search of another process's memory for bytes that must not be there.
 */
#ifndef MEMORY_SEARCH_H
#define MEMORY_SEARCH_H

#include <stddef.h>
#include <sys/types.h>

struct needle {
	const void *bytes;
	size_t size;
};

/* Copies of the needles that were found. */
struct findings {
	unsigned int in_block;
	unsigned int elsewhere;
	char where[256]; /* the last one elsewhere */
};

/** memory_search() - search all memory of @pid; an empty one ends the list of @needles */
struct findings memory_search(pid_t pid, const struct needle *needles);

/** memory_hold_at_exit() - make the process @pid stop when it is about to exit */
void memory_hold_at_exit(pid_t pid);

/** memory_run_to_exit() - let @pid run until it is about to exit; its memory is then still there */
void memory_run_to_exit(pid_t pid);

#endif
