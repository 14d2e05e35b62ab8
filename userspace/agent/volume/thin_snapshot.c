// SPDX-License-Identifier: MIT
/*
 * Makes and removes snapshots, and volumes from them. See thin_snapshot.h.
 *
 * A snapshot has the header of its volume. It is never activated, and its name says that no cluster
 * of this host has it as its volume.
 *
 * Must never let a snapshot be taken for one moment of the volume whose writes were not held from
 * before lvm began until after it had ended.
 */
#include "agent/volume/thin_snapshot.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/volume/mapper.h"
#include "agent/volume/suspension.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define NAME_PREFIX "envelope-"

static void snapshot_tag(const char *id, char tag[LVM_TAG_MAX])
{
	snprintf(tag, LVM_TAG_MAX, "envelope.snapshot=%s", id);
}

/*
 * Writes what the file systems on the device have not written yet. A freeze does the same, but with
 * the writers waiting.
 */
static void write_back(const char *name)
{
	_cleanup_text_ char *path = mapper_path(name);
	_cleanup_text_ char *line = NULL;
	unsigned int maj, min;
	size_t size = 0;
	struct stat st;
	FILE *mounts;

	if (!path || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return;
	mounts = fopen("/proc/self/mountinfo", "re");
	while (mounts && getline(&line, &size, mounts) > 0) {
		_cleanup_text_ char *where = NULL;
		int _cleanup_close_ fd = -1;

		/* A path with a blank has an escape in its place, and is passed over. */
		if (sscanf(line, "%*d %*d %u:%u %*s %ms", &maj, &min, &where) != 3 ||
		    makedev(maj, min) != st.st_rdev)
			continue;
		fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			syncfs(fd);
		break;
	}
	if (mounts)
		fclose(mounts);
}

static int too_late(const struct thin_snapshot *s, struct fault *f)
{
	return fault_set(f, "DeviceTimeout",
			 "LVM has not made the snapshot %s while the writes to %s were held: they were let go after %u milliseconds. Nothing of the snapshot is kept, because it may not be one moment of the volume. Try again when the disks are less busy, or set SnapshotHoldSeconds= in envelope.conf.",
			 s->name, s->device, s->held_ms);
}

/* Has lvm make the snapshot, while the writes to the device are held. */
static int make_held(struct thin_snapshot *s, const char *origin, const char *name,
		     const struct lvm_tags *tags, struct fault *f)
{
	struct suspension suspension;
	struct fault why;
	int r, held;

	if (!s->device[0])
		return lvm_make_snapshot(s->pool.group, origin, name, false, tags, f);
	write_back(s->device);
	if (suspension_begin(s->device, s->hold_ms, &suspension, f) < 0)
		return -1;
	r = lvm_make_snapshot(s->pool.group, origin, name, false, tags, f);
	held = suspension_end(&suspension, &s->held_ms, &why);
	if (r == 0 && held < 0)
		*f = why;
	else if (r == 0 && !held)
		too_late(s, f);
	return r == 0 && held > 0 ? 0 : -1;
}

/* Fills the uuid and the length of the snapshot that lvm has just made. */
static int take(struct thin_snapshot *s, const char *tag, struct fault *f)
{
	const struct lvm_volume *found;
	struct lvm_group group;
	int r = lvm_group_read(s->pool.group, &group, f);

	if (r == 0 && !(found = lvm_find_tag(&group, tag)))
		r = fault_set(f, "InternalFailure", "lvm has made no snapshot %s in %s.", s->id,
			      s->pool.group);
	if (r == 0) {
		memcpy(s->uuid, found->uuid, sizeof(s->uuid));
		s->bytes = found->bytes;
	}
	lvm_group_clear(&group);
	return r;
}

/* The volume of the snapshot to be, and room for it. Return: its length, or 0 with @f. */
static uint64_t prepare(struct thin_snapshot *s, const char *name, char origin[LVM_NAME_MAX + 1],
			struct fault *f)
{
	const struct lvm_volume *found = NULL;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	uint64_t bytes = 0;
	int r = thin_pool_read(&s->pool, &group, f);

	snprintf(tag, sizeof(tag), "envelope.volume=%s", s->volume_id);
	if (r == 0) {
		r = thin_find_own(&group, s->origin, tag, &found, f);
		if (r == 0)
			r = fault_set(f, "InvalidVolume.NotFound",
				      "The volume group %s has no volume of the cluster (uuid %s).",
				      s->pool.group, s->origin);
	}
	if (r > 0 && lvm_find(&group, name))
		r = fault_set(f, "InvalidParameterValue",
			      "The volume group %s has a logical volume %s already. It is left alone. Try again: the next snapshot gets another name.",
			      s->pool.group, name);
	if (r > 0 && thin_make_room(&s->pool, &group, found->bytes, f) == 0) {
		memcpy(origin, found->name, sizeof(found->name));
		bytes = found->bytes;
	}
	lvm_group_clear(&group);
	return bytes;
}

/**
 * thin_snapshot_make() - make a snapshot of a volume at one moment, and fill its uuid and length
 *
 * Nothing of it is left after a failure, unless @snapshot->left says so.
 *
 * Return: 0 or -1.
 */
int thin_snapshot_make(struct thin_snapshot *s, struct fault *f)
{
	char name[40], origin[LVM_NAME_MAX + 1];
	struct lvm_tags tags = { 0 };
	struct fault why;

	snprintf(name, sizeof(name), NAME_PREFIX "%s", s->id);
	if (!prepare(s, name, origin, f))
		return -1;
	snapshot_tag(s->id, tags.tag[0]);
	snprintf(tags.tag[1], LVM_TAG_MAX, "envelope.snapshot-name=%s", s->name);
	snprintf(tags.tag[2], LVM_TAG_MAX, "envelope.snapshot-of=%s", s->volume_id);
	snprintf(tags.tag[3], LVM_TAG_MAX, "envelope.pool=%s", s->pool.name);
	if (make_held(s, origin, name, &tags, f) == 0 && take(s, tags.tag[0], f) == 0)
		return 0;
	s->left = thin_snapshot_remove(s, &why) < 0;
	if (s->left)
		log_error("Snapshot %s: it is not whole, and is not removed: %s", s->name,
			  why.message);
	return -1;
}

/**
 * thin_snapshot_remove() - remove a snapshot, or what a killed agent has left of it
 *
 * Return: 0, also when there was none, or -1.
 */
int thin_snapshot_remove(struct thin_snapshot *s, struct fault *f)
{
	const struct lvm_volume *found = NULL;
	struct lvm_group group;
	char tag[LVM_TAG_MAX];
	int r = lvm_group_read(s->pool.group, &group, f);

	snapshot_tag(s->id, tag);
	if (r == 0)
		r = thin_find_own(&group, s->uuid, tag, &found, f);
	if (r > 0)
		r = lvm_remove(s->pool.group, found->uuid, tag, f);
	lvm_group_clear(&group);
	return r;
}

/**
 * thin_volume_restore() - make the volume of a new cluster from a snapshot, fill uuid, path, length
 *
 * The new volume shares its blocks with the snapshot until one of them is written. It has the
 * header of the snapshot's volume.
 *
 * Return: 0 or -1; then thin_volume_remove() removes what may be left.
 */
int thin_volume_restore(struct thin_volume *volume, const struct thin_snapshot *from,
			struct fault *f)
{
	struct thin_pool *pool = &volume->pool;
	const struct lvm_volume *found = NULL;
	char name[32], tag[LVM_TAG_MAX], origin[LVM_NAME_MAX + 1] = "";
	struct lvm_tags tags;
	struct lvm_group group;
	int r = thin_pool_read(pool, &group, f);

	thin_volume_name(volume->volume_id, name);
	snapshot_tag(from->id, tag);
	if (r == 0 && lvm_find(&group, name))
		r = fault_set(f, "InvalidParameterValue",
			      "The volume group %s has a logical volume %s already. It is left alone. Try again: the next one gets another name.",
			      pool->group, name);
	if (r == 0)
		r = thin_find_own(&group, from->uuid, tag, &found, f);
	if (r == 0)
		r = fault_set(f, "DBClusterSnapshotNotFoundFault",
			      "The volume group %s has no logical volume of the snapshot %s (uuid %s) any more.",
			      pool->group, from->name, from->uuid);
	if (r > 0)
		r = thin_make_room(pool, &group, found->bytes, f);
	if (r == 0 && found)
		memcpy(origin, found->name, sizeof(origin));
	lvm_group_clear(&group);
	if (r < 0 || !origin[0])
		return -1;
	thin_volume_tags(volume, &tags);
	r = lvm_make_snapshot(pool->group, origin, name, true, &tags, f);
	return r < 0 ? -1 : thin_volume_take(volume, f);
}
