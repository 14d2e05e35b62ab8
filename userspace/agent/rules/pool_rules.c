// SPDX-License-Identifier: MIT
/*
 * What may be put into a pool.
 *
 * A pool promises no byte that it does not have: a thin pool that runs full fails the writes of every
 * volume in it, also those of a cluster that has stayed within its allocated storage. Must stay pure.
 */
#include "agent/rules/pool_rules.h"

#include <inttypes.h>
#include <string.h>

/** rules_pool_name() - may a pool have this name? Its logical volume gets the same name */
int rules_pool_name(const char *name, struct fault *f)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	size_t length = strlen(name);

	if (length && length <= POOL_NAME_MAX && strchr(letters, name[0]) &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length &&
	    name[length - 1] != '-' && !strstr(name, "--"))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "The name of a pool begins with a lower-case letter, has only lower-case letters, digits and single hyphens, does not end with a hyphen, and has at most %d characters.",
			 POOL_NAME_MAX);
}

/** rules_pool_size() - is it a size in GiB? @parameter: its name, for the fault */
int rules_pool_size(int64_t gib, const char *parameter, struct fault *f)
{
	if (gib >= 1 && gib <= POOL_GIB_MAX)
		return 0;
	return fault_set(f, "InvalidParameterValue", "%s is 1 to %d GiB, not %" PRId64 ".",
			 parameter, POOL_GIB_MAX, gib);
}

static uint64_t round_up(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/**
 * rules_pool_room() - may the volumes of a pool get so many bytes more?
 * @bytes: of a new volume, or that a volume is to grow by
 * @grow_to: length that the pool must get first, 0 for none. Only a pool that lvm.conf lets grow
 *	anyway is made longer: then now, and not when its blocks are written
 *
 * Return: 0, or -1 with StorageQuotaExceededFault, or InvalidDBClusterStateFault for a damaged pool.
 */
int rules_pool_room(const struct pool_room *room, uint64_t bytes, uint64_t *grow_to,
		    struct fault *f)
{
	uint64_t left = room->bytes > room->promised ? room->bytes - room->promised : 0;
	uint64_t missing;

	*grow_to = 0;
	if (room->health[0])
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The pool %s is not healthy: LVM says '%s'. Nothing new is put into it. See lvmthin(7).",
				 room->name, room->health);
	if (room->metadata_percent >= POOL_METADATA_FULL)
		return fault_set(f, "StorageQuotaExceededFault",
				 "The metadata of the pool %s are %.0f %% full, and a pool without room for metadata is lost. Give them more room first: lvextend --poolmetadatasize.",
				 room->name, room->metadata_percent);
	if (bytes <= left)
		return 0;
	missing = room->promised + bytes - room->bytes;
	if (room->autoextend && room->extent_bytes &&
	    round_up(missing, room->extent_bytes) <= room->free_bytes) {
		*grow_to = round_up(room->bytes + missing, room->extent_bytes);
		return 0;
	}
	return fault_set(f, "StorageQuotaExceededFault",
			 "The pool %s has %" PRIu64
			 " GiB, and %.1f GiB of them are not promised to a volume yet: %.1f GiB more are too many. %s",
			 room->name, room->bytes / POOL_GIB, (double)left / (double)POOL_GIB,
			 (double)bytes / (double)POOL_GIB,
			 room->autoextend
				 ? "The volume group has no room for a longer pool either: add a disk with vgextend."
				 : "Make the pool longer with lvextend, or delete a cluster.");
}

/**
 * rules_pool_level() - how full is the pool?
 *
 * Return: the highest of 80, 90 and 95 per cent that its data or its metadata have reached, 100 if
 * its volumes may need more than it has or LVM calls it unhealthy, or 0.
 */
unsigned int rules_pool_level(const struct pool_room *room)
{
	static const unsigned int levels[] = { 95, 90, 80 };
	double most = room->data_percent > room->metadata_percent ? room->data_percent
								  : room->metadata_percent;

	if (room->promised > room->bytes || room->health[0])
		return 100;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (most >= levels[i])
			return levels[i];
	return 0;
}

/**
 * rules_pool_place() - is it clear where a new cluster gets its volume?
 * @pool, @device: as the client named them; NULL for none
 * @has_size: it named an allocated storage, of @gib GiB
 */
int rules_pool_place(const char *pool, const char *device, bool has_size, int64_t gib,
		     struct fault *f)
{
	if (pool && device)
		return fault_set(f, "InvalidParameterCombination",
				 "A cluster has its volume in a pool or on a device of its own. Give --pool or --device.");
	if (!pool && !device)
		return fault_set(f, "InvalidParameterCombination",
				 "The cluster needs a place for its volume. Give --device, or --pool with --allocated-storage.");
	if (device && has_size)
		return fault_set(f, "InvalidParameterCombination",
				 "AllocatedStorage needs a pool: a cluster takes all of a device that is given with --device.");
	if (pool && !has_size)
		return fault_set(f, "InvalidParameterCombination",
				 "A cluster in a pool needs its size in GiB. Give --allocated-storage.");
	return pool ? rules_pool_size(gib, "AllocatedStorage", f) : 0;
}

/**
 * rules_pool_storage() - may a cluster get this allocated storage?
 * @pool: that it is in, "" for none; @bytes: that it has
 *
 * The same as it has is allowed: an earlier change may have ended between LVM and the device.
 */
int rules_pool_storage(const char *cluster, const char *pool, uint64_t bytes, int64_t gib,
		       struct fault *f)
{
	if (!pool[0])
		return fault_set(f, "InvalidParameterCombination",
				 "The cluster %s is on a device of its own, not in a pool. Make the device longer (lvextend, a larger LUN), then: envelope cluster modify --db-cluster-identifier %s --grow",
				 cluster, cluster);
	if (rules_pool_size(gib, "AllocatedStorage", f) < 0)
		return -1;
	if ((uint64_t)gib * POOL_GIB < bytes)
		return fault_set(f, "InvalidParameterCombination",
				 "The cluster %s has %" PRIu64
				 " GiB. Its storage can grow, but not shrink: copy the data into a smaller cluster.",
				 cluster, (bytes + POOL_GIB - 1) / POOL_GIB);
	return 0;
}
