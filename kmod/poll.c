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
#include <linux/rcupdate.h>

#include "envelope.h"

/*
 * Added to the system and hidden, as the paths of an NVMe multipath device are: it has a queue that
 * the block layer has set up, but no device node, no partition, no uevent and no capacity.
 */
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

/* The block layer asks for this function. Nothing can open the disk, so no bio comes. */
static void refuse_bio(struct bio *bio)
{
	bio_io_error(bio);
}

static const struct block_device_operations poll_operations = {
	.owner = THIS_MODULE,
	.submit_bio = refuse_bio,
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
 * Context: sleeps. Return: 0 or a negative error, and then there is no disk.
 */
int envelope_poll_init(void)
{
	int r;

	poll_disk = envelope_alloc_poll_disk();
	if (!poll_disk)
		return -ENOMEM;
	poll_disk->fops = &poll_operations;
	poll_disk->flags |= GENHD_FL_HIDDEN | GENHD_FL_NO_PART;
	strscpy(poll_disk->disk_name, ENVELOPE_POLL_DISK, sizeof(poll_disk->disk_name));
	r = add_disk(poll_disk);
	if (r)
		put_disk(poll_disk);
	return r;
}

/**
 * envelope_poll_exit() - when the module is unloaded
 *
 * All bios are back, but a poller may still be about to enter the queue of the disk.
 *
 * Context: sleeps.
 */
void envelope_poll_exit(void)
{
	del_gendisk(poll_disk);
	synchronize_rcu();
	put_disk(poll_disk);
}
