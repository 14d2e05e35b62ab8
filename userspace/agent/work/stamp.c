// SPDX-License-Identifier: MIT
/*
 * What the agent remembers of its stamp in a volume's header. The disk is written first, then the
 * catalog. So a stamp on the disk that is newer than the catalog's is the agent's own, whose end came in
 * between; an older one is on a copy, or on a disk that was put back.
 *
 * Must never be written before the disk has the stamp: the disk itself would be taken for a copy.
 */
#include "agent/work/stamp.h"

#include <string.h>

#include "agent/agent.h"
#include "agent/catalog/cluster_list.h"
#include "agent/catalog/stamps.h"
#include "lib/base/log.h"

/** stamp_load() - fill the stamp from the catalog */
void stamp_load(struct cluster *cluster)
{
	struct fault f;

	if (stamps_find(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * stamp_written() - the disk has this stamp
 *
 * The catalog does not get it: the renewals of a thousand claims would have the loop wait for as many
 * syncs, and a disk with a newer stamp than the catalog's is taken.
 */
void stamp_written(struct cluster *cluster, const struct volume_owner *stamp)
{
	cluster->stamp = *stamp;
	/* A look at the disks may have read the header before, and would take the disk for a copy. */
	if (!cluster->mapping.name[0])
		cluster_changed(cluster);
}

/** stamp_record() - the disk has this stamp, after a start or a stop */
void stamp_record(struct cluster *cluster, const struct volume_owner *stamp)
{
	struct fault f;

	stamp_written(cluster, stamp);
	if (stamps_record(cluster->agent->catalog, cluster, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * stamp_choose() - the user has chosen a disk whose header names @owner
 *
 * An older copy is taken as it is, and so is a disk with an earlier stamp of another host. Its next
 * stamp is later than all that this host has written: the disk from before is then the older copy.
 */
void stamp_choose(struct cluster *cluster, const struct volume_owner *owner)
{
	struct volume_owner stamp = *owner;

	if (strcmp(owner->time, cluster->stamp.time) < 0) {
		stamp = (struct volume_owner){ 0 };
		memcpy(stamp.time, cluster->stamp.time, sizeof(stamp.time));
	}
	stamp_record(cluster, &stamp);
}
