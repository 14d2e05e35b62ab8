/* SPDX-License-Identifier: MIT */
/*
 * Which of several endpoints is asked first: the one that gave what was asked last, and the first of the
 * list again from time to time, or when the other one gives it no more.
 */
#ifndef ENVELOPE_ENDPOINT_TURN_H
#define ENVELOPE_ENDPOINT_TURN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"

size_t endpoint_turn_begin(const char *endpoints, uint64_t now_ns, uint64_t again_ns);
void endpoint_turn_answered(const char *endpoints, size_t at, uint64_t now_ns,
			    const struct fault *silence);
void endpoint_turn_from_first(const char *endpoints);

#endif
