/* SPDX-License-Identifier: MIT */
#ifndef ENVELOPE_FORMAT_TIME_H
#define ENVELOPE_FORMAT_TIME_H

#include <stdint.h>

void format_time(int64_t seconds, char text[32]);

#endif
