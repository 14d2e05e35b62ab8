// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: reads. Map saves the iterator, the lower device fills the pages with ciphertext,
 * and the ciphertext is decrypted in place:
 *
 *	at once		where the lower device completes the bio, in process context or in
 *			a bottom half; so a read costs no switch to another thread
 *	a moment later	in a bottom half (interrupt.c), when the bio completes in a hard
 *			interrupt
 *	in a worker	when the bio is too large for the completing context; by several CPUs
 *			when some are idle (parallel.c). Or when the bottom halves of the CPU
 *			have used up their time (interrupt.c)
 *	when polled	by the poller, when the bio is polled (poll.c)
 *
 * Must never sleep where the lower device completes a bio: the context may be atomic.
 */
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "envelope.h"

/* A larger bio goes to a worker when the bottom half should let other work run. */
#define SMALL_BYTES 8192

static struct workqueue_struct *read_wq;

/* Call inside a section of a live device. Decrypts @size bytes at @offset of the data. */
static __always_inline int decrypt(struct envelope_bio *eb, struct bio *bio, unsigned int offset,
				   unsigned int size)
{
	return envelope_crypt_range(eb, bio->bi_io_vec, eb->iter, offset, size, NULL);
}

/* More than one section should do: a kill may come between two pieces. */
static noinline void decrypt_in_pieces(struct envelope_bio *eb, struct bio *bio)
{
	eb->decrypted = 0;
	while (!envelope_read_piece(eb, bio))
		;
}

/* Decrypts the whole bio. */
static void decrypt_at_once(struct envelope_bio *eb, struct bio *bio)
{
	unsigned int size = eb->iter.bi_size;

	if (unlikely(size > eb->dev->piece_bytes)) {
		decrypt_in_pieces(eb, bio);
		return;
	}
	if (envelope_section_enter(&eb->dev->lifecycle) && likely(!decrypt(eb, bio, 0, size)))
		envelope_succeed(eb, bio);
	else
		envelope_refuse(eb, bio);
	envelope_section_leave();
}

/* ---- in a worker ---- */

static int decrypt_chunk(struct envelope_parallel *p, unsigned int index)
{
	struct envelope_bio *eb = container_of(p, struct envelope_bio, parallel);
	unsigned int size = envelope_chunk_bytes(eb->dev);
	unsigned int offset = index * size;
	int r = -EKEYREVOKED;

	if (envelope_section_enter(&eb->dev->lifecycle))
		r = decrypt(eb, envelope_bio_of(eb), offset, min(eb->iter.bi_size - offset, size));
	envelope_section_leave();
	return r;
}

static void read_work(struct work_struct *work)
{
	struct envelope_bio *eb = container_of(work, struct envelope_bio, work);
	struct bio *bio = envelope_bio_of(eb);
	/* Replaces @work: the work queue no longer uses it. */
	struct envelope_parallel *p = &eb->parallel;
	int r;

	p->chunk = decrypt_chunk;
	p->chunks = DIV_ROUND_UP(eb->iter.bi_size, envelope_chunk_bytes(eb->dev));
	r = envelope_parallel_run(p, true);
	envelope_parallel_count(p, eb->dev, bio->bi_opf, &eb->iter);
	if (unlikely(r))
		envelope_refuse(eb, bio);
	else
		envelope_finish(eb, bio);
}

/* Apart, or its arguments would cost each read. */
static noinline void hand_to_worker(struct envelope_bio *eb, enum envelope_event why)
{
	envelope_event_below(eb->dev, why, REQ_OP_READ, &eb->iter);
	INIT_WORK(&eb->work, read_work);
	queue_work(read_wq, &eb->work);
}

/* ---- where the lower device completes ---- */

/*
 * Does this context keep other work waiting? With PREEMPT_RT, interrupts and bottom halves are
 * threads of a priority that reads have not asked for, and nothing that they keep waiting sets
 * need_resched().
 */
static bool others_wait(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return in_softirq();
	return in_serving_softirq() && need_resched();
}

/* May the completing context decrypt this bio, or would it take too long? */
static bool is_small(const struct envelope_bio *eb)
{
	unsigned int size = eb->iter.bi_size;

	if (likely(size <= SMALL_BYTES))
		return true;
	return size <= eb->dev->at_once_bytes && !others_wait();
}

/**
 * envelope_read_continue() - decrypt, now that interrupts are on
 * @eb: our data of a read that the lower device has completed
 * @bio: the clone
 *
 * Context: any in which interrupts are on.
 */
void envelope_read_continue(struct envelope_bio *eb, struct bio *bio)
{
	if (unlikely(!envelope_cipher_may_run()))
		hand_to_worker(eb, ENVELOPE_FPU_BUSY);
	else if (likely(is_small(eb)))
		decrypt_at_once(eb, bio);
	else
		hand_to_worker(eb, ENVELOPE_READ_IN_WORKER);
}

/**
 * envelope_read_piece() - decrypt the next piece, and complete the bio after the last one
 * @eb: our data of a read that the lower device has completed
 * @bio: the clone
 *
 * A revoke waits for at most one piece.
 *
 * Context: any in which interrupts are on. Return: false if there is more to do.
 */
bool envelope_read_piece(struct envelope_bio *eb, struct bio *bio)
{
	unsigned int size = min(eb->iter.bi_size - eb->decrypted, eb->dev->piece_bytes);
	bool done = true;

	if (unlikely(!envelope_section_enter(&eb->dev->lifecycle) ||
		     decrypt(eb, bio, eb->decrypted, size))) {
		envelope_refuse(eb, bio);
	} else if (eb->decrypted + size == eb->iter.bi_size) {
		envelope_succeed(eb, bio);
	} else {
		eb->decrypted += size;
		done = false;
	}
	envelope_section_leave();
	return done;
}

static void read_end_io(struct bio *bio)
{
	struct envelope_bio *eb = bio->bi_private;

	if (unlikely(bio->bi_status))
		envelope_finish(eb, bio);
	else if (likely(!irqs_disabled()))
		envelope_read_continue(eb, bio);
	else if (eb->iter.bi_size <= eb->dev->at_once_bytes)
		envelope_interrupt_defer(eb, bio);
	else
		hand_to_worker(eb, ENVELOPE_READ_IN_WORKER);
}

/**
 * envelope_map_read() - map a read
 * @eb: our data of the bio
 * @bio: the clone, remapped
 *
 * Context: process context; never sleeps. Return: as envelope_map().
 */
int envelope_map_read(struct envelope_bio *eb, struct bio *bio)
{
	/* The lower device consumes the clone's iterator. */
	eb->iter = bio->bi_iter;
	if (unlikely(bio->bi_opf & REQ_POLLED)) {
		eb->decrypted = 0;
		envelope_poll_hook(eb, bio, envelope_poll_end_io);
	} else {
		envelope_hook(eb, bio, read_end_io);
	}
	return DM_MAPIO_REMAPPED;
}

/**
 * envelope_read_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_read_init(void)
{
	/*
	 * The work continues a completion, so it goes before threads, as the work queues of
	 * dm-verity, fs-verity and the block layer's inline encryption do.
	 */
	read_wq = alloc_workqueue("envelope_read", WQ_MEM_RECLAIM | WQ_HIGHPRI | ENVELOPE_WQ_PERCPU,
				  0);
	return read_wq ? 0 : -ENOMEM;
}

/**
 * envelope_read_exit() - when the module is unloaded, and all bios are back
 */
void envelope_read_exit(void)
{
	destroy_workqueue(read_wq);
}
