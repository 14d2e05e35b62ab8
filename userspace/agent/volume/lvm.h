/* SPDX-License-Identifier: MIT */
/*
 * LVM's own tools, for thin pools and the volumes in them. They run in a device thread, each with a
 * deadline, and report as JSON. The metadata of LVM is never read here.
 *
 * LVM tags say what is dm-envelope's: LVM_TAG on each pool and volume, and the tags of lvm_tag().
 */
#ifndef ENVELOPE_LVM_H
#define ENVELOPE_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"

#define LVM_NAME_MAX 127 /* of a group or a volume, as LVM limits it */
#define LVM_UUID_MAX 38
#define LVM_TAG_MAX  128
#define LVM_TAGS     4
#define LVM_TAG	     "dm-envelope"

/**
 * struct lvm_volume - a logical volume as LVM reports it
 * @uuid, @name, @path, @type: of the volume; @type is the segment's, such as "thin-pool"
 * @tags: separated by commas
 * @pool_uuid: of the thin pool that it is in, "" for none
 * @health: "" for a healthy one
 * @bytes: its length
 * @data_percent, @metadata_percent: in use, of a pool
 */
struct lvm_volume {
	char uuid[LVM_UUID_MAX + 1];
	char name[LVM_NAME_MAX + 1];
	char path[2 * LVM_NAME_MAX + 8];
	char type[32];
	char tags[512];
	char pool_uuid[LVM_UUID_MAX + 1];
	char health[64];
	uint64_t bytes;
	double data_percent;
	double metadata_percent;
};

/**
 * struct lvm_group - a volume group, with all its logical volumes that a user sees; lvm_group_clear()
 * @free_bytes, @extent_bytes: of the group
 * @volumes: @count of them, owned
 */
struct lvm_group {
	uint64_t free_bytes;
	uint64_t extent_bytes;
	struct lvm_volume *volumes;
	size_t count;
};

/**
 * struct lvm_tagged - a volume group with volumes of dm-envelope
 */
struct lvm_tagged {
	char name[LVM_NAME_MAX + 1];
	struct lvm_group group;
};

/**
 * struct lvm_tags - the tags of a volume to make
 */
struct lvm_tags {
	char tag[LVM_TAGS][LVM_TAG_MAX];
};

int lvm_start(const char *lock_path, struct fault *f);
bool lvm_valid_name(const char *name);
int lvm_group_read(const char *group, struct lvm_group *ret, struct fault *f);
void lvm_group_clear(struct lvm_group *group);
int lvm_read_tagged(struct lvm_tagged **ret, size_t *count, struct fault *f);
void lvm_clear_tagged(struct lvm_tagged *tagged, size_t count);
const struct lvm_volume *lvm_find(const struct lvm_group *group, const char *name);
const struct lvm_volume *lvm_find_tag(const struct lvm_group *group, const char *tag);
bool lvm_has_tag(const struct lvm_volume *volume, const char *tag);
int lvm_make_pool(const char *group, const char *name, uint64_t bytes, const struct lvm_tags *tags,
		  struct fault *f);
int lvm_make_thin(const char *group, const char *pool, const char *name, uint64_t bytes,
		  const struct lvm_tags *tags, struct fault *f);
int lvm_make_snapshot(const char *group, const char *origin, const char *name, bool active,
		      const struct lvm_tags *tags, struct fault *f);
int lvm_extend(const char *group, const char *name, uint64_t bytes, struct fault *f);
int lvm_remove(const char *group, const char *uuid, const char *tag, struct fault *f);
int lvm_autoextend(bool *ret, struct fault *f);

#endif
