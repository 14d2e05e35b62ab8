/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: the way of a bio, from map to its completion.
 */
#ifndef _DM_ENVELOPE_PATH_H
#define _DM_ENVELOPE_PATH_H

#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/llist.h>
#include <linux/workqueue.h>

#include "bounce.h"
#include "device.h"

/**
 * struct envelope_backlog - a bio in the backlog of a CPU
 * @node: in the list of that
 * @bio: the clone; to find it by our memory takes a call of device mapper's
 */
struct envelope_backlog {
	struct llist_node node;
	struct bio *bio;
};

/**
 * struct envelope_bio - what we keep for a bio; dm core's per-bio data
 * @dev: the device
 * @end_io: dm core's completion of the clone
 * @iter: of the clone as it was sent to the lower device (reads), or as it came (writes);
 *	  of a read that is polled: what is still to be decrypted
 * @parked: of a bio that is polled: 1 while its submitter may take it
 * @io_vec: the clone's own segments, while those of @bounce stand in
 * @bounce: of a write: its ciphertext
 * @backlog: of a read: in the backlog of a CPU
 * @work: of a read: a worker decrypts, and once it runs this is
 * @parallel: of a read: what others may help with
 *
 * Stock kernels clear it for each bio, so every word costs.
 */
struct envelope_bio {
	struct envelope_device *dev;
	bio_end_io_t *end_io;
	struct bvec_iter iter;
	atomic_t parked;
	struct bio_vec *io_vec;
	union {
		struct envelope_bounce bounce;
		struct envelope_backlog backlog;
		struct work_struct work;
		struct envelope_parallel parallel;
	};
};

/** envelope_of_bio() - what we keep for that clone of device mapper */
static inline struct envelope_bio *envelope_of_bio(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct envelope_bio));
}

/** envelope_bio_of() - the clone for which we keep that */
static inline struct bio *envelope_bio_of(struct envelope_bio *eb)
{
	return dm_bio_from_per_bio_data(eb, sizeof(struct envelope_bio));
}

/** envelope_hook() - @end_io is called when the lower device has completed @bio, and not dm core */
static inline void envelope_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io)
{
	eb->end_io = bio->bi_end_io;
	bio->bi_end_io = end_io;
	bio->bi_private = eb;
}

int envelope_crypt_long_range(struct envelope_device *dev, struct bio_vec *segments,
			      struct bvec_iter iter, unsigned int offset, unsigned int size,
			      const struct bio_vec *pages);
void envelope_crypt_warn(struct envelope_device *dev, bool encrypt, int error);

/**
 * envelope_crypt_range() - encrypt into pages, or decrypt in place
 * @eb: ours
 * @segments: the data
 * @iter: where the data of the bio begins
 * @offset: of the part, in bytes; whole data units, and whole pages of @pages
 * @size: of the part, in bytes
 * @pages: where the ciphertext of the whole bio goes; NULL: decrypt
 *
 * In the way of each bio, hence no function of its own.
 *
 * Context: inside a section of a live device. Return: as envelope_cipher_run().
 */
static __always_inline int envelope_crypt_range(struct envelope_bio *eb, struct bio_vec *segments,
						struct bvec_iter iter, unsigned int offset,
						unsigned int size, const struct bio_vec *pages)
{
	struct envelope_device *dev = eb->dev;
	int r;

	if (likely(!offset && size == dev->sector_size && mp_bvec_iter_len(segments, iter) >= size))
		r = envelope_cipher_unit(dev->vk->tfm, iter.bi_sector + dev->iv_shift, size,
					 bvec_iter_page(segments, iter),
					 bvec_iter_offset(segments, iter),
					 pages ? pages->bv_page : NULL);
	else
		r = envelope_crypt_long_range(dev, segments, iter, offset, size, pages);
	if (unlikely(r))
		envelope_crypt_warn(dev, pages, r);
	return r;
}

int envelope_map(struct dm_target *ti, struct bio *bio);
void envelope_refuse(struct envelope_bio *eb, struct bio *bio);
void envelope_succeed(struct envelope_bio *eb, struct bio *bio);
void envelope_finish(struct envelope_bio *eb, struct bio *bio);

int envelope_map_read(struct envelope_bio *eb, struct bio *bio);
void envelope_read_continue(struct envelope_bio *eb, struct bio *bio);
bool envelope_read_piece(struct envelope_bio *eb, struct bio *bio);
int envelope_read_init(void);
void envelope_read_exit(void);

int envelope_map_write(struct envelope_bio *eb, struct bio *bio);
void envelope_write_work(struct work_struct *work);
void envelope_write_fail_queued(struct envelope_device *dev);

void envelope_interrupt_defer(struct envelope_bio *eb, struct bio *bio);
void envelope_interrupt_init(void);
void envelope_interrupt_exit(void);

void envelope_poll_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io);
void envelope_poll_end_io(struct bio *bio);
int envelope_poll_init(void);
void envelope_poll_exit(void);

#endif
