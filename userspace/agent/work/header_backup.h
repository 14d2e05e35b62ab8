/* SPDX-License-Identifier: MIT */
/* Backup and restore of a volume's header, on behalf of a client that keeps the file. */
#ifndef ENVELOPE_AGENT_HEADER_BACKUP_H
#define ENVELOPE_AGENT_HEADER_BACKUP_H

#include "agent/work/operation.h"

void backup_header_begin(struct operation *op);
void restore_header_begin(struct operation *op, const char *backup);

#endif
