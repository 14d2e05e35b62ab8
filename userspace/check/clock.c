// SPDX-License-Identifier: MIT
/*
 * The clock: is it synchronised? A KMS refuses a request whose time differs from its own by more than
 * five minutes. Every time service tells the kernel, so the kernel is asked.
 */
#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "check/check.h"

#define START \
	"Start a time service: systemctl enable --now systemd-timesyncd (or chrony). See: timedatectl"

void check_clock(const struct settings *settings, struct finding *finding)
{
	struct timex state = { .modes = 0 };
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	if (adjtimex(&state) < 0)
		finding_set(finding, CHECK_SKIPPED, AS_ROOT,
			    "The kernel does not tell the state of the clock: %s.",
			    strerror(errno));
	else if (state.status & STA_UNSYNC)
		finding_set(finding, CHECK_WARNING, START,
			    "It is %s by a clock that no time service has set. The KMS refuses a request that is more than 5 minutes off.",
			    text);
	else
		finding_set(finding, CHECK_OK, NULL,
			    "It is %s. The clock is synchronised, to %ld ms at worst.", text,
			    state.maxerror / 1000);
}
