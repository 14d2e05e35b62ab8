// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the bottom of the path, where a bio completes.
 *
 * Must never report success outside a section. The section checks the key last, right
 * before it reports success. A kill waits for open sections, so no success follows the
 * kill.
 *
 * One limit, in a write that the device's worker sends: device mapper's submitting thread
 * keeps a reference on the bio until map returns. If that thread is preempted there until
 * the disk has written and the key has been revoked, the thread reports the success of
 * a write that was complete before the revoke.
 */
#include <linux/key.h>
#include <linux/ktime.h>
#include <linux/percpu.h>

#include "envelope.h"

/* Hands a bio that has been to the lower device back to dm core. */
static void complete_bio(struct envelope_bio *eb, struct bio *bio, blk_status_t status)
{
	/*
	 * Called directly, which bio_endio() allows to the owner of a bio that knows its end_io.
	 * The bio is device mapper's clone, which is ours from map until here, and @end_io is
	 * device mapper's own. The lower device has ended the bio with bio_endio(). A second call
	 * would count the bio twice in rq_qos_done_bio(), since the flag that brings it there stays
	 * set.
	 */
	bio->bi_end_io = eb->end_io;
	bio->bi_status = status;
	bio->bi_end_io(bio);
}

/*
 * Some or all of the data may be plaintext: a read is decrypted before the last look at the key,
 * and a large read piece by piece. All of it goes, the ciphertext too.
 */
static void wipe_read(struct envelope_bio *eb, struct bio *bio)
{
	bio->bi_iter = eb->iter;
	zero_fill_bio(bio);
}

static void refuse(struct envelope_bio *eb, struct bio *bio, enum envelope_event event)
{
	if (bio_op(bio) == REQ_OP_READ)
		wipe_read(eb, bio);
	envelope_event_below(eb->dev, event, bio->bi_opf, &eb->iter);
	complete_bio(eb, bio, BLK_STS_IOERR);
}

/**
 * envelope_refuse() - fail a bio that has been to the lower device
 * @eb: our data of the bio; its iterator is the one that the bio came with
 * @bio: the clone
 *
 * The buffer of a read is filled with zeros first.
 *
 * Context: any; no other thread decrypts the bio any more.
 */
void envelope_refuse(struct envelope_bio *eb, struct bio *bio)
{
	bool live = envelope_lifecycle_is_live(&eb->dev->lifecycle);

	refuse(eb, bio, live ? ENVELOPE_REFUSED_CIPHER : ENVELOPE_REFUSED_LATE);
}

static void count_success(struct envelope_device *dev, const struct bio *bio)
{
	struct envelope_cpu_counters *counters;

	/* A section there may be preempted. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_disable();
	counters = this_cpu_ptr(dev->counters);
	if (bio_op(bio) == REQ_OP_READ)
		local64_inc(&counters->reads);
	else if (bio_op(bio) == REQ_OP_DISCARD)
		local64_inc(&counters->discards);
	else if (bio->bi_opf & REQ_PREFLUSH)
		local64_inc(&counters->flushes);
	else
		local64_inc(&counters->writes);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		preempt_enable();
}

/*
 * The usual answer of envelope_volume_key_verdict(), without its calls. A key that has a timeout,
 * or that is being killed, is left to the verdict.
 */
static bool is_plainly_good(const struct envelope_volume_key *vk)
{
	const unsigned long ended = BIT(KEY_FLAG_DEAD) | BIT(KEY_FLAG_REVOKED) |
				    BIT(KEY_FLAG_INVALIDATED);
	const struct key *key = READ_ONCE(vk->key);

	return key && !(READ_ONCE(key->flags) & ended) && READ_ONCE(key->expiry) == TIME64_MAX &&
	       refcount_read(&key->usage) &&
	       !envelope_lease_expired(&vk->lease, ktime_get_coarse_boottime_ns());
}

/**
 * envelope_succeed() - report success, if the key may still be used
 * @eb: our data of the bio
 * @bio: the clone
 *
 * The only place that reports success.
 *
 * Context: inside a section.
 */
void envelope_succeed(struct envelope_bio *eb, struct bio *bio)
{
	struct envelope_device *dev = eb->dev;

	WARN_ON_ONCE(!envelope_section_is_open());
	if (unlikely(!is_plainly_good(dev->vk))) {
		enum envelope_reason reason = envelope_volume_key_verdict(dev->vk);

		if (reason) {
			envelope_volume_key_suspect(dev->vk, reason);
			refuse(eb, bio, ENVELOPE_REFUSED_LATE);
			return;
		}
	}
	count_success(dev, bio);
	complete_bio(eb, bio, BLK_STS_OK);
}

static noinline void pass_error(struct envelope_bio *eb, struct bio *bio)
{
	/* BLK_STS_AGAIN means that the queue is full, not a disk error: do not count it as one. */
	if (bio->bi_status != BLK_STS_AGAIN)
		this_cpu_inc(eb->dev->counters->errors);
	else
		envelope_event_below(eb->dev, ENVELOPE_AGAIN_BELOW, bio->bi_opf, &eb->iter);
	complete_bio(eb, bio, bio->bi_status);
}

/**
 * envelope_finish() - complete a bio that needs no more work
 * @eb: our data of the bio
 * @bio: the clone, its status set by the lower device
 *
 * Context: any.
 */
void envelope_finish(struct envelope_bio *eb, struct bio *bio)
{
	if (unlikely(bio->bi_status)) {
		pass_error(eb, bio);
		return;
	}
	if (envelope_section_enter(&eb->dev->lifecycle))
		envelope_succeed(eb, bio);
	else
		envelope_refuse(eb, bio);
	envelope_section_leave();
}

/**
 * envelope_io_counters() - sum the counters of all CPUs
 * @dev: device
 * @sum: filled
 */
void envelope_io_counters(const struct envelope_device *dev, struct envelope_counters *sum)
{
	unsigned int event;
	int cpu;

	*sum = (struct envelope_counters){};
	for_each_possible_cpu(cpu) {
		const struct envelope_cpu_counters *counters = per_cpu_ptr(dev->counters, cpu);

		sum->reads += local64_read(&counters->reads);
		sum->writes += local64_read(&counters->writes);
		sum->discards += local64_read(&counters->discards);
		sum->flushes += local64_read(&counters->flushes);
		sum->errors += READ_ONCE(counters->errors);
		for (event = 0; event < ENVELOPE_NR_EVENTS; event++)
			sum->events[event] += READ_ONCE(counters->events[event]);
	}
}
