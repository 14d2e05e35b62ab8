/* SPDX-License-Identifier: MIT */
/*
 * What to do after a fault, beyond the fault's own words.
 *
 * Must never contradict a message: a hint is true of each fault with its code. Advice for one case
 * belongs into the message of that case.
 */
#ifndef ENVELOPE_CLI_HINT_H
#define ENVELOPE_CLI_HINT_H

#include <stddef.h>

#include "cli/command.h"
#include "lib/base/fault.h"

const char *hint_for(const struct invocation *invocation, const struct fault *f, char *text,
		     size_t size);

#endif
