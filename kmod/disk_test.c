// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a disk in memory that holds, fails and completes bios as a test asks.
 *
 * Data moves when a bio is about to complete: a held write has not reached the disk, a held
 * read has brought no data.
 */
#include <linux/vmalloc.h>

#include "fixture_test.h"

static void move_data(struct test_disk *disk, struct bio *bio)
{
	u8 *at = disk->data + (bio->bi_iter.bi_sector << SECTOR_SHIFT);
	struct bvec_iter iter;
	struct bio_vec bv;

	if (bio_op(bio) == REQ_OP_DISCARD) {
		memset(at, 0, bio->bi_iter.bi_size);
		return;
	}
	bio_for_each_segment(bv, bio, iter) {
		if (bio_op(bio) == REQ_OP_READ)
			memcpy_to_bvec(&bv, at);
		else
			memcpy_from_bvec(at, &bv);
		at += bv.bv_len;
	}
}

/* As a network packet that may be sent again does. */
static void keep_page(struct test_disk *disk, struct bio *bio)
{
	struct bio_vec bv;

	if (bio_op(bio) != REQ_OP_WRITE || !bio_sectors(bio) || !disk->keep_page)
		return;
	disk->keep_page = false;
	/* The last page of the first segment: in a run, not the page that has the count. */
	bv = mp_bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter);
	disk->kept = bv.bv_page + (bv.bv_len - 1) / PAGE_SIZE;
	get_page(disk->kept);
}

static bool is_empty_flush(const struct bio *bio)
{
	return (bio->bi_opf & REQ_PREFLUSH) && !bio_sectors(bio);
}

/* Segments as a driver counts them: not pages. */
static unsigned int segments_of(const struct bio *bio)
{
	struct bvec_iter iter;
	unsigned int nr = 0;
	struct bio_vec bv;

	bio_for_each_bvec(bv, bio, iter) nr++;
	return nr;
}

static void take_note(struct test_disk *disk, const struct bio *bio)
{
	if (is_empty_flush(bio))
		disk->flushes++;
	else if (bio_op(bio) == REQ_OP_DISCARD)
		disk->discards++;
	else if (bio_op(bio) == REQ_OP_WRITE)
		disk->largest = max(disk->largest, bio_sectors(bio));
	if (bio_op(bio) == REQ_OP_WRITE && bio_sectors(bio))
		disk->segments = segments_of(bio);
	if (bio_op(bio) == REQ_OP_WRITE && current != disk->sender)
		disk->foreign++;
	if ((bio->bi_opf & REQ_FUA) && !is_empty_flush(bio))
		disk->fua++;
	if (bio->bi_opf & REQ_ATOMIC)
		disk->atomic++;
	if (bio->bi_opf & REQ_POLLED)
		disk->polled++;
}

static void complete_ready(struct test_disk *disk)
{
	struct bio_list ready;
	unsigned long flags;
	struct bio *bio;

	spin_lock_irqsave(&disk->lock, flags);
	ready = disk->ready;
	bio_list_init(&disk->ready);
	spin_unlock_irqrestore(&disk->lock, flags);
	while ((bio = bio_list_pop(&ready)))
		bio_endio(bio);
}

static void softirq(struct timer_list *timer)
{
	complete_ready(container_of(timer, struct test_disk, timer));
}

static void hardirq(struct irq_work *work)
{
	complete_ready(container_of(work, struct test_disk, irq_work));
}

static void carry_out(struct test_disk *disk, struct bio *bio)
{
	enum req_op op = is_empty_flush(bio) ? REQ_OP_FLUSH : bio_op(bio);
	enum disk_context context = READ_ONCE(disk->context);
	unsigned long flags;

	if (disk->fail_status && disk->fail_op == op)
		bio->bi_status = disk->fail_status;
	else
		move_data(disk, bio);
	/* As a driver does: what is left of a bio that has completed is its end. */
	bio_advance(bio, bio->bi_iter.bi_size);

	if (context == DISK_PROCESS) {
		bio_endio(bio);
		return;
	}
	spin_lock_irqsave(&disk->lock, flags);
	bio_list_add(&disk->ready, bio);
	spin_unlock_irqrestore(&disk->lock, flags);
	if (context == DISK_SOFTIRQ)
		mod_timer(&disk->timer, jiffies + 1);
	else
		irq_work_queue(&disk->irq_work);
}

static void submit(struct bio *bio)
{
	struct test_disk *disk = bio->bi_bdev->bd_disk->private_data;
	unsigned long flags;
	bool hold;

	spin_lock_irqsave(&disk->lock, flags);
	take_note(disk, bio);
	keep_page(disk, bio);
	if (disk->interrupts)
		bio_clear_polled(bio);
	/* A polled bio stays until a poller comes. */
	hold = disk->hold || (bio->bi_opf & REQ_POLLED);
	if (bio->bi_opf & REQ_POLLED)
		WRITE_ONCE(bio->bi_cookie, 0);
	if (hold) {
		bio_list_add(&disk->held, bio);
		disk->nr_held++;
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	if (hold)
		wake_up(&disk->wait);
	else
		carry_out(disk, bio);
}

/**
 * test_disk_hold() - from now on keep the bios that are submitted
 * @disk: the disk
 */
void test_disk_hold(struct test_disk *disk)
{
	spin_lock_irq(&disk->lock);
	disk->hold = true;
	spin_unlock_irq(&disk->lock);
}

/**
 * test_disk_wait_held() - wait until the disk holds that many bios
 * @disk: the disk
 * @nr: number of bios
 *
 * Return: false if they did not come in time (LONG_ENOUGH).
 */
bool test_disk_wait_held(struct test_disk *disk, unsigned int nr)
{
	return wait_event_timeout(disk->wait, READ_ONCE(disk->nr_held) >= nr, LONG_ENOUGH);
}

static int carry_out_held(struct test_disk *disk)
{
	struct bio_list held;
	unsigned long flags;
	struct bio *bio;
	int n = 0;

	spin_lock_irqsave(&disk->lock, flags);
	held = disk->held;
	bio_list_init(&disk->held);
	disk->nr_held = 0;
	spin_unlock_irqrestore(&disk->lock, flags);
	for (; (bio = bio_list_pop(&held)); n++)
		carry_out(disk, bio);
	return n;
}

/* As with a queue of a real disk: a poller completes all bios that are done. */
static int poll(struct bio *bio, struct io_comp_batch *iob, unsigned int flags)
{
	struct gendisk *gendisk = READ_ONCE(bio->bi_bdev)->bd_disk;
	struct test_disk *disk = gendisk->private_data;

	/* The bio was completed, and parked, after bio_poll() had looked at it. */
	if (gendisk->fops->poll_bio != poll)
		return 0;
	return READ_ONCE(disk->hold) ? 0 : carry_out_held(disk);
}

/**
 * test_disk_release() - complete the held bios, and hold no more
 * @disk: the disk
 */
void test_disk_release(struct test_disk *disk)
{
	unsigned long flags;

	spin_lock_irqsave(&disk->lock, flags);
	disk->hold = false;
	spin_unlock_irqrestore(&disk->lock, flags);
	carry_out_held(disk);
}

/**
 * test_disk_interrupt() - complete the held bios in one interrupt, and hold no more
 * @disk: the disk, whose context is %DISK_HARDIRQ
 *
 * With PREEMPT_RT, as the thread of an interrupt does.
 */
void test_disk_interrupt(struct test_disk *disk)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_disable();
	else
		local_irq_disable();
	test_disk_release(disk);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_enable();
	else
		local_irq_enable();
}

static const struct block_device_operations disk_operations = {
	.owner = THIS_MODULE,
	.submit_bio = submit,
	.poll_bio = poll,
};

/**
 * test_disk_new() - make the disk, DISK_PATH in userspace
 * @test: fails if the disk cannot be made
 *
 * Return: the disk.
 */
struct test_disk *test_disk_new(struct kunit *test)
{
	struct queue_limits limits = {
		.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | DISK_FEATURES,
		.max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT,
		.max_hw_sectors = UINT_MAX >> SECTOR_SHIFT,
		.max_segments = USHRT_MAX,
		.max_segment_size = UINT_MAX,
#ifdef DM_TARGET_ATOMIC_WRITES
		.atomic_write_hw_max = DISK_ATOMIC_BYTES,
		.atomic_write_hw_unit_min = 4096,
		.atomic_write_hw_unit_max = DISK_ATOMIC_BYTES,
#endif
	};
	struct test_disk *disk = kunit_kzalloc(test, sizeof(*disk), GFP_KERNEL);
	int r;

	KUNIT_ASSERT_NOT_NULL(test, disk);
	spin_lock_init(&disk->lock);
	init_waitqueue_head(&disk->wait);
	timer_setup(&disk->timer, softirq, 0);
	init_irq_work(&disk->irq_work, hardirq);
	disk->data = vzalloc(DISK_SECTORS << SECTOR_SHIFT);
	KUNIT_ASSERT_NOT_NULL(test, disk->data);

	disk->disk = blk_alloc_disk(&limits, NUMA_NO_NODE);
	if (IS_ERR(disk->disk))
		vfree(disk->data);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, disk->disk);
	strscpy(disk->disk->disk_name, "envelope-disk", DISK_NAME_LEN);
	disk->disk->fops = &disk_operations;
	disk->disk->private_data = disk;
	disk->disk->flags |= GENHD_FL_NO_PART;
	set_capacity(disk->disk, DISK_SECTORS);
	r = add_disk(disk->disk);
	if (r) {
		put_disk(disk->disk);
		vfree(disk->data);
	}
	KUNIT_ASSERT_EQ(test, r, 0);
	return disk;
}

/**
 * test_disk_free() - remove the disk; no device may be on it
 * @disk: the disk
 */
void test_disk_free(struct test_disk *disk)
{
	test_disk_release(disk);
	del_gendisk(disk->disk);
	timer_delete_sync(&disk->timer);
	irq_work_sync(&disk->irq_work);
	put_disk(disk->disk);
	vfree(disk->data);
}
