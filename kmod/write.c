// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: writes. The data is encrypted into bounce pages, which replace the clone's own
 * segments while the lower device has the clone:
 *
 *	in map		by the submitting thread; a large write with the help of idle CPUs
 *			(parallel.c)
 *	in the worker	when map found no page, since map must not wait; each device has one
 *			worker, with a reserve for one write
 *
 * Must never sleep in map: neither for memory, nor for a bio. Must never send a large write from
 * a helper thread: the lower device may stop the thread that sends.
 */
#include <linux/workqueue.h>

#include "envelope.h"

static unsigned int pages_of(const struct bio *bio)
{
	return DIV_ROUND_UP(bio->bi_iter.bi_size, PAGE_SIZE);
}

/*
 * From here to encrypt_write(), the way of a small write is inline: calls and their saved registers
 * took a tenth of a write's cost here.
 */
static __always_inline int encrypt_in_section(struct envelope_bio *eb, struct bio *bio,
					      unsigned int offset, unsigned int size)
{
	int r = -EKEYREVOKED;

	if (envelope_section_enter(&eb->dev->lifecycle))
		r = envelope_crypt_range(eb, bio->bi_io_vec, bio->bi_iter, offset, size,
					 &eb->bounce);
	envelope_section_leave();
	return r;
}

static void take_bounce_away(struct envelope_bio *eb, struct bio *bio)
{
	bio->bi_io_vec = eb->io_vec;
	bio->bi_iter = eb->iter;
	envelope_bounce_release(&eb->dev->bounce, &eb->bounce);
}

static void write_end_io(struct bio *bio)
{
	struct envelope_bio *eb = bio->bi_private;

	take_bounce_away(eb, bio);
	envelope_finish(eb, bio);
}

static void polled_write_end_io(struct bio *bio)
{
	take_bounce_away(bio->bi_private, bio);
	envelope_poll_end_io(bio);
}

/* From here to the end of the I/O, the bounce pages are the clone's segments. */
static __always_inline void put_bounce_in_place(struct envelope_bio *eb, struct bio *bio)
{
	eb->iter = bio->bi_iter;
	eb->io_vec = bio->bi_io_vec;
	bio->bi_io_vec = eb->bounce.bvecs;
	bio->bi_iter = (struct bvec_iter){
		.bi_sector = eb->iter.bi_sector,
		.bi_size = eb->iter.bi_size,
	};
	if (unlikely(bio->bi_opf & REQ_POLLED))
		envelope_poll_hook(eb, bio, polled_write_end_io);
	else
		envelope_hook(eb, bio, write_end_io);
}

/* A mapped write that was not sent. */
static noinline void count_refused(struct envelope_device *dev, struct bio *bio)
{
	bool live = envelope_lifecycle_is_live(&dev->lifecycle);

	envelope_event_below(dev, live ? ENVELOPE_REFUSED_CIPHER : ENVELOPE_REFUSED_FAILED,
			     bio->bi_opf, &bio->bi_iter);
}

/* Submits or refuses a clone that map no longer owns. */
static void send(struct envelope_bio *eb, struct bio *bio, bool ready)
{
	if (ready) {
		/*
		 * The submitter may poll this bio already, and a device mapper below does not
		 * expect polling during submission. So the disk is not polled; the bio is still
		 * parked for its poller.
		 */
		bio_clear_polled(bio);
		dm_submit_bio_remap(bio, NULL);
	} else {
		count_refused(eb->dev, bio);
		bio_io_error(bio);
	}
}

static int encrypt_chunk(struct envelope_parallel *p, unsigned int index)
{
	struct envelope_bio *eb = container_of(p, struct envelope_bio, bounce.parallel);
	struct bio *bio = envelope_bio_of(eb);
	unsigned int size = envelope_chunk_bytes(eb->dev);
	unsigned int offset = index * size;

	return encrypt_in_section(eb, bio, offset, min(bio->bi_iter.bi_size - offset, size));
}

static int encrypt_with_help(struct envelope_bio *eb, struct bio *bio, bool may_sleep)
{
	struct envelope_parallel *p = &eb->bounce.parallel;
	int r;

	p->chunk = encrypt_chunk;
	p->chunks = DIV_ROUND_UP(bio->bi_iter.bi_size, envelope_chunk_bytes(eb->dev));
	r = envelope_parallel_run(p, may_sleep);
	envelope_parallel_count(p, eb->dev, bio->bi_opf, &bio->bi_iter);
	return r;
}

static int encrypt_in_pieces(struct envelope_bio *eb, struct bio *bio)
{
	unsigned int offset, size = bio->bi_iter.bi_size, piece = eb->dev->piece_bytes;
	int r = 0;

	for (offset = 0; !r && offset < size; offset += piece)
		r = encrypt_in_section(eb, bio, offset, min(size - offset, piece));
	return r;
}

/* More than one section should do. */
static noinline int encrypt_long(struct envelope_bio *eb, struct bio *bio, bool may_sleep)
{
	/*
	 * A write without a bvec table is small. Its inline bvecs share memory with @parallel, so
	 * helpers cannot take part in it.
	 */
	if (eb->bounce.nr > ENVELOPE_INLINE_BVECS && bio->bi_iter.bi_size > eb->dev->at_once_bytes)
		return encrypt_with_help(eb, bio, may_sleep);
	return encrypt_in_pieces(eb, bio);
}

/*
 * Makes the clone ready for the lower device. Call with pages in eb->bounce. Return: false if the
 * device is dead or the cipher failed; then the clone is as it was.
 */
static __always_inline bool encrypt_write(struct envelope_bio *eb, struct bio *bio, bool may_sleep)
{
	unsigned int size = bio->bi_iter.bi_size;
	int r;

	if (unlikely(size > eb->dev->piece_bytes))
		r = encrypt_long(eb, bio, may_sleep);
	else
		r = encrypt_in_section(eb, bio, 0, size);
	if (unlikely(r)) {
		envelope_bounce_release(&eb->dev->bounce, &eb->bounce);
		return false;
	}
	put_bounce_in_place(eb, bio);
	return true;
}

static void count_pages(struct envelope_bio *eb, struct bio *bio)
{
	if (eb->bounce.waited)
		envelope_event_below(eb->dev, ENVELOPE_WAITED, bio->bi_opf, &bio->bi_iter);
	if (eb->bounce.reserved)
		envelope_event_below(eb->dev, ENVELOPE_RESERVE, bio->bi_opf, &bio->bi_iter);
}

/**
 * envelope_write_work() - do the writes that found no memory, one after the other
 * @work: @write_work of a device
 *
 * Runs in a work queue with a rescuer, so it makes progress without memory.
 */
void envelope_write_work(struct work_struct *work)
{
	struct envelope_device *dev = container_of(work, struct envelope_device, write_work);
	struct envelope_bio *eb;
	struct bio *bio;

	for (;;) {
		spin_lock(&dev->queue_lock);
		bio = bio_list_pop(&dev->queue);
		spin_unlock(&dev->queue_lock);
		if (!bio)
			return;

		eb = envelope_of_bio(bio);
		if (!envelope_bounce_take(&dev->bounce, &eb->bounce, pages_of(bio),
					  &dev->lifecycle)) {
			send(eb, bio, false);
			continue;
		}
		count_pages(eb, bio);
		send(eb, bio, encrypt_write(eb, bio, true));
	}
}

/**
 * envelope_write_fail_queued() - fail the writes that wait for the worker
 * @dev: device whose lifecycle is no longer live
 *
 * No write is queued after this: queue_write() looks at the lifecycle under the lock.
 *
 * Context: process context.
 */
void envelope_write_fail_queued(struct envelope_device *dev)
{
	struct bio_list queued;
	struct bio *bio;

	spin_lock(&dev->queue_lock);
	queued = dev->queue;
	bio_list_init(&dev->queue);
	spin_unlock(&dev->queue_lock);

	while ((bio = bio_list_pop(&queued)))
		send(envelope_of_bio(bio), bio, false);
}

static int queue_write(struct envelope_device *dev, struct bio *bio)
{
	bool live;

	spin_lock(&dev->queue_lock);
	live = envelope_lifecycle_is_live(&dev->lifecycle);
	if (live) {
		/* Before the worker has the bio. */
		envelope_event_below(dev, ENVELOPE_WRITE_IN_WORKER, bio->bi_opf, &bio->bi_iter);
		bio_list_add(&dev->queue, bio);
	}
	spin_unlock(&dev->queue_lock);

	if (!live) {
		count_refused(dev, bio);
		return DM_MAPIO_KILL;
	}
	queue_work(dev->write_wq, &dev->write_work);
	return DM_MAPIO_SUBMITTED;
}

/* pages.c had too few pages. A submitter that must not block gets BLK_STS_AGAIN. */
static noinline int map_without_pages(struct envelope_device *dev, struct bio *bio)
{
	if (!(bio->bi_opf & REQ_NOWAIT))
		return queue_write(dev, bio);
	envelope_event_below(dev, ENVELOPE_AGAIN, bio->bi_opf, &bio->bi_iter);
	bio_wouldblock_error(bio);
	return DM_MAPIO_SUBMITTED;
}

/**
 * envelope_map_write() - map a write
 * @eb: our data of the bio
 * @bio: the clone, remapped
 *
 * Context: process context; never sleeps. Return: as envelope_map().
 */
int envelope_map_write(struct envelope_bio *eb, struct bio *bio)
{
	struct envelope_device *dev = eb->dev;

	if (unlikely(!envelope_bounce_try_take(&dev->bounce, &eb->bounce, pages_of(bio))))
		return map_without_pages(dev, bio);

	if (likely(encrypt_write(eb, bio, !(bio->bi_opf & REQ_NOWAIT))))
		return DM_MAPIO_REMAPPED;
	count_refused(dev, bio);
	return DM_MAPIO_KILL;
}
