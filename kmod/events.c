// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: events off the usual way of a bio, and in the life of a key: counted for
 * `dmsetup message <device> 0 stats`, and traced.
 *
 * Must never show a key or its description. A trace names a key by its serial number.
 */
#include <linux/key.h>
#include <linux/ktime.h>

#include "envelope.h"
#include "trace.h"

static const char *const event_names[] = {
	[ENVELOPE_READ_IN_WORKER] = "read_in_worker",
	[ENVELOPE_READ_BACKLOG] = "read_backlog",
	[ENVELOPE_FPU_BUSY] = "fpu_busy",
	[ENVELOPE_WRITE_IN_WORKER] = "write_in_worker",
	[ENVELOPE_RESERVE] = "reserve",
	[ENVELOPE_WAITED] = "waited",
	[ENVELOPE_AGAIN] = "again",
	[ENVELOPE_AGAIN_BELOW] = "again_below",
	[ENVELOPE_OFFERED] = "offered",
	[ENVELOPE_HELPED] = "helped",
	[ENVELOPE_REFUSED_FAILED] = "refused_failed",
	[ENVELOPE_REFUSED_LATE] = "refused_late",
	[ENVELOPE_REFUSED_INVALID] = "refused_invalid",
	[ENVELOPE_REFUSED_CIPHER] = "refused_cipher",
};

/**
 * envelope_event_name() - the word that users see
 * @event: what happened
 *
 * Return: the word.
 */
const char *envelope_event_name(enum envelope_event event)
{
	BUILD_BUG_ON(ARRAY_SIZE(event_names) != ENVELOPE_NR_EVENTS);
	return event_names[event];
}

static dev_t number_of(const struct envelope_device *dev)
{
	return disk_devt(dm_disk(dm_table_get_md(dev->ti->table)));
}

static char letter_of(blk_opf_t opf)
{
	switch (opf & REQ_OP_MASK) {
	case REQ_OP_READ:
		return 'R';
	case REQ_OP_WRITE:
		return 'W';
	case REQ_OP_DISCARD:
		return 'D';
	case REQ_OP_FLUSH:
		return 'F';
	default:
		return 'N';
	}
}

/**
 * envelope_event() - count and trace what happens to a bio
 * @dev: device
 * @event: what
 * @opf: operation of the bio
 * @sector: of the bio, on our device
 * @bytes: of the bio
 *
 * Context: any.
 */
void envelope_event(struct envelope_device *dev, enum envelope_event event, blk_opf_t opf,
		    sector_t sector, unsigned int bytes)
{
	this_cpu_inc(dev->counters->events[event]);
	if (trace_envelope_io_enabled())
		trace_envelope_io(number_of(dev), envelope_event_name(event), letter_of(opf),
				  sector, bytes);
}

/**
 * envelope_event_below() - envelope_event() for a bio that is mapped to the lower device
 * @dev: device
 * @event: what
 * @opf: operation of the bio
 * @iter: of the bio, as it was sent to the lower device
 *
 * Context: any.
 */
void envelope_event_below(struct envelope_device *dev, enum envelope_event event, blk_opf_t opf,
			  const struct bvec_iter *iter)
{
	envelope_event(dev, event, opf, iter->bi_sector - dev->start + dev->ti->begin,
		       iter->bi_size);
}

/**
 * envelope_refusals() - bios that the target failed, for whatever reason
 * @counters: of a device, added up
 *
 * Return: the number.
 */
u64 envelope_refusals(const struct envelope_counters *counters)
{
	return counters->events[ENVELOPE_REFUSED_FAILED] + counters->events[ENVELOPE_REFUSED_LATE] +
	       counters->events[ENVELOPE_REFUSED_INVALID] +
	       counters->events[ENVELOPE_REFUSED_CIPHER];
}

/**
 * envelope_key_event() - trace what happens to a key
 * @vk: volume key of which the caller holds the lock, or that is not shared yet
 * @event: a word
 *
 * Context: @vk->key is valid, or NULL.
 */
void envelope_key_event(const struct envelope_volume_key *vk, const char *event)
{
	const struct key *key = READ_ONCE(vk->key);

	if (trace_envelope_key_enabled())
		trace_envelope_key(key ? key->serial : 0, event, envelope_reason_name(vk->reason),
				   div_u64(envelope_lease_left_ns(&vk->lease,
								  ktime_get_boottime_ns()),
					   NSEC_PER_MSEC));
}

/**
 * envelope_device_event() - trace what happens to a device
 * @dev: device
 * @event: a word
 *
 * Context: any.
 */
void envelope_device_event(const struct envelope_device *dev, const char *event)
{
	enum envelope_reason reason = envelope_lifecycle_reason(&dev->lifecycle);

	if (trace_envelope_device_enabled())
		trace_envelope_device(number_of(dev), event, envelope_reason_name(reason));
}
