// SPDX-License-Identifier: MIT
/* See format_time.h. */

#include "lib/base/format_time.h"

#include <time.h>

void format_time(int64_t seconds, char text[32])
{
	time_t t = seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
