/* SPDX-License-Identifier: MIT */
/*
 * A look at files that waits for no file system without end: it is in a thread of its own.
 *
 * For a caller that needs the result at once, and can do without it. An event loop that waits here
 * waits for everybody: see device_thread.h of the agent for looks that may take longer.
 */
#ifndef ENVELOPE_FILE_LOOK_H
#define ENVELOPE_FILE_LOOK_H

#include <stdbool.h>

/**
 * struct file_look_work - what a look does, both in its thread
 * @run: may touch only its data. It notes the files with file_note(), as file_open() does
 * @drop: frees the data after a @run that nobody waits for any more
 */
struct file_look_work {
	void (*run)(void *data);
	void (*drop)(void *data);
};

bool file_look_within(unsigned int milliseconds, const struct file_look_work *work, void *data,
		      char **path);

#endif
