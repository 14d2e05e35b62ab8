// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios whose submitter polls for their completion.
 *
 * The lower device completes such a clone in any thread that polls it, often on behalf of
 * another bio. Device mapper completes the original only when the submitter polls again,
 * which may be much later. A success of the clone could therefore be reported after the key
 * was revoked.
 *
 * So the clone is not completed there but parked: its disk becomes a private one. The next
 * bio_poll() of its submitter calls poll_bio() below, which decrypts the data, looks at the key and
 * completes the clone. Device mapper completes the original before that call returns, but after
 * our section. The poller is inside an RCU read-side critical section all the time
 * (iocb_bio_iopoll()), and a revoke waits for the end of that too, if a bio was ever polled: by
 * then the key is wiped. Until its poller comes, the data stays ciphertext.
 *
 * A bio that is no longer polled delays the removal of its device, as with any other target,
 * and nothing else.
 *
 * Must never touch a clone after it is parked: it may be gone.
 */
#include <linux/percpu-refcount.h>
#include <linux/rcupdate.h>

#include "envelope.h"

/* Never added, so it is invisible to users. */
static struct gendisk *poll_disk;

/* The poller that takes the bio owns it. The release lets the poller see all earlier writes. */
static void park(struct envelope_bio *eb)
{
	atomic_set_release(&eb->parked, 1);
}

/* Return: false if the bio is not parked yet, or another poller has taken it. */
static bool take(struct envelope_bio *eb)
{
	return atomic_cmpxchg_acquire(&eb->parked, 1, 0) == 1;
}

/* The clone's submitter polls. Return: the number of bios completed. */
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
 * The flag REQ_POLLED counts when the bio comes in, not when it completes: the lower device may
 * have cleared it, while device mapper still polls.
 */
void envelope_poll_hook(struct envelope_bio *eb, struct bio *bio, bio_end_io_t *end_io)
{
	if (unlikely(!READ_ONCE(eb->dev->polled)))
		WRITE_ONCE(eb->dev->polled, true);
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
	/* bio_poll() skips a bio without a cookie. Any value of the cookie works. */
	if (bio->bi_cookie == BLK_QC_T_NONE)
		/*
		 * The disk is stored before the cookie. bio_poll() reads the cookie before the
		 * disk: if it finds this cookie, it also finds our disk. A CPU that reads the
		 * disk first polls queue 0 of the lower disk, which is harmless.
		 */
		smp_store_release(&bio->bi_cookie, 0);
	park(eb);
}

static const struct block_device_operations poll_operations = {
	.owner = THIS_MODULE,
	.poll_bio = poll_bio,
};

/**
 * envelope_pollers_wait() - wait until pollers have reported the successes that they found
 * @dev: a device that has been killed, after envelope_sections_wait()
 *
 * No bio was polled: no wait. A bio that is polled from now on is refused.
 *
 * Context: sleeps.
 */
void envelope_pollers_wait(const struct envelope_device *dev)
{
	if (READ_ONCE(dev->polled))
		synchronize_rcu_expedited();
}

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
	/* As add_disk() does: all pollers of the machine take this reference. */
	percpu_ref_switch_to_percpu(&poll_disk->queue->q_usage_counter);
	return 0;
}

/**
 * envelope_poll_exit() - when the module is unloaded
 *
 * All bios are back, but a poller may still use the disk.
 */
void envelope_poll_exit(void)
{
	synchronize_rcu_expedited();
	put_disk(poll_disk);
}
