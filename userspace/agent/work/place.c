// SPDX-License-Identifier: MIT
/*
 * The place of a cluster's volume. A look at the disks never changes the user's path: only relocate.c
 * does.
 */
#include "agent/work/place.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/catalog/places.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

/**
 * place_found() - the volume was found, and is surely on this device
 * @device: path of the device
 * @disk: its identity, NULL if it is not known
 *
 * Return: whether the catalog has no identity or another one: the caller must have the cluster saved. A
 * look finds many volumes, and saves them together.
 */
bool place_found(struct cluster *cluster, const char *device, const char *disk)
{
	cluster->absent = false;
	/* Without memory the path of the user is taken. */
	if (text_set(&cluster->found, device) < 0)
		text_freep(&cluster->found);
	if (!disk || (cluster->disk && !strcmp(cluster->disk, disk)))
		return false;
	if (text_set(&cluster->disk, disk) == 0)
		return true;
	log_error("Out of memory.");
	return false;
}

/** place_load() - fill the identity of the disk from the catalog */
void place_load(struct cluster *cluster)
{
	struct fault f;

	if (places_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}
