// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of a revoke under load: threads read and write until they are refused,
 * and none sees a success after the revoke has returned.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/kthread.h>

#include "fixture_test.h"

/* The threads are in the midst of it when the revoke comes. */
#define LOAD_MS 1000

static void load_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/**
 * struct load - threads that read and write until a bio is refused
 * @fixture: the device
 * @revoked: set when the revoke has returned
 * @late: bios that reported success after the revoke; must stay 0
 * @succeeded: bios that reported success before it
 * @at_work: threads with a read and a write that succeeded
 * @serial: number of the next thread
 * @finished: completed by each thread
 */
struct load {
	struct fixture *fixture;
	atomic_t revoked;
	atomic_t late;
	atomic_t succeeded;
	atomic_t at_work;
	atomic_t serial;
	struct completion finished;
};

static int load_thread(void *data)
{
	struct load *load = data;
	unsigned int i, serial = atomic_inc_return(&load->serial);
	blk_status_t status = BLK_STS_OK;

	for (i = 0; status == BLK_STS_OK; i++) {
		bool revoked_before = atomic_read(&load->revoked);
		blk_opf_t opf = (i + serial) % 2 ? REQ_OP_READ : REQ_OP_WRITE;
		struct bio *bio = bio_alloc(load->fixture->bdev, 1, opf, GFP_KERNEL);
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);

		bio->bi_iter.bi_sector = (serial * 64 + i % 8) * 8;
		__bio_add_page(bio, page, PAGE_SIZE, 0);
		submit_bio_wait(bio);
		status = bio->bi_status;
		if (status == BLK_STS_OK)
			atomic_inc(revoked_before ? &load->late : &load->succeeded);
		if (status == BLK_STS_OK && i == 1)
			atomic_inc(&load->at_work);
		bio_put(bio);
		__free_page(page);
		cond_resched();
	}
	complete(&load->finished);
	return 0;
}

static void no_success_after_revoke(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	unsigned long deadline = jiffies + LONG_ENOUGH;
	unsigned int i, started = 0;

	KUNIT_ASSERT_NOT_NULL(test, load);
	load->fixture = fixture;
	init_completion(&load->finished);
	fixture->disk->context = DISK_HARDIRQ;
	for (i = 0; i < 4; i++)
		started += !IS_ERR(kthread_run(load_thread, load, "envelope_load"));
	while (atomic_read(&load->at_work) < started && time_before(jiffies, deadline))
		msleep(20);
	msleep(LOAD_MS);
	key_revoke(fixture->key);
	atomic_set(&load->revoked, 1);
	for (i = 0; i < started; i++)
		wait_for_completion(&load->finished);
	KUNIT_EXPECT_EQ(test, started, 4);
	KUNIT_EXPECT_GT(test, atomic_read(&load->succeeded), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&load->late), 0);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
	fixture_expect_key_gone(fixture);
}

/**
 * struct poll_load - a thread that sends one polled bio after another until one is refused
 * @fixture: the device
 * @opf: of the bios
 * @size: of the bios
 * @revoked: set when the revoke has returned
 * @done: the present bio has completed
 * @status: of the present bio
 * @late: bios that reported success after the revoke; must stay 0
 * @succeeded: bios that reported success before it
 * @finished: completed when the thread has ended
 */
struct poll_load {
	struct fixture *fixture;
	blk_opf_t opf;
	unsigned int size;
	atomic_t *revoked;
	bool done;
	blk_status_t status;
	unsigned int late;
	unsigned int succeeded;
	struct completion finished;
};

/* Counts by the moment of the completion, wherever the bio was when the revoke returned. */
static void poll_load_end_io(struct bio *bio)
{
	struct poll_load *load = bio->bi_private;

	load->status = bio->bi_status;
	if (!bio->bi_status && atomic_read(load->revoked))
		load->late++;
	else if (!bio->bi_status)
		load->succeeded++;
	/* Pairs with the acquire in poll_load_thread(). */
	smp_store_release(&load->done, true);
}

static int poll_load_thread(void *data)
{
	struct poll_load *load = data;
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, get_order(load->size));

	do {
		struct bio *bio = bio_alloc(load->fixture->bdev, 1, load->opf, GFP_KERNEL);

		__bio_add_page(bio, pages, load->size, 0);
		bio->bi_private = load;
		bio->bi_end_io = poll_load_end_io;
		load->done = false;
		submit_bio(bio);
		/* Pairs with poll_load_end_io(). */
		while (!smp_load_acquire(&load->done)) {
			rcu_read_lock();
			bio_poll(bio, NULL, 0);
			rcu_read_unlock();
			cond_resched();
		}
		bio_put(bio);
	} while (!load->status);
	__free_pages(pages, get_order(load->size));
	complete(&load->finished);
	return 0;
}

/* Each thread completes bios that the others poll for, and a revoke comes between. */
static void no_polled_success_after_revoke(struct kunit *test)
{
	static const struct {
		enum req_op op;
		unsigned int size;
	} loads_of[] = {
		{ REQ_OP_READ, 4096 },
		{ REQ_OP_WRITE, 4096 },
		{ REQ_OP_READ, 262144 },
		{ REQ_OP_WRITE, 262144 },
	};
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct poll_load *loads = kunit_kcalloc(test, ARRAY_SIZE(loads_of), sizeof(*loads),
						GFP_KERNEL);
	atomic_t revoked = ATOMIC_INIT(0);
	unsigned long deadline = jiffies + LONG_ENOUGH;
	unsigned int i, started = 0;

	KUNIT_ASSERT_NOT_NULL(test, loads);
	for (i = 0; i < ARRAY_SIZE(loads_of); i++) {
		loads[i] = (struct poll_load){
			.fixture = fixture,
			.opf = loads_of[i].op | REQ_POLLED,
			.size = loads_of[i].size,
			.revoked = &revoked,
		};
		init_completion(&loads[i].finished);
		started += !IS_ERR(kthread_run(poll_load_thread, &loads[i], "envelope_poll"));
	}
	for (i = 0; i < started; i++)
		while (!READ_ONCE(loads[i].succeeded) && time_before(jiffies, deadline))
			msleep(20);
	msleep(LOAD_MS);
	key_revoke(fixture->key);
	atomic_set(&revoked, 1);
	KUNIT_EXPECT_EQ(test, started, ARRAY_SIZE(loads_of));
	for (i = 0; i < started; i++) {
		wait_for_completion(&loads[i].finished);
		KUNIT_EXPECT_EQ(test, loads[i].late, 0);
		KUNIT_EXPECT_GT(test, loads[i].succeeded, 0);
		KUNIT_EXPECT_EQ(test, loads[i].status, BLK_STS_IOERR);
	}
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
}

static struct kunit_case load_cases[] = { KUNIT_CASE(no_success_after_revoke),
					  KUNIT_CASE(no_polled_success_after_revoke),
					  {} };

static struct kunit_suite load_suite = {
	.name = "envelope_load",
	.exit = load_exit,
	.test_cases = load_cases,
};

kunit_test_suite(load_suite);
