// SPDX-License-Identifier: MIT
/* See owner_rules.h. */
#include "agent/rules/owner_rules.h"

#include "lib/header/volume_owner.h"

/* @left_s: until a take-over is possible; 0: the client has not asked for one */
static int refuse_unknown(const char *cluster_id, const struct volume_owner *owner, uint64_t left_s,
			  struct fault *f)
{
	if (!left_s)
		return fault_set(f, "VolumeInUse",
				 "The header of the cluster %s names no owner, because it was damaged and restored at %s: any host that can reach the disk may have the volume in use. Stop the cluster on each of these hosts. If no host has it in use, try again with --take-over.",
				 cluster_id, owner->time);
	return fault_set(f, "VolumeInUse",
			 "The header of the cluster %s names no owner, because it was damaged and restored at %s: a host that can reach the disk may have the volume in use, with a lease that has not ended. Stop the cluster on each of these hosts. --take-over is possible in %llu seconds.",
			 cluster_id, owner->time, (unsigned long long)left_s);
}

/**
 * rules_owner() - may this host use or erase the volume?
 * @owner: as the header names it
 * @host: id of this host
 * @unchanged_s: seconds for which this host has seen @owner's stamp unchanged, by its own clock
 * @take_over: the client says that the other host is gone
 *
 * The owner renews its stamp before its claim ends, and the kernel ends its lease before. No clock of
 * two hosts is compared: only the time counts for which this host saw no new stamp.
 */
int rules_owner(const char *cluster_id, const struct volume_owner *owner, const char *host,
		uint64_t unchanged_s, bool take_over, struct fault *f)
{
	uint64_t left_s = unchanged_s < owner->claim ? owner->claim - unchanged_s : 0;

	if (!volume_owner_is_other(owner, host) || (take_over && !left_s))
		return 0;
	if (volume_owner_is_unknown(owner))
		return refuse_unknown(cluster_id, owner, take_over ? left_s : 0, f);
	if (!take_over)
		return fault_set(f, "VolumeInUse",
				 "The volume of the cluster %s belongs to another host (%s, last seen there at %s). Stop the cluster on that host. If it is stopped, or that host is gone, try again with --take-over.",
				 cluster_id, owner->host, owner->time);
	return fault_set(f, "VolumeInUse",
			 "The volume of the cluster %s belongs to another host (%s, last seen there at %s), whose lease may not have ended. If that host does not renew its claim, --take-over is possible in %llu seconds.",
			 cluster_id, owner->host, owner->time, (unsigned long long)left_s);
}

/**
 * rules_may_fence() - is the disk to end the use of a host whose claim has not ended?
 * @owner: that host, as the header names it: an unknown one has no registration that could end
 */
bool rules_may_fence(const struct volume_owner *owner, bool take_over, bool fencing)
{
	return take_over && fencing && !volume_owner_is_unknown(owner);
}

/**
 * rules_delete_reserved() - may a cluster be deleted whose disk this host has reserved?
 * @left_s: seconds for which a host that was fenced may have the volume open; 0: no such host
 *
 * The deletion would end the reservation, and the other host could write to whatever the disk gets next.
 */
int rules_delete_reserved(const char *cluster_id, uint32_t left_s, struct fault *f)
{
	if (!left_s)
		return 0;
	return fault_set(f, "VolumeInUse",
			 "The cluster %s cannot be deleted: a host that was fenced may have its volume open with a lease that has not ended, and this host keeps the disk reserved. Nothing was deleted. Try again in %u seconds.",
			 cluster_id, left_s);
}

/** rules_not_fenced() - add to rules_owner()'s refusal why the other host cannot be fenced */
void rules_not_fenced(struct fault *f, const char *why)
{
	struct fault refusal = *f;

	fault_set(f, refusal.code, "%.500s The other host cannot be fenced: %.200s.",
		  refusal.message, why);
}
