/* SPDX-License-Identifier: MIT */
/* Other people's programs, such as lvm: started in a device thread, and ended at a deadline. */
#ifndef ENVELOPE_PROGRAM_H
#define ENVELOPE_PROGRAM_H

#include <stdbool.h>

#include "lib/base/fault.h"

/**
 * struct program_end - what became of a program; program_end_clear()
 * @status: its exit status; -1: a signal ended it, such as that of the deadline
 * @late: it was ended at the deadline
 * @output: what it printed, owned
 * @said: the last line of its standard error
 */
struct program_end {
	int status;
	bool late;
	char *output;
	char said[256];
};

int program_run(const char *const argv[], int input, unsigned int seconds, struct program_end *ret,
		struct fault *f);
void program_end_clear(struct program_end *end);

#endif
