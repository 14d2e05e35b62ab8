// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the promise. After the key has been revoked no bio succeeds,
 * nothing hangs, the transform is gone: with bios in every stage of their way, and
 * however the key came to its end.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "rig_test.h"

static void revoke_exit(struct kunit *test)
{
	rig_free(test->priv);
}

static void expect_dead(struct kunit *test, struct rig *rig, enum envelope_reason reason)
{
	enum envelope_reason seen;

	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(&rig->dev->lifecycle), ENVELOPE_DEAD);
	seen = envelope_lifecycle_reason(&rig->dev->lifecycle);
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(seen), envelope_reason_name(reason));
	KUNIT_EXPECT_EQ(test, test_simple(rig, REQ_OP_READ, 0, 4096), BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, test_simple(rig, REQ_OP_WRITE, 0, 4096), BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, test_simple(rig, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0), BLK_STS_IOERR);
}

static void expect_key_gone(struct kunit *test, struct rig *rig)
{
	mutex_lock(&rig->vk->lock);
	KUNIT_EXPECT_EQ(test, rig->vk->state, ENVELOPE_DEAD);
	KUNIT_EXPECT_NULL(test, rig->vk->tfm);
	KUNIT_EXPECT_NULL(test, rig->vk->key);
	mutex_unlock(&rig->vk->lock);
}

/* ---- the ways a key can end, on an idle device ---- */

struct way {
	const char *name;
	int (*end)(struct rig *rig);
	enum envelope_reason reason;
	bool at_once;	/* dead when the call returns */
	bool key_lives; /* only the device fails */
};

static int by_revoke(struct rig *rig)
{
	key_revoke(rig->key);
	return 0;
}

static int by_invalidate(struct rig *rig)
{
	key_invalidate(rig->key);
	return 0;
}

static int by_timeout(struct rig *rig)
{
	key_set_timeout(rig->key, 1);
	return 0;
}

static int by_unlink(struct rig *rig)
{
	int r = key_unlink(rig->keyring, rig->key);

	rig_forget_key(rig);
	return r;
}

static int by_clear(struct rig *rig)
{
	int r = keyring_clear(rig->keyring);

	rig_forget_key(rig);
	return r;
}

/* Further than the watchdog's next visit, which therefore has to come again in time. */
static int by_lease(struct rig *rig)
{
	return rig_renew(rig, 1200 * (u64)NSEC_PER_MSEC);
}

static int by_message(struct rig *rig)
{
	return rig_run("dmsetup message %s 0 fail", rig->name);
}

static const struct way ways[] = {
	{ "revoke", by_revoke, ENVELOPE_KEY_REVOKED, .at_once = true },
	{ "invalidate", by_invalidate, ENVELOPE_KEY_INVALIDATED },
	{ "timeout", by_timeout, ENVELOPE_KEY_TIMEOUT },
	{ "unlink", by_unlink, ENVELOPE_KEY_UNLINKED },
	{ "keyring clear", by_clear, ENVELOPE_KEY_UNLINKED },
	{ "lease runs out", by_lease, ENVELOPE_LEASE_EXPIRED },
	{ "message", by_message, ENVELOPE_MESSAGE, .at_once = true, .key_lives = true },
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

/* The key's end, in a thread of its own. Whatever is in its way, it must not take long. */
static struct errand *expect_end(struct rig *rig, const struct way *way)
{
	struct kunit *test = rig->test;
	struct errand *errand = errand_begin(rig, way->end);
	unsigned long deadline = jiffies + LONG_ENOUGH;

	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(errand, LONG_ENOUGH), "the call hangs");
	KUNIT_EXPECT_EQ(test, errand->result, 0);
	while (!way->at_once && time_before(jiffies, deadline) &&
	       envelope_lifecycle_state(&rig->dev->lifecycle) != ENVELOPE_DEAD)
		msleep(20);
	KUNIT_EXPECT_EQ_MSG(test, envelope_lifecycle_state(&rig->dev->lifecycle), ENVELOPE_DEAD,
			    "the device lives on");
	if (way->key_lives)
		KUNIT_EXPECT_EQ(test, READ_ONCE(rig->vk->state), ENVELOPE_LIVE);
	else
		expect_key_gone(test, rig);
	return errand;
}

static void idle_device_fails(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct errand *errand;

	KUNIT_ASSERT_EQ(test, test_simple(rig, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	errand = expect_end(rig, way);
	expect_dead(test, rig, way->reason);
	errand_end(errand);
}

/* ---- what has just happened to the key, and no watchdog has seen ---- */

struct event {
	const char *name;
	void (*happen)(struct rig *rig);
};

static void lease_has_ended(struct rig *rig)
{
	WRITE_ONCE(rig->vk->lease.deadline_ns, 1);
}

static void timeout_has_come(struct rig *rig)
{
	WRITE_ONCE(rig->key->expiry, 1);
}

static void is_marked_revoked(struct rig *rig)
{
	set_bit(KEY_FLAG_REVOKED, &rig->key->flags);
}

static void is_marked_invalidated(struct rig *rig)
{
	set_bit(KEY_FLAG_INVALIDATED, &rig->key->flags);
}

static const struct event events[] = {
	{ "lease", lease_has_ended },
	{ "timeout", timeout_has_come },
	{ "revoked", is_marked_revoked },
	{ "invalidated", is_marked_invalidated },
};

KUNIT_ARRAY_PARAM_DESC(event, events, name);

/* The watchdog sleeps for up to a second; the very next bio is refused. */
static void next_bio_sees_it(struct kunit *test)
{
	const struct event *event = test->param_value;
	struct rig *rig = rig_new(test, &(struct rig_options){});

	KUNIT_ASSERT_EQ(test, test_simple(rig, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	event->happen(rig);
	KUNIT_EXPECT_EQ(test, test_simple(rig, REQ_OP_READ, 0, 4096), BLK_STS_IOERR);
}

static void key_ends_once(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});

	key_revoke(rig->key);
	key_revoke(rig->key);
	key_invalidate(rig->key);
	envelope_volume_key_kill(rig->vk, ENVELOPE_LEASE_EXPIRED);
	expect_dead(test, rig, ENVELOPE_KEY_REVOKED);
	expect_key_gone(test, rig);
}

/* ---- bios at the disk ---- */

struct held_row {
	const char *name;
	blk_opf_t opf;
	unsigned int len;
	enum disk_context context;
};

static const struct held_row held_rows[] = {
	{ "read", REQ_OP_READ, 16384, DISK_PROCESS },
	{ "read, back in hardirq", REQ_OP_READ, 16384, DISK_HARDIRQ },
	{ "write", REQ_OP_WRITE, 16384, DISK_PROCESS },
	{ "read, back in softirq", REQ_OP_READ, 65536, DISK_SOFTIRQ },
	{ "large read", REQ_OP_READ, 524288, DISK_PROCESS },
	{ "large read, back in hardirq", REQ_OP_READ, 524288, DISK_HARDIRQ },
	{ "write, back in softirq", REQ_OP_WRITE, 16384, DISK_SOFTIRQ },
	{ "large write", REQ_OP_WRITE, 524288, DISK_HARDIRQ },
	{ "write, back in hardirq", REQ_OP_WRITE | REQ_FUA, 16384, DISK_HARDIRQ },
	{ "flush", REQ_OP_WRITE | REQ_PREFLUSH, 0, DISK_HARDIRQ },
};

KUNIT_ARRAY_PARAM_DESC(held, held_rows, name);

/* The disk hangs. The revoke does not, and what comes back later does not succeed. */
static void hung_disk_holds_up_nothing(struct kunit *test)
{
	const struct held_row *row = test->param_value;
	struct io_segment segment = { 0, row->len ?: 4096 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct errand *revoke;

	if (!row->len)
		io->nr = 0;
	rig->disk->context = row->context;
	test_disk_hold(rig->disk);
	test_io_submit(io, row->opf, 0);
	KUNIT_ASSERT_TRUE(test, test_disk_wait_held(rig->disk, 1));

	revoke = errand_begin(rig, by_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH), "the revoke hangs");
	expect_key_gone(test, rig);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));

	/* The disk reports success, but it is too late. */
	test_disk_release(rig->disk);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	if (row->opf == REQ_OP_READ)
		/* What the disk brought was left as it was: not decrypted. */
		KUNIT_EXPECT_MEMEQ(test, io->arena, rig->disk->data, row->len);
	errand_end(revoke);
	test_io_free(io);
}

/* However the key ends: a disk that hangs with a bio of each kind delays nothing. */
static void hung_disk_delays_no_end(struct kunit *test)
{
	static const struct {
		blk_opf_t opf;
		unsigned int nr;
	} kinds[] = { { REQ_OP_READ, 1 }, { REQ_OP_WRITE, 1 }, { REQ_OP_WRITE | REQ_PREFLUSH, 0 } };
	static const struct io_segment segment = { 0, 8192 };
	const struct way *way = test->param_value;
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *ios[ARRAY_SIZE(kinds)];
	struct errand *errand;
	unsigned int i;

	rig->disk->context = DISK_HARDIRQ;
	test_disk_hold(rig->disk);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ios[i] = test_io_new(rig, &segment, 1);
		ios[i]->nr = kinds[i].nr;
		test_io_submit(ios[i], kinds[i].opf, i * 16);
	}
	KUNIT_EXPECT_TRUE(test, test_disk_wait_held(rig->disk, ARRAY_SIZE(kinds)));

	errand = expect_end(rig, way);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		KUNIT_EXPECT_FALSE(test, completion_done(&ios[i]->done));
	test_disk_release(rig->disk);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		KUNIT_EXPECT_EQ(test, test_io_wait(ios[i]), BLK_STS_IOERR);
		test_io_free(ios[i]);
	}
	expect_dead(test, rig, way->reason);
	errand_end(errand);
}

/* ---- bios inside a section ---- */

static int release_disk(struct rig *rig)
{
	test_disk_release(rig->disk);
	return 0;
}

struct inside_row {
	const char *name;
	blk_opf_t opf;
	unsigned int len;
};

static const struct inside_row inside_rows[] = {
	{ "read", REQ_OP_READ, 4096 },
	{ "read in a worker", REQ_OP_READ, 262144 },
	{ "write", REQ_OP_WRITE, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(inside, inside_rows, name);

/* A completion that reports success has begun: the revoke waits until it has ended. */
static void revoke_waits_for_a_completion(struct kunit *test)
{
	const struct inside_row *row = test->param_value;
	struct io_segment segment = { 0, row->len };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct completion *blocker = kunit_kzalloc(test, sizeof(*blocker), GFP_KERNEL);
	struct errand *release, *revoke;

	KUNIT_ASSERT_NOT_NULL(test, blocker);
	init_completion(blocker);
	io->blocker = blocker;
	test_disk_hold(rig->disk);
	test_io_submit(io, row->opf, 0);
	release = errand_begin(rig, release_disk);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&io->entered, LONG_ENOUGH), 0);

	revoke = errand_begin(rig, by_revoke);
	KUNIT_EXPECT_FALSE_MSG(test, errand_ends_within(revoke, A_WHILE),
			       "revoke returned while a bio was reporting success");
	KUNIT_EXPECT_NOT_NULL(test, READ_ONCE(rig->vk->tfm));
	complete_all(blocker);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_OK);
	errand_end(release);
	errand_end(revoke);
	expect_dead(test, rig, ENVELOPE_KEY_REVOKED);
	expect_key_gone(test, rig);
	test_io_free(io);
}

/* ---- writes that wait for pages ---- */

struct plug {
	struct work_struct work;
	struct completion go;
};

static void plug_work(struct work_struct *work)
{
	struct plug *plug = container_of(work, struct plug, work);

	wait_for_completion(&plug->go);
}

static bool is_queued(struct rig *rig)
{
	bool queued;

	spin_lock(&rig->dev->queue_lock);
	queued = !bio_list_empty(&rig->dev->queue);
	spin_unlock(&rig->dev->queue_lock);
	return queued;
}

/* The device's reserve, all of it. */
static void borrow_reserve(struct rig *rig, struct list_head *pages)
{
	struct envelope_bounce_pool *pool = &rig->dev->bounce;

	spin_lock_irq(&pool->lock);
	list_splice_init(&pool->pages, pages);
	pool->nr_pages = 0;
	spin_unlock_irq(&pool->lock);
}

static void return_reserve(struct rig *rig, struct list_head *pages)
{
	struct envelope_bounce_pool *pool = &rig->dev->bounce;

	spin_lock_irq(&pool->lock);
	list_splice_init(pages, &pool->pages);
	pool->nr_pages = ENVELOPE_RESERVE_PAGES;
	spin_unlock_irq(&pool->lock);
	wake_up(&pool->wait);
}

static int write_work(struct rig *rig)
{
	envelope_write_work(&rig->dev->write_work);
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

/* The device's own worker is kept busy, as by a disk that is stuck in submit_bio. */
static void plug_in(struct rig *rig, struct plug *plug)
{
	init_completion(&plug->go);
	INIT_WORK(&plug->work, plug_work);
	queue_work(rig->dev->write_wq, &plug->work);
}

static void pull_out(struct plug *plug)
{
	complete_all(&plug->go);
	flush_work(&plug->work);
}

/* Another worker, which waits for pages. The reserve is its only hope. */
static struct errand *start_worker(struct kunit *test, struct rig *rig)
{
	struct errand *worker = errand_begin(rig, write_work);
	unsigned int i;

	for (i = 0; i < 200 && !wq_has_sleeper(&rig->dev->bounce.wait); i++)
		msleep(50);
	KUNIT_EXPECT_TRUE(test, wq_has_sleeper(&rig->dev->bounce.wait));
	return worker;
}

static void waiting_write_is_answered(struct kunit *test)
{
	static const struct io_segment small = { 0, 32768 };
	const struct queued_row *row = test->param_value;
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &small, 1);
	struct errand *revoke;
	struct errand *worker = NULL;
	struct plug *plug = kunit_kzalloc(test, sizeof(*plug), GFP_KERNEL);
	unsigned long limit;
	LIST_HEAD(reserve);

	KUNIT_ASSERT_NOT_NULL(test, plug);
	plug_in(rig, plug);
	limit = rig_starve();
	test_io_submit(io, REQ_OP_WRITE, 0);
	KUNIT_EXPECT_TRUE(test, is_queued(rig));
	if (row->worker_waits) {
		borrow_reserve(rig, &reserve);
		worker = start_worker(test, rig);
	}

	revoke = errand_begin(rig, by_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH), "the revoke hangs");
	KUNIT_EXPECT_NE_MSG(test, wait_for_completion_timeout(&io->done, LONG_ENOUGH), 0,
			    "the waiting write hangs");
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_IOERR);

	if (worker) {
		return_reserve(rig, &reserve);
		KUNIT_EXPECT_TRUE(test, errand_ends_within(worker, LONG_ENOUGH));
	}
	pull_out(plug);
	test_io_wait(io);
	errand_end(revoke);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

/* Pages come back to a worker whose device has died meanwhile: it has no use for them. */
static void late_write_is_not_encrypted(struct kunit *test)
{
	static const struct io_segment small = { 0, 32768 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &small, 1);
	struct plug *plug = kunit_kzalloc(test, sizeof(*plug), GFP_KERNEL);
	struct errand *worker;
	unsigned long limit;
	LIST_HEAD(reserve);

	KUNIT_ASSERT_NOT_NULL(test, plug);
	plug_in(rig, plug);
	limit = rig_starve();
	borrow_reserve(rig, &reserve);
	test_io_submit(io, REQ_OP_WRITE, 0);
	worker = start_worker(test, rig);
	/* The worker has not been told; it will look for itself. */
	envelope_lifecycle_begin_kill(&rig->dev->lifecycle, ENVELOPE_MESSAGE);
	return_reserve(rig, &reserve);

	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	KUNIT_EXPECT_TRUE(test, errand_ends_within(worker, LONG_ENOUGH));
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(rig->disk->data, 0, io->size), "it reached the disk");
	KUNIT_EXPECT_EQ(test, rig->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
	pull_out(plug);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

/* ---- suspended, shared, under load ---- */

static void suspended_device_fails_too(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	const struct way *way = test->param_value;
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct errand *errand;

	KUNIT_ASSERT_EQ(test, rig_run("dmsetup suspend %s", rig->name), 0);
	test_io_submit(io, REQ_OP_WRITE, 0);
	errand = expect_end(rig, way);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_EQ(test, rig_run("dmsetup resume %s", rig->name), 0);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	expect_dead(test, rig, way->reason);
	errand_end(errand);
	test_io_free(io);
}

static void devices_that_share_a_key_die_together(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct envelope_device *other;

	KUNIT_ASSERT_EQ(test, rig_create(rig, "-other"), 0);
	mutex_lock(&rig->vk->lock);
	other = list_last_entry(&rig->vk->devices, struct envelope_device, node);
	mutex_unlock(&rig->vk->lock);
	KUNIT_EXPECT_PTR_NE(test, other, rig->dev);

	/* A message fails one device alone. */
	KUNIT_EXPECT_EQ(test, rig_run("dmsetup message %s-other 0 fail", rig->name), 0);
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_is_live(&other->lifecycle));
	KUNIT_EXPECT_EQ(test, test_simple(rig, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);

	key_revoke(rig->key);
	expect_dead(test, rig, ENVELOPE_KEY_REVOKED);
	expect_key_gone(test, rig);
	/* The reason of the first failure stays. */
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_reason(&other->lifecycle), ENVELOPE_MESSAGE);
	KUNIT_EXPECT_EQ(test, rig_remove(rig, "-other"), 0);
}

/**
 * struct load - threads that read and write until they are refused
 * @rig: the device
 * @revoked: set when the revoke has returned
 * @late: bios that reported success after that; must stay 0
 * @succeeded: before that
 * @serial: number for the next thread
 * @finished: completed by each thread
 */
struct load {
	struct rig *rig;
	atomic_t revoked;
	atomic_t late;
	atomic_t succeeded;
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
		struct bio *bio = bio_alloc(load->rig->bdev, 1, opf, GFP_KERNEL);
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);

		bio->bi_iter.bi_sector = (serial * 64 + i % 8) * 8;
		__bio_add_page(bio, page, PAGE_SIZE, 0);
		submit_bio_wait(bio);
		status = bio->bi_status;
		if (status == BLK_STS_OK)
			atomic_inc(revoked_before ? &load->late : &load->succeeded);
		bio_put(bio);
		__free_page(page);
		cond_resched();
	}
	complete(&load->finished);
	return 0;
}

static void no_success_after_revoke_under_load(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	unsigned int i, started = 0;

	KUNIT_ASSERT_NOT_NULL(test, load);
	load->rig = rig;
	init_completion(&load->finished);
	rig->disk->context = DISK_HARDIRQ;
	for (i = 0; i < 4; i++)
		started += !IS_ERR(kthread_run(load_thread, load, "envelope_load"));
	msleep(1000);
	key_revoke(rig->key);
	atomic_set(&load->revoked, 1);
	for (i = 0; i < started; i++)
		wait_for_completion(&load->finished);
	KUNIT_EXPECT_EQ(test, started, 4);
	KUNIT_EXPECT_GT(test, atomic_read(&load->succeeded), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&load->late), 0);
	expect_dead(test, rig, ENVELOPE_KEY_REVOKED);
	expect_key_gone(test, rig);
}

static struct kunit_case revoke_cases[] = {
	KUNIT_CASE_PARAM(idle_device_fails, way_gen_params),
	KUNIT_CASE_PARAM(next_bio_sees_it, event_gen_params),
	KUNIT_CASE(key_ends_once),
	KUNIT_CASE_PARAM(hung_disk_holds_up_nothing, held_gen_params),
	KUNIT_CASE_PARAM(hung_disk_delays_no_end, way_gen_params),
	KUNIT_CASE_PARAM(revoke_waits_for_a_completion, inside_gen_params),
	KUNIT_CASE_PARAM(waiting_write_is_answered, queued_gen_params),
	KUNIT_CASE(late_write_is_not_encrypted),
	KUNIT_CASE_PARAM(suspended_device_fails_too, way_gen_params),
	KUNIT_CASE(devices_that_share_a_key_die_together),
	KUNIT_CASE(no_success_after_revoke_under_load),
	{}
};

static struct kunit_suite revoke_suite = {
	.name = "envelope_revoke",
	.exit = revoke_exit,
	.test_cases = revoke_cases,
};

kunit_test_suite(revoke_suite);
