// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios, where they come in and where they complete.
 *
 *	read		read.c: the lower device fills the pages with ciphertext, which is
 *			decrypted in place, where the bio completes if that may be
 *	write		write.c: encrypted into bounce pages, which stand in for the clone's
 *			own segments while the lower device has it
 *	flush, discard	passed down
 *
 * All of it happens on device mapper's own clone, no second one is made.
 *
 * Must never report success outside a section: the last thing before it is a look
 * at the key, and a kill waits until it has been said. Must never have a section
 * open while the lower device has the bio.
 *
 * One limit, in a write that went to another thread: device mapper's submitting thread
 * keeps a reference on the bio until it is back from map. Should it be preempted
 * there until after the disk has written and the key has been revoked, it is that
 * thread which reports the success of a write that was complete before the revoke.
 */
#include <linux/key.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "envelope.h"

/* Hands a bio that has been to the lower device back to dm core. */
static void complete_bio(struct envelope_bio *eb, struct bio *bio, blk_status_t status)
{
	/*
	 * Called directly and not through bio_endio(), which the bio has behind it: queue
	 * statistics and limits would count it twice.
	 */
	bio->bi_end_io = eb->end_io;
	bio->bi_status = status;
	bio->bi_end_io(bio);
}

/**
 * envelope_refuse() - a bio that has been to the lower device fails
 * @eb: ours
 * @bio: the clone
 *
 * Context: any.
 */
void envelope_refuse(struct envelope_bio *eb, struct bio *bio)
{
	this_cpu_inc(eb->dev->counters->refused);
	complete_bio(eb, bio, BLK_STS_IOERR);
}

static void count_success(struct envelope_device *dev, const struct bio *bio)
{
	if (bio_op(bio) == REQ_OP_READ)
		this_cpu_inc(dev->counters->reads);
	else if (bio_op(bio) == REQ_OP_DISCARD)
		this_cpu_inc(dev->counters->discards);
	else if (bio->bi_opf & REQ_PREFLUSH)
		this_cpu_inc(dev->counters->flushes);
	else
		this_cpu_inc(dev->counters->writes);
}

/*
 * What the verdict nearly always says, without its calls. A key that has a timeout, or that is
 * being killed, is left to the verdict.
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
 * envelope_succeed() - a bio is done, if its key agrees
 * @eb: ours
 * @bio: the clone
 *
 * The only place that reports success.
 *
 * Context: inside a section.
 */
void envelope_succeed(struct envelope_bio *eb, struct bio *bio)
{
	struct envelope_device *dev = eb->dev;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "success is reported outside a section");
	if (unlikely(!is_plainly_good(dev->vk))) {
		enum envelope_reason reason = envelope_volume_key_verdict(dev->vk);

		if (reason) {
			envelope_volume_key_suspect(dev->vk, reason);
			envelope_refuse(eb, bio);
			return;
		}
	}
	count_success(dev, bio);
	complete_bio(eb, bio, BLK_STS_OK);
}

/**
 * envelope_finish() - what the lower device has finished and what needs no more work
 * @eb: ours
 * @bio: the clone, its status set by the lower device
 *
 * Context: any.
 */
void envelope_finish(struct envelope_bio *eb, struct bio *bio)
{
	if (unlikely(bio->bi_status)) {
		/* Who must not block was told to try again: a full disk, not one that fails. */
		if (bio->bi_status != BLK_STS_AGAIN)
			this_cpu_inc(eb->dev->counters->errors);
		complete_bio(eb, bio, bio->bi_status);
		return;
	}
	rcu_read_lock();
	if (likely(envelope_lifecycle_is_live(&eb->dev->lifecycle)))
		envelope_succeed(eb, bio);
	else
		envelope_refuse(eb, bio);
	rcu_read_unlock();
}

static void passed_end_io(struct bio *bio)
{
	envelope_finish(bio->bi_private, bio);
}

static int map_passed(struct envelope_bio *eb, struct bio *bio)
{
	/* Device mapper polls none but reads and writes. */
	bio_clear_polled(bio);
	envelope_hook(eb, bio, passed_end_io);
	return DM_MAPIO_REMAPPED;
}

/**
 * envelope_crypt_units() - what envelope_crypt_part() does of more than one data unit
 * @dev: device
 * @segments: see there
 * @iter: see there
 * @offset: see there
 * @size: see there
 * @pages: see there
 *
 * Context: inside a section of a live device. Return: as envelope_crypt().
 */
int envelope_crypt_units(struct envelope_device *dev, struct bio_vec *segments,
			 struct bvec_iter iter, unsigned int offset, unsigned int size,
			 const struct bio_vec *pages)
{
	struct envelope_crypt pass __uninitialized;

	pass.tfm = dev->vk->tfm;
	pass.gather = &dev->gather;
	pass.src = segments;
	pass.src_iter = iter;
	pass.dst = pages ? pages + (offset >> PAGE_SHIFT) : NULL;
	pass.iv_sector = iter.bi_sector + dev->iv_shift + (offset >> SECTOR_SHIFT);
	pass.sector_size = dev->sector_size;
	pass.encrypt = pages;
	if (offset)
		bvec_iter_advance(segments, &pass.src_iter, offset);
	pass.src_iter.bi_size = size;
	return envelope_crypt(&pass);
}

/**
 * envelope_crypt_failed() - tell it
 * @dev: device
 * @encrypt: else decrypt
 * @error: negative
 *
 * Context: any.
 */
void envelope_crypt_failed(struct envelope_device *dev, bool encrypt, int error)
{
	DMERR_LIMIT("%s: %s failed: error %d", dm_device_name(dm_table_get_md(dev->ti->table)),
		    encrypt ? "encryption" : "decryption", error);
}

static bool is_aligned(const struct envelope_device *dev, const struct bio *bio, sector_t offset)
{
	unsigned int mask = (dev->sector_size >> SECTOR_SHIFT) - 1;

	return !((bio_sectors(bio) | offset) & mask);
}

/*
 * Must come before anything is remembered of the iterator. Return: false if it must not
 * be split: such a one is no larger than the limit that io_hints() has set.
 */
static bool split_large(struct bio *bio)
{
	if (likely(bio_sectors(bio) <= ENVELOPE_MAX_SECTORS))
		return true;
	if (bio->bi_opf & REQ_ATOMIC)
		return false;
	dm_accept_partial_bio(bio, ENVELOPE_MAX_SECTORS);
	return true;
}

/**
 * envelope_map() - a bio comes in
 * @ti: target
 * @bio: device mapper's clone
 *
 * Context: process context; never waits for memory or for a bio.
 * Return: %DM_MAPIO_REMAPPED, %DM_MAPIO_SUBMITTED or, for what is refused, %DM_MAPIO_KILL.
 */
int envelope_map(struct dm_target *ti, struct bio *bio)
{
	struct envelope_device *dev = ti->private;
	struct envelope_bio *eb = envelope_of_bio(bio);
	sector_t offset = dm_target_offset(ti, bio->bi_iter.bi_sector);

	if (unlikely(!envelope_lifecycle_is_live(&dev->lifecycle)))
		goto refused;

	eb->dev = dev;
	bio_set_dev(bio, dev->lower->bdev);
	if (!bio_sectors(bio))
		return map_passed(eb, bio);
	if (unlikely(!is_aligned(dev, bio, offset)))
		goto refused;

	switch (bio_op(bio)) {
	case REQ_OP_READ:
		if (!split_large(bio))
			goto refused;
		bio->bi_iter.bi_sector = dev->start + offset;
		return envelope_map_read(eb, bio);
	case REQ_OP_WRITE:
		if (!split_large(bio))
			goto refused;
		bio->bi_iter.bi_sector = dev->start + offset;
		return envelope_map_write(eb, bio);
	case REQ_OP_DISCARD:
		bio->bi_iter.bi_sector = dev->start + offset;
		return map_passed(eb, bio);
	default:
		break;
	}
refused:
	this_cpu_inc(dev->counters->refused);
	return DM_MAPIO_KILL;
}

/**
 * envelope_io_counters() - sum over CPUs
 * @dev: device
 * @sum: result
 */
void envelope_io_counters(const struct envelope_device *dev, struct envelope_counters *sum)
{
	int cpu;

	*sum = (struct envelope_counters){};
	for_each_possible_cpu(cpu) {
		const struct envelope_counters *counters = per_cpu_ptr(dev->counters, cpu);

		sum->reads += READ_ONCE(counters->reads);
		sum->writes += READ_ONCE(counters->writes);
		sum->discards += READ_ONCE(counters->discards);
		sum->flushes += READ_ONCE(counters->flushes);
		sum->errors += READ_ONCE(counters->errors);
		sum->refused += READ_ONCE(counters->refused);
	}
}
