/* SPDX-License-Identifier: MIT */
/*
 * The only place where a cluster's status changes: catalog, audit trail, header and
 * watching clients learn of it here, in that order.
 */
#ifndef ENVELOPE_STATE_H
#define ENVELOPE_STATE_H

#include "agent/agent.h"

void state_announce(const struct agent *agent);
int state_set(struct cluster *cluster, enum cluster_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void state_resumed(struct cluster *cluster, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void state_drop_key(struct cluster *cluster);
void state_denied(struct cluster *cluster, const struct fault *f);
void state_accessible(struct cluster *cluster);
void state_device_failed(struct cluster *cluster, const char *kernel_reason);
void state_device_gone(struct cluster *cluster);
bool state_end_window(struct cluster *cluster);
void state_check_window(struct cluster *cluster);
void state_record_on_disk(struct cluster *cluster);
bool state_doubts_disk(struct cluster *cluster, const struct volume_header *header);
bool state_refute_disk(struct cluster *cluster);

#endif
