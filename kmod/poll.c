// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios whose submitter polls for their completion.
 *
 * The lower device completes such a clone wherever somebody polls it, on behalf of another bio
 * as often as not. Device mapper passes that on only when the submitter polls again, and that
 * may be any time later: what has been a success at the first moment would be told at the
 * second, when the key may have been revoked.
 *
 * So the clone is not completed there. It is parked: its disk becomes one of our own, so
 * that the next bio_poll() of its submitter comes here, where the data is decrypted, the key
 * looked at and the clone completed. Device mapper completes the original before that call
 * returns, and whoever polls is inside an RCU read-side critical section for all of it
 * (iocb_bio_iopoll()), for whose end a revoke waits. Until then the data stays ciphertext.
 *
 * A bio that nobody polls any more holds up the removal of its device, as with any other
 * target, and nothing else.
 *
 * Must never touch a clone after it is parked: it may be gone.
 */
#include <linux/percpu-refcount.h>

#include "envelope.h"

/* Never added, so nobody sees it. */
static struct gendisk *poll_disk;

/* From here on it belongs to the poller that takes it; who sees it parked sees all of it. */
static void park(struct envelope_bio *eb)
{
	atomic_set_release(&eb->parked, 1);
}

/* Return: false if it is not there yet, or another poller has it. */
static bool take(struct envelope_bio *eb)
{
	return atomic_cmpxchg_acquire(&eb->parked, 1, 0) == 1;
}

/* The clone's submitter polls. Return: how many bios have been completed. */
static int poll_bio(struct bio *bio, struct io_comp_batch *iob, unsigned int flags)
{
	struct envelope_bio *eb = envelope_of_bio(bio);

	if (!take(eb))
		return 0;
	if (bio_op(bio) == REQ_OP_WRITE) {
		envelope_finish(eb, bio);
	} else if (!envelope_read_piece(eb, bio)) {
		park(eb);
		return 0;
	}
	return 1;
}

/**
 * envelope_poll_hook() - envelope_hook() for a bio that is polled
 * @eb: ours
 * @bio: the clone
 * @end_io: ends with envelope_poll_end_io()
 *
 * Decided when the bio comes in and not by what it is called when it completes: a lower
 * device may have stopped to poll it, device mapper has not.
 */
void envelope_poll_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io)
{
	atomic_set(&eb->parked, 0);
	envelope_hook(eb, bio, end_io);
}

/**
 * envelope_poll_end_io() - the lower device has completed a bio that is polled
 * @bio: the clone, with its own segments
 *
 * Context: any.
 */
void envelope_poll_end_io(struct bio *bio)
{
	struct envelope_bio *eb = bio->bi_private;

	if (unlikely(bio->bi_status)) {
		envelope_finish(eb, bio);
		return;
	}
	WRITE_ONCE(bio->bi_bdev, poll_disk->part0);
	/* Any cookie will do here, but a bio that has none is not polled for. */
	if (bio->bi_cookie == BLK_QC_T_NONE)
		/*
		 * bio_poll() reads it and then the disk, so it finds ours with it. A machine
		 * that has read them the other way round polls queue 0 of the lower disk, to
		 * no harm.
		 */
		smp_store_release(&bio->bi_cookie, 0);
	park(eb);
}

static const struct block_device_operations poll_operations = {
	.owner = THIS_MODULE,
	.poll_bio = poll_bio,
};

/**
 * envelope_poll_init() - when the module is loaded
 *
 * Context: sleeps. Return: 0 or -ENOMEM.
 */
int envelope_poll_init(void)
{
	poll_disk = envelope_alloc_poll_disk();
	if (!poll_disk)
		return -ENOMEM;
	poll_disk->fops = &poll_operations;
	/* As add_disk() would: all pollers of the machine go through it. */
	percpu_ref_switch_to_percpu(&poll_disk->queue->q_usage_counter);
	return 0;
}

/**
 * envelope_poll_exit() - when the module is unloaded
 *
 * All bios are back, and the sections have ended in which they were polled.
 */
void envelope_poll_exit(void)
{
	put_disk(poll_disk);
}
