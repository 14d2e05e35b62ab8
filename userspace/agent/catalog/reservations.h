/* SPDX-License-Identifier: MIT */
/*
 * The table of the disks that this host has reserved. The disk keeps a reservation when the agent ends,
 * and the next agent must know that there was one: a disk without reservations has lost none.
 */
#ifndef ENVELOPE_RESERVATIONS_H
#define ENVELOPE_RESERVATIONS_H

#include "agent/catalog/catalog.h"
#include "agent/catalog/cluster.h"

int reservations_find(struct catalog *catalog, struct cluster *cluster, struct fault *f);
int reservations_record(struct catalog *catalog, const char *volume_id, const char *disk,
			uint32_t held, struct fault *f);
/** typedef reservation_left_t - a reservation that may be on the disk with the identity @disk */
typedef void (*reservation_left_t)(const char *volume_id, const char *disk, void *userdata);

int reservations_each(struct catalog *catalog, reservation_left_t each, void *userdata,
		      struct fault *f);
int reservations_forget(struct catalog *catalog, const char *volume_id, struct fault *f);

#endif
