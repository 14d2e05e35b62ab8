/* SPDX-License-Identifier: MIT */
/*
 * Who may call the agent: root and the group envelope everything, the group of ReadOnlyGroup= what
 * the table of methods marks as VARLINK_READ.
 */
#ifndef ENVELOPE_RIGHTS_H
#define ENVELOPE_RIGHTS_H

#include "agent/agent.h"

#define RIGHTS_GROUP "envelope"

void rights_allow_readers(const struct agent *agent, mode_t mode);
int rights_denied(struct varlink_call *call, const char *method);

#endif
