/* SPDX-License-Identifier: MIT */
/*
 * The writes to a volume's device are held, by envelope-suspend: see userspace/suspend/main.c. All
 * functions run in a device thread. The agent itself never suspends a device.
 */
#ifndef ENVELOPE_SUSPENSION_H
#define ENVELOPE_SUSPENSION_H

#include <sys/types.h>

#include "lib/base/fault.h"

/**
 * struct suspension - the process that holds the writes to one device; suspension_end()
 * @name: of the device, borrowed
 * @pid: of the process, 0 for none
 * @to, @from: pipes
 */
struct suspension {
	const char *name;
	pid_t pid;
	int to;
	int from;
};

int suspension_begin(const char *name, unsigned int ms, struct suspension *ret, struct fault *f);
int suspension_end(struct suspension *suspension, unsigned int *held_ms, struct fault *f);
int suspension_resume(const char *name, struct fault *f);

#endif
