/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: one target of one table, from its table line to its failure.
 */
#ifndef _DM_ENVELOPE_DEVICE_H
#define _DM_ENVELOPE_DEVICE_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/workqueue.h>

#include "bounce.h"
#include "key.h"

/* ---- table.c ---- */

/**
 * struct envelope_table - the arguments of a table line, parsed
 * @description: of the key; points into the arguments
 * @iv_offset: added to the sector number for the IV, in 512-byte sectors
 * @device: path or major:minor; points into the arguments
 * @start: first sector of the data on @device
 * @sector_size: bytes of a data unit
 * @allow_discards: discards are passed down
 */
struct envelope_table {
	const char *description;
	u64 iv_offset;
	const char *device;
	sector_t start;
	unsigned int sector_size;
	bool allow_discards;
};

int envelope_table_parse(unsigned int argc, char **argv, sector_t len, struct envelope_table *table,
			 char **error);

/* ---- target.c ---- */

/** struct envelope_counters - bios finished, by what they were; one per CPU */
struct envelope_counters {
	u64 reads;
	u64 writes;
	u64 discards;
	u64 flushes;
	u64 errors;  /* of the lower device, passed up; not its "try again" */
	u64 refused; /* failed by us: key gone, or cipher failed */
};

/**
 * struct envelope_device - one target of one table; ti->private
 * @ti: the target
 * @lower: where the ciphertext is
 * @start: first sector on @lower
 * @iv_offset: see struct envelope_table
 * @iv_shift: what a sector number on @lower lacks to be that for the IV; may wrap
 * @sector_size: bytes of a data unit
 * @at_once_bytes: %ENVELOPE_AT_ONCE_BYTES, or less for a slow cipher
 * @allow_discards: for the table line
 * @description: of the key, for the table line; owned
 * @vk: counted reference, from constructor to destructor
 * @node: in vk->devices, under vk->lock
 * @lifecycle: its own, since a message fails one device and not its key
 * @counters: per CPU
 * @bounce: page reserve
 * @gather: see there
 * @queue_lock: guards @queue
 * @queue: writes that found no page at once, for @write_work
 * @write_wq: of its own, so that one stuck disk holds up no other device's writes
 * @write_work: the only one that waits for pages
 * @announce_work: log, dm event, uevent after a failure
 * @announced: bit 0: done, or queued
 * @activated: the table has been resumed once, so users know it
 */
struct envelope_device {
	struct dm_target *ti;
	struct dm_dev *lower;
	sector_t start;
	u64 iv_offset;
	u64 iv_shift;
	unsigned int sector_size;
	unsigned int at_once_bytes;
	bool allow_discards;
	char *description;
	struct envelope_volume_key *vk;
	struct list_head node;
	struct envelope_lifecycle lifecycle;
	struct envelope_counters __percpu *counters;
	struct envelope_bounce_pool bounce;
	struct envelope_gather gather;
	spinlock_t queue_lock; /* of the queue */
	struct bio_list queue;
	struct workqueue_struct *write_wq;
	struct work_struct write_work;
	struct work_struct announce_work;
	unsigned long announced;
	bool activated;
};

void envelope_io_counters(const struct envelope_device *dev, struct envelope_counters *sum);

/* ---- failure.c ---- */

void envelope_failure_init(struct envelope_device *dev);
void envelope_failure_exit(struct envelope_device *dev);
void envelope_failure_begin(struct envelope_device *dev, enum envelope_reason reason);
void envelope_failure_announce(struct envelope_device *dev);
void envelope_failure_now(struct envelope_device *dev, enum envelope_reason reason);

extern struct target_type envelope_target;

#endif
