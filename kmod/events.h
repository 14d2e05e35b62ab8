/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: events off the usual way of a bio, which an operator wants to count and to trace.
 *
 * Must never have an event that each bio of a healthy device is.
 */
#ifndef _DM_ENVELOPE_EVENTS_H
#define _DM_ENVELOPE_EVENTS_H

#include <linux/blk_types.h>
#include <linux/types.h>

/** enum envelope_event - what may happen to a bio; docs/kernel-interface.md has the words */
enum envelope_event {
	ENVELOPE_READ_IN_WORKER, /* larger than the context in which the disk completed it does */
	ENVELOPE_READ_BACKLOG,	 /* the interrupted CPU has used up its time for reads */
	ENVELOPE_FPU_BUSY,	 /* the same, since the cipher must not run there */
	ENVELOPE_WRITE_IN_WORKER,
	ENVELOPE_RESERVE,
	ENVELOPE_WAITED,
	ENVELOPE_AGAIN,
	ENVELOPE_AGAIN_BELOW,
	ENVELOPE_OFFERED,
	ENVELOPE_HELPED,
	ENVELOPE_REFUSED_FAILED,
	ENVELOPE_REFUSED_LATE,
	ENVELOPE_REFUSED_INVALID,
	ENVELOPE_REFUSED_CIPHER,
	ENVELOPE_NR_EVENTS
};

struct envelope_bio;
struct envelope_counters;
struct envelope_device;
struct envelope_volume_key;

const char *envelope_event_name(enum envelope_event event);
void envelope_event(struct envelope_device *dev, enum envelope_event event, blk_opf_t opf,
		    sector_t sector, unsigned int bytes);
void envelope_event_below(struct envelope_device *dev, enum envelope_event event, blk_opf_t opf,
			  const struct bvec_iter *iter);
u64 envelope_refusals(const struct envelope_counters *counters);
void envelope_key_event(const struct envelope_volume_key *vk, const char *event);
void envelope_device_event(const struct envelope_device *dev, const char *event);

#endif
