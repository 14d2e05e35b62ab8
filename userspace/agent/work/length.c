// SPDX-License-Identifier: MIT
/*
 * A disk that became shorter while its cluster was stopped. The header does not tell: its segment ends
 * with the disk. A file system whose end is missing reads errors there at best.
 */
#include "agent/work/length.h"

#include <inttypes.h>

#include "agent/agent.h"
#include "agent/catalog/lengths.h"
#include "lib/base/log.h"

/** length_load() - fill the length from the catalog, unless the volume has been seen to be longer */
void length_load(struct cluster *cluster)
{
	uint64_t sectors;
	struct fault f;

	if (lengths_find(cluster->agent->catalog, cluster->volume_id, &sectors, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	length_seen(cluster, sectors);
}

/**
 * length_seen() - the volume has this length
 *
 * Return: whether it is longer than the catalog says: the caller must have the cluster saved.
 */
bool length_seen(struct cluster *cluster, uint64_t sectors)
{
	if (sectors <= cluster->sectors)
		return false;
	cluster->sectors = sectors;
	return true;
}

/**
 * length_choose() - the user has judged which disk is the volume: its length counts, also a shorter one
 *
 * Return: as length_seen().
 */
bool length_choose(struct cluster *cluster, uint64_t sectors)
{
	bool changed = cluster->sectors != sectors;

	cluster->sectors = sectors;
	return changed;
}

/**
 * length_check() - refuse a volume that would be shorter than it was
 * @header: of the disk @device, as long as the disk is now
 *
 * Return: 0 or -1.
 */
int length_check(const struct cluster *cluster, const struct volume_header *header,
		 const char *device, struct fault *f)
{
	const uint64_t was = cluster->sectors * 512, is = header->data_sectors * 512;

	if (is >= was)
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "The disk %s has become shorter: the volume of the cluster %s has %" PRIu64
			 " bytes, and this disk has room for %" PRIu64
			 " of them. Nothing was unlocked. Make the disk %" PRIu64
			 " bytes longer (lvextend, a larger LUN, losetup -c), or attach the disk that it was, then start the cluster. If the volume was made shorter on purpose: envelope cluster relocate --db-cluster-identifier %s --device %s",
			 device, cluster->id, was, is, was - is, cluster->id, device);
}
