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
 * @node: in the list of that CPU
 * @bio: the clone; envelope_bio_of() would cost a call into device mapper
 * @work: of the first bio of a batch that a worker takes
 */
struct envelope_backlog {
	struct llist_node node;
	struct bio *bio;
	struct work_struct work;
};

/**
 * struct envelope_bio - our data of a bio; dm core's per-bio data
 * @dev: the device
 * @end_io: dm core's completion of the clone
 * @iter: for a read: iterator of the clone when it was sent to the lower device;
 *	  for a write: iterator of the clone when dm core passed it to map
 * @parked: for a polled bio: 1 while its submitter may take the bio
 * @io_vec: the clone's own segments, while the pages of @bounce replace them
 * @bounce: for a write: its ciphertext
 * @decrypted: for a polled read: bytes that are plaintext, from the start
 * @backlog: for a read in the backlog of a CPU
 * @work: for a read that a worker decrypts, until the worker runs
 * @parallel: for a read, after @work: chunks that helpers may take
 *
 * Stock kernels clear this struct for each bio, so every word costs.
 */
struct envelope_bio {
	struct envelope_device *dev;
	bio_end_io_t *end_io;
	struct bvec_iter iter;
	atomic_t parked;
	struct bio_vec *io_vec;
	union {
		struct envelope_bounce bounce;
		unsigned int decrypted;
		struct envelope_backlog backlog;
		struct work_struct work;
		struct envelope_parallel parallel;
	};
};

/** envelope_of_bio() - our data of a clone of device mapper */
static inline struct envelope_bio *envelope_of_bio(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct envelope_bio));
}

/** envelope_bio_of() - the clone of our data */
static inline struct bio *envelope_bio_of(struct envelope_bio *eb)
{
	return dm_bio_from_per_bio_data(eb, sizeof(struct envelope_bio));
}

/** envelope_hook() - let @end_io, not dm core, run when the lower device completes @bio */
static inline void envelope_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io)
{
	eb->end_io = bio->bi_end_io;
	bio->bi_end_io = end_io;
	bio->bi_private = eb;
}

int envelope_crypt_long_range(struct envelope_device *dev, struct bio_vec *segments,
			      struct bvec_iter iter, unsigned int offset, unsigned int size,
			      const struct envelope_bounce *bounce);
void envelope_crypt_warn(struct envelope_device *dev, bool encrypt, int error);

/**
 * envelope_crypt_range() - encrypt a range into pages, or decrypt it in place
 * @eb: our data of the bio
 * @segments: the data
 * @iter: where the data of the bio begins
 * @offset: of the range, in bytes; a multiple of 4096
 * @size: of the range, in bytes
 * @bounce: pages for the ciphertext of the whole bio; NULL: decrypt
 *
 * Inline, since each bio comes through here.
 *
 * Context: inside a section of a live device. Return: as envelope_cipher_run().
 */
static __always_inline int envelope_crypt_range(struct envelope_bio *eb, struct bio_vec *segments,
						struct bvec_iter iter, unsigned int offset,
						unsigned int size,
						const struct envelope_bounce *bounce)
{
	struct envelope_device *dev = eb->dev;
	int r;

	if (likely(!offset && size == dev->sector_size && mp_bvec_iter_len(segments, iter) >= size))
		r = envelope_cipher_unit(dev->vk->tfm, iter.bi_sector + dev->iv_shift, size,
					 bvec_iter_page(segments, iter),
					 bvec_iter_offset(segments, iter),
					 bounce ? bounce->bvecs->bv_page : NULL);
	else
		r = envelope_crypt_long_range(dev, segments, iter, offset, size, bounce);
	if (unlikely(r))
		envelope_crypt_warn(dev, bounce, r);
	return r;
}

/** envelope_chunk_bytes() - part of a large bio that a thread does at a time, in one section */
static inline unsigned int envelope_chunk_bytes(const struct envelope_device *dev)
{
	return min(dev->piece_bytes, ENVELOPE_CHUNK_BYTES);
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
u64 envelope_interrupt_set_budget(u64 ns);
int envelope_interrupt_init(void);
void envelope_interrupt_exit(void);

/** ENVELOPE_POLL_DISK - name of the hidden disk of poll.c; no "dm-", which tools take for ours */
#define ENVELOPE_POLL_DISK "envelope-poll"

void envelope_poll_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io);
void envelope_poll_end_io(struct bio *bio);
void envelope_pollers_wait(const struct envelope_device *dev);
int envelope_poll_init(void);
void envelope_poll_exit(void);

#endif
