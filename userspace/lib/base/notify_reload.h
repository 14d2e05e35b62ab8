/* SPDX-License-Identifier: MIT */
/* What a service tells systemd about a reload. */
#ifndef ENVELOPE_NOTIFY_RELOAD_H
#define ENVELOPE_NOTIFY_RELOAD_H

void notify_reload(void);

#endif
