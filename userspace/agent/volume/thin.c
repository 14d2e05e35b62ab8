// SPDX-License-Identifier: MIT
/*
 * Makes and removes thin pools and thin volumes. See thin.h.
 *
 * Must never touch a logical volume that is not ours: its uuid and its tags must both say that it is.
 * Only of a volume whose uuid the catalog does not have yet, because an agent was killed, is the tag
 * enough: the tag has a random id that was written into the catalog first.
 */
#include "agent/volume/thin.h"

#include <stdio.h>
#include <string.h>

/* The tag that tells a pool, or a volume, from all others. */
static void pool_tag(const struct thin_pool *pool, char tag[LVM_TAG_MAX])
{
	snprintf(tag, LVM_TAG_MAX, "envelope.pool-id=%s", pool->id);
}

static void volume_tag(const char *volume_id, char tag[LVM_TAG_MAX])
{
	snprintf(tag, LVM_TAG_MAX, "envelope.volume=%s", volume_id);
}

/**
 * thin_find_own() - find a logical volume of ours
 * @uuid: LVM's, "" if it is not known: then the tag is enough
 * @ret: borrowed from @group
 *
 * Return: 1 if it is there and ours, 0 if it is not there, or -1: it is there, and not ours.
 */
int thin_find_own(const struct lvm_group *group, const char *uuid, const char *tag,
		  const struct lvm_volume **ret, struct fault *f)
{
	*ret = lvm_find_tag(group, tag);
	if (!uuid[0])
		return *ret != NULL;
	for (size_t i = 0; i < group->count; i++) {
		const struct lvm_volume *volume = &group->volumes[i];

		if (strcmp(volume->uuid, uuid))
			continue;
		if (volume == *ret)
			return 1;
		*ret = NULL;
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The logical volume %s with the uuid %s has not the tags " LVM_TAG
				 " and %s: somebody changed it. It is left alone. Give it the tags again with lvchange --addtag if it is this host's.",
				 volume->name, uuid, tag);
	}
	*ret = NULL;
	return 0;
}

static uint64_t promised(const struct lvm_group *group, const char *pool_uuid)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < group->count; i++)
		if (!strcmp(group->volumes[i].pool_uuid, pool_uuid))
			sum += group->volumes[i].bytes;
	return sum;
}

/**
 * thin_pool_read() - look at a pool
 * @group: filled, for lvm_group_clear(), also after a failure
 *
 * Return: 0 or -1.
 */
int thin_pool_read(struct thin_pool *pool, struct lvm_group *group, struct fault *f)
{
	const struct lvm_volume *found;
	char tag[LVM_TAG_MAX];
	int r;

	pool_tag(pool, tag);
	r = lvm_group_read(pool->group, group, f);
	if (r == 0)
		r = lvm_autoextend(&pool->room.autoextend, f);
	if (r < 0)
		return -1;
	r = thin_find_own(group, pool->uuid, tag, &found, f);
	if (r < 0)
		return -1;
	if (r == 0)
		return fault_set(f, "DBPoolNotFoundFault",
				 "The volume group %s has no logical volume of the pool %s (uuid %s) any more. Attach its disks.",
				 pool->group, pool->name, pool->uuid);
	snprintf(pool->health, sizeof(pool->health), "%s", found->health);
	pool->room = (struct pool_room){
		.name = pool->name,
		.bytes = found->bytes,
		.promised = promised(group, found->uuid),
		.free_bytes = group->free_bytes,
		.extent_bytes = group->extent_bytes,
		.data_percent = found->data_percent,
		.metadata_percent = found->metadata_percent,
		.health = pool->health,
		.autoextend = pool->room.autoextend,
	};
	return 0;
}

/* Fills the uuid of a pool that lvm has just made. */
static int take_pool(struct thin_pool *pool, struct fault *f)
{
	const struct lvm_volume *found;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = lvm_group_read(pool->group, &group, f);

	pool_tag(pool, tag);
	if (r == 0 && !(found = lvm_find_tag(&group, tag)))
		r = fault_set(f, "InternalFailure", "lvm has made no pool %s in %s.", pool->name,
			      pool->group);
	if (r == 0)
		memcpy(pool->uuid, found->uuid, sizeof(pool->uuid));
	lvm_group_clear(&group);
	return r;
}

/**
 * thin_pool_make() - make a pool, and fill its uuid
 *
 * Nothing of it is left after a failure, unless lvm cannot remove it.
 *
 * Return: 0 or -1.
 */
int thin_pool_make(struct thin_pool *pool, struct fault *f)
{
	struct lvm_tags tags = { 0 };
	struct lvm_group group;
	struct fault ignored;
	int r = lvm_group_read(pool->group, &group, f);

	if (r == 0 && lvm_find(&group, pool->name))
		r = fault_set(f, "InvalidParameterValue",
			      "The volume group %s has a logical volume %s already. Choose another name for the pool.",
			      pool->group, pool->name);
	lvm_group_clear(&group);
	if (r < 0)
		return -1;
	snprintf(tags.tag[0], LVM_TAG_MAX, "envelope.pool=%s", pool->name);
	pool_tag(pool, tags.tag[1]);
	r = lvm_make_pool(pool->group, pool->name, pool->bytes, &tags, f);
	if (r == 0)
		r = take_pool(pool, f);
	if (r < 0)
		thin_pool_unmake(pool, &ignored);
	return r;
}

/**
 * thin_pool_unmake() - remove a pool that has no volumes
 *
 * lvm would remove the volumes of a pool with the pool.
 *
 * Return: 0, also when it was not there, or -1: its tags have changed, or it has volumes.
 */
int thin_pool_unmake(struct thin_pool *pool, struct fault *f)
{
	const struct lvm_volume *found = NULL;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = lvm_group_read(pool->group, &group, f);

	pool_tag(pool, tag);
	if (r == 0)
		r = thin_find_own(&group, pool->uuid, tag, &found, f);
	if (r > 0 && promised(&group, found->uuid))
		r = fault_set(f, "InvalidPoolStateFault",
			      "The pool %s has logical volumes that are no clusters of this host: see 'lvs %s'. Remove them first.",
			      pool->name, pool->group);
	if (r > 0)
		r = lvm_remove(pool->group, found->uuid, tag, f);
	lvm_group_clear(&group);
	return r;
}

/** thin_make_room() - may the pool promise so much more? Makes it longer if it must be and may be */
int thin_make_room(const struct thin_pool *pool, const struct lvm_group *group, uint64_t bytes,
		   struct fault *f)
{
	const struct lvm_volume *found;
	char tag[LVM_TAG_MAX];
	uint64_t grow_to;

	if (rules_pool_room(&pool->room, bytes, &grow_to, f) < 0)
		return -1;
	if (!grow_to)
		return 0;
	pool_tag(pool, tag);
	found = lvm_find_tag(group, tag);
	return found ? lvm_extend(pool->group, found->name, grow_to, f) : -1;
}

/** thin_volume_take() - fill uuid, length and path of a volume that lvm has just made or changed */
int thin_volume_take(struct thin_volume *volume, struct fault *f)
{
	const struct lvm_volume *found;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = lvm_group_read(volume->pool.group, &group, f);

	volume_tag(volume->volume_id, tag);
	if (r == 0 && !(found = lvm_find_tag(&group, tag)))
		r = fault_set(f, "InternalFailure", "lvm has made no volume %s in %s.",
			      volume->volume_id, volume->pool.group);
	if (r == 0) {
		memcpy(volume->uuid, found->uuid, sizeof(volume->uuid));
		memcpy(volume->path, found->path, sizeof(volume->path));
		volume->bytes = found->bytes;
	}
	lvm_group_clear(&group);
	return r;
}

/** thin_volume_tags() - the tags of a cluster's volume */
void thin_volume_tags(const struct thin_volume *volume, struct lvm_tags *ret)
{
	*ret = (struct lvm_tags){ 0 };
	volume_tag(volume->volume_id, ret->tag[0]);
	snprintf(ret->tag[1], LVM_TAG_MAX, "envelope.cluster=%s", volume->cluster_id);
	snprintf(ret->tag[2], LVM_TAG_MAX, "envelope.pool=%s", volume->pool.name);
}

/**
 * thin_volume_make() - make the volume of a new cluster, and fill its uuid, path and length
 *
 * Return: 0 or -1; then thin_volume_remove() removes what may be left.
 */
int thin_volume_make(struct thin_volume *volume, struct fault *f)
{
	struct thin_pool *pool = &volume->pool;
	struct lvm_tags tags = { 0 };
	struct lvm_group group;
	char name[32];
	int r = thin_pool_read(pool, &group, f);

	thin_volume_name(volume->volume_id, name);
	if (r == 0 && lvm_find(&group, name))
		r = fault_set(f, "InvalidParameterValue",
			      "The volume group %s has a logical volume %s already. It is left alone. Try again: the next one gets another name.",
			      pool->group, name);
	if (r == 0)
		r = thin_make_room(pool, &group, volume->bytes, f);
	lvm_group_clear(&group);
	if (r < 0)
		return -1;
	thin_volume_tags(volume, &tags);
	r = lvm_make_thin(pool->group, pool->name, name, volume->bytes, &tags, f);
	return r < 0 ? -1 : thin_volume_take(volume, f);
}

/**
 * thin_volume_grow() - make the volume of a cluster @volume->bytes long
 *
 * A volume that is as long or longer is left as it is. Return: 0, with its length, or -1.
 */
int thin_volume_grow(struct thin_volume *volume, struct fault *f)
{
	const struct lvm_volume *found = NULL;
	uint64_t wanted = volume->bytes;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = thin_pool_read(&volume->pool, &group, f);

	volume_tag(volume->volume_id, tag);
	if (r == 0) {
		r = thin_find_own(&group, volume->uuid, tag, &found, f);
		if (r == 0)
			r = fault_set(f, "InvalidVolume.NotFound",
				      "The volume group %s has no volume of the cluster %s (uuid %s).",
				      volume->pool.group, volume->cluster_id, volume->uuid);
		else if (r > 0)
			r = found->bytes >= wanted ? 0
						   : thin_make_room(&volume->pool, &group,
								    wanted - found->bytes, f);
	}
	if (r == 0 && found->bytes < wanted)
		r = lvm_extend(volume->pool.group, found->name, wanted, f);
	lvm_group_clear(&group);
	return r < 0 ? -1 : thin_volume_take(volume, f);
}

/**
 * thin_volume_remove() - remove the volume of a cluster that is being deleted
 *
 * Return: 0, also when there was none, or -1.
 */
int thin_volume_remove(struct thin_volume *volume, struct fault *f)
{
	const struct lvm_volume *found = NULL;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = lvm_group_read(volume->pool.group, &group, f);

	volume_tag(volume->volume_id, tag);
	if (r == 0)
		r = thin_find_own(&group, volume->uuid, tag, &found, f);
	if (r > 0)
		r = lvm_remove(volume->pool.group, found->uuid, tag, f);
	lvm_group_clear(&group);
	return r;
}
