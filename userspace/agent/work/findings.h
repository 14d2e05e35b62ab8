/* SPDX-License-Identifier: MIT */
/*
 * What the looks at the disks have found wrong, by the path of the device. A finding is logged when it
 * is new, when it has changed, and when it is gone: looks come as often as disks have events.
 */
#ifndef ENVELOPE_FINDINGS_H
#define ENVELOPE_FINDINGS_H

#include "agent/agent.h"

void findings_begin(struct agent *agent);
void findings_warning(struct agent *agent, const char *device, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void findings_info(struct agent *agent, const char *device, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void findings_end(struct agent *agent);
void findings_forget(struct agent *agent);

#endif
