// SPDX-License-Identifier: MIT
/* See notify_reload.h. */
#include "lib/base/notify_reload.h"

#include <systemd/sd-daemon.h>
#include <time.h>

/** notify_reload() - the configuration is read again, until READY=1 is sent */
void notify_reload(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   now.tv_sec * 1000000LL + now.tv_nsec / 1000);
}
