/* SPDX-License-Identifier: MIT */
#ifndef ENVELOPE_FORMAT_TIME_H
#define ENVELOPE_FORMAT_TIME_H

#include <stdint.h>

/** format_time() - UTC in ISO 8601, as CloudTrail has it; @seconds: since the epoch */
void format_time(int64_t seconds, char text[32]);

#endif
