// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the top of the path, where a bio comes in.
 *
 *	read		read.c: the lower device fills the pages with ciphertext. The
 *			ciphertext is decrypted in place, if possible where the bio completes
 *	write		write.c: the data is encrypted into bounce pages, which replace the
 *			clone's own segments while the lower device has the clone
 *	flush, discard	passed down
 *
 * All of this happens on device mapper's own clone; there is no second clone.
 *
 * Must never have a section open while the lower device has the bio.
 */
#include <linux/percpu.h>

#include "envelope.h"

static void passed_end_io(struct bio *bio)
{
	envelope_finish(bio->bi_private, bio);
}

static int map_passed(struct envelope_bio *eb, struct bio *bio)
{
	/* Device mapper polls only reads and writes. */
	bio_clear_polled(bio);
	/* A read without data that is refused has nothing to wipe. */
	eb->iter = bio->bi_iter;
	envelope_hook(eb, bio, passed_end_io);
	return DM_MAPIO_REMAPPED;
}

static bool is_aligned(const struct envelope_device *dev, const struct bio *bio, sector_t offset)
{
	unsigned int mask = (dev->sector_size >> SECTOR_SHIFT) - 1;

	return !((bio_sectors(bio) | offset) & mask);
}

/*
 * Must come before the iterator is saved. Return: false if the bio must not be split; a valid
 * atomic write is no larger than the limit that io_hints() has set.
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

/* Apart, or its arguments would cost each bio. */
static noinline int refuse(struct envelope_device *dev, const struct bio *bio)
{
	bool live = envelope_lifecycle_is_live(&dev->lifecycle);

	envelope_event(dev, live ? ENVELOPE_REFUSED_INVALID : ENVELOPE_REFUSED_FAILED, bio->bi_opf,
		       bio->bi_iter.bi_sector, bio->bi_iter.bi_size);
	return DM_MAPIO_KILL;
}

/**
 * envelope_map() - a bio comes in
 * @ti: target
 * @bio: device mapper's clone
 *
 * Context: process context; never waits for memory or for a bio.
 * Return: %DM_MAPIO_REMAPPED, %DM_MAPIO_SUBMITTED or, for a refused bio, %DM_MAPIO_KILL.
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
	return refuse(dev, bio);
}
