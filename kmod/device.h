/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: one target of one table, from its table line to its failure.
 */
#ifndef _DM_ENVELOPE_DEVICE_H
#define _DM_ENVELOPE_DEVICE_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/workqueue.h>

#include <asm/local64.h>

#include "bounce.h"
#include "events.h"
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

/**
 * struct envelope_counters - bios finished, by what they were, and events; of all CPUs
 * @errors: errors of the lower device, without BLK_STS_AGAIN
 * @events: by enum envelope_event
 */
struct envelope_counters {
	u64 reads;
	u64 writes;
	u64 discards;
	u64 flushes;
	u64 errors;
	u64 events[ENVELOPE_NR_EVENTS];
};

/**
 * struct envelope_cpu_counters - the same of one CPU
 *
 * Each bio counts in one of the first four, in a section, where the CPU stays the same. A plain
 * instruction does there; on many processors this_cpu_inc() switches interrupts off.
 */
struct envelope_cpu_counters {
	local64_t reads;
	local64_t writes;
	local64_t discards;
	local64_t flushes;
	u64 errors;
	u64 events[ENVELOPE_NR_EVENTS];
};

/**
 * struct envelope_device - one target of one table; ti->private
 * @ti: the target
 * @lower: where the ciphertext is
 * @start: first sector on @lower
 * @iv_offset: as in struct envelope_table
 * @iv_shift: added to a sector number on @lower to get the IV's sector number; may wrap
 * @sector_size: bytes of a data unit
 * @at_once_bytes: %ENVELOPE_AT_ONCE_BYTES, or less for a slow cipher
 * @piece_bytes: most that one section does, a multiple of 4096; at most @at_once_bytes
 * @allow_discards: for the table line
 * @description: of the key, for the table line; owned
 * @vk: counted reference, from constructor to destructor
 * @node: in vk->devices, under vk->lock
 * @target_node: in the list of failure.c, under its lock
 * @lifecycle: its own, since a message fails a table and not its keys
 * @counters: per CPU
 * @bounce: page reserve
 * @gather: buffer for scattered data units
 * @queue_lock: guards @queue
 * @queue: writes that found no page at once, for @write_work
 * @write_wq: one for each device, so that a stuck disk does not delay another device's writes
 * @write_work: the only work that waits for pages
 * @announce_work: log, dm event, uevent after a failure
 * @announced: bit 0: the failure is announced, or its announcement is queued
 * @activated: the table was resumed once, so users know it
 * @polled: a bio was polled once
 */
struct envelope_device {
	struct dm_target *ti;
	struct dm_dev *lower;
	sector_t start;
	u64 iv_offset;
	u64 iv_shift;
	unsigned int sector_size;
	unsigned int at_once_bytes;
	unsigned int piece_bytes;
	bool allow_discards;
	char *description;
	struct envelope_volume_key *vk;
	struct list_head node;
	struct list_head target_node;
	struct envelope_lifecycle lifecycle;
	struct envelope_cpu_counters __percpu *counters;
	struct envelope_bounce_pool bounce;
	struct envelope_gather gather;
	spinlock_t queue_lock; /* guards @queue */
	struct bio_list queue;
	struct workqueue_struct *write_wq;
	struct work_struct write_work;
	struct work_struct announce_work;
	unsigned long announced;
	bool activated;
	bool polled;
};

void envelope_io_counters(const struct envelope_device *dev, struct envelope_counters *sum);

/* ---- failure.c ---- */

void envelope_failure_init(struct envelope_device *dev);
void envelope_failure_exit(struct envelope_device *dev);
void envelope_failure_begin(struct envelope_device *dev, enum envelope_reason reason);
void envelope_failure_announce(struct envelope_device *dev);
void envelope_failure_now(const struct dm_table *table, enum envelope_reason reason);

extern struct target_type envelope_target;

#endif
