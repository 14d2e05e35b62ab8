// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the end of the key while a write waits for pages: its bio is answered,
 * and its data is not encrypted.
 */
#include <linux/delay.h>

#include "fixture_test.h"

static void queue_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

struct plug {
	struct work_struct work;
	struct completion go;
};

static void plug_work(struct work_struct *work)
{
	struct plug *plug = container_of(work, struct plug, work);

	wait_for_completion(&plug->go);
}

static bool is_queued(struct fixture *fixture)
{
	bool queued;

	spin_lock(&fixture->dev->queue_lock);
	queued = !bio_list_empty(&fixture->dev->queue);
	spin_unlock(&fixture->dev->queue_lock);
	return queued;
}

/* Takes the whole reserve of the device. */
static void borrow_reserve(struct fixture *fixture, struct list_head *pages)
{
	struct envelope_bounce_pool *pool = &fixture->dev->bounce;

	spin_lock_irq(&pool->lock);
	list_splice_init(&pool->pages, pages);
	pool->nr_pages = 0;
	spin_unlock_irq(&pool->lock);
}

static void return_reserve(struct fixture *fixture, struct list_head *pages)
{
	struct envelope_bounce_pool *pool = &fixture->dev->bounce;

	spin_lock_irq(&pool->lock);
	list_splice_init(pages, &pool->pages);
	pool->nr_pages = ENVELOPE_RESERVE_PAGES;
	spin_unlock_irq(&pool->lock);
	wake_up(&pool->wait);
}

static int write_work(struct fixture *fixture)
{
	envelope_write_work(&fixture->dev->write_work);
	return 0;
}

struct queued_row {
	const char *name;
	bool worker_waits; /* the worker has the bio and waits for pages */
};

static const struct queued_row queued_rows[] = {
	{ "queued by map" },
	{ "with the worker, which waits for pages", true },
};

KUNIT_ARRAY_PARAM_DESC(queued, queued_rows, name);

/* Keeps the worker of the device busy, as a disk that is stuck in submit_bio does. */
static void plug_in(struct fixture *fixture, struct plug *plug)
{
	init_completion(&plug->go);
	INIT_WORK(&plug->work, plug_work);
	queue_work(fixture->dev->write_wq, &plug->work);
}

static void pull_out(struct plug *plug)
{
	complete_all(&plug->go);
	flush_work(&plug->work);
}

/* Another worker, which waits for pages of the reserve. */
static struct errand *start_worker(struct kunit *test, struct fixture *fixture)
{
	struct errand *worker = errand_begin(fixture, write_work);
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (!wq_has_sleeper(&fixture->dev->bounce.wait) && time_before(jiffies, deadline))
		msleep(50);
	KUNIT_EXPECT_TRUE(test, wq_has_sleeper(&fixture->dev->bounce.wait));
	return worker;
}

static void waiting_write_fails(struct kunit *test)
{
	static const struct io_segment small = { 0, 32768 };
	const struct queued_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &small, 1);
	struct errand *revoke;
	struct errand *worker = NULL;
	struct plug *plug = kunit_kzalloc(test, sizeof(*plug), GFP_KERNEL);
	unsigned long limit;
	LIST_HEAD(reserve);

	KUNIT_ASSERT_NOT_NULL(test, plug);
	plug_in(fixture, plug);
	limit = fixture_starve();
	test_io_submit(io, REQ_OP_WRITE, 0);
	KUNIT_EXPECT_TRUE(test, is_queued(fixture));
	if (row->worker_waits) {
		borrow_reserve(fixture, &reserve);
		worker = start_worker(test, fixture);
	}

	revoke = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH), "the revoke hangs");
	KUNIT_EXPECT_NE_MSG(test, wait_for_completion_timeout(&io->done, LONG_ENOUGH), 0,
			    "the waiting write hangs");
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_IOERR);

	if (worker) {
		return_reserve(fixture, &reserve);
		KUNIT_EXPECT_TRUE(test, errand_ends_within(worker, LONG_ENOUGH));
	}
	pull_out(plug);
	test_io_wait(io);
	errand_end(revoke);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

/* A worker gets pages after its device has died: it must not encrypt into them. */
static void late_write_is_not_encrypted(struct kunit *test)
{
	static const struct io_segment small = { 0, 32768 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &small, 1);
	struct plug *plug = kunit_kzalloc(test, sizeof(*plug), GFP_KERNEL);
	struct errand *worker;
	unsigned long limit;
	LIST_HEAD(reserve);

	KUNIT_ASSERT_NOT_NULL(test, plug);
	plug_in(fixture, plug);
	limit = fixture_starve();
	borrow_reserve(fixture, &reserve);
	test_io_submit(io, REQ_OP_WRITE, 0);
	worker = start_worker(test, fixture);
	/* Nothing wakes the worker: it must see by itself that the device is dead. */
	envelope_lifecycle_begin_kill(&fixture->dev->lifecycle, ENVELOPE_MESSAGE);
	return_reserve(fixture, &reserve);

	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	KUNIT_EXPECT_TRUE(test, errand_ends_within(worker, LONG_ENOUGH));
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(fixture->disk->data, 0, io->size),
			      "the write reached the disk");
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
	pull_out(plug);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

/* ---- priority ---- */

struct probe {
	struct work_struct work;
	int nice;
};

static void probe_work(struct work_struct *work)
{
	container_of(work, struct probe, work)->nice = task_nice(current);
}

/* The worker encrypts for writers, and it may wait in the disk: no reason to go before others. */
static void write_worker_has_normal_priority(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct probe *probe = kunit_kzalloc(test, sizeof(*probe), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, probe);
	INIT_WORK(&probe->work, probe_work);
	queue_work(fixture->dev->write_wq, &probe->work);
	flush_work(&probe->work);
	KUNIT_EXPECT_EQ(test, probe->nice, 0);
}

static struct kunit_case queue_cases[] = { KUNIT_CASE_PARAM(waiting_write_fails, queued_gen_params),
					   KUNIT_CASE(late_write_is_not_encrypted),
					   KUNIT_CASE(write_worker_has_normal_priority),
					   {} };

static struct kunit_suite queue_suite = {
	.name = "envelope_queue",
	.exit = queue_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
