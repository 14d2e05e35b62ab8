// SPDX-License-Identifier: MIT
/* See format_time.h. */

#include "lib/base/format_time.h"

#include <time.h>

/** format_time() - UTC in ISO 8601, as CloudTrail has it; @seconds: since the epoch */
void format_time(int64_t seconds, char text[32])
{
	time_t t = seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
