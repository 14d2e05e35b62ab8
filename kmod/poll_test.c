// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of bios whose submitter polls for their completion: what comes of
 * them, who may take them, and that none of them outlives its key.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "rig_test.h"

static void poll_exit(struct kunit *test)
{
	rig_free(test->priv);
}

/* The clone that the disk has got. The disk holds it. */
static struct bio *clone_at_disk(struct kunit *test, struct rig *rig)
{
	struct bio *clone;

	KUNIT_ASSERT_TRUE(test, test_disk_wait_held(rig->disk, 1));
	spin_lock_irq(&rig->disk->lock);
	clone = bio_list_peek(&rig->disk->held);
	spin_unlock_irq(&rig->disk->lock);
	KUNIT_ASSERT_NOT_NULL(test, clone);
	return clone;
}

/* ---- data ---- */

struct data_row {
	const char *name;
	unsigned int size;
	bool interrupts;
	bool starved;
};

static const struct data_row data_rows[] = {
	{ "4 KiB", 4096 },
	{ "128 KiB", 131072 },
	{ "1 MiB", 1048576 },
	{ "2 MiB, split", 2097152 },
	{ "4 KiB, disk interrupts", 4096, .interrupts = true },
	{ "1 MiB, disk interrupts", 1048576, .interrupts = true },
	{ "4 KiB, reserve", 4096, .starved = true },
	{ "1 MiB, reserve", 1048576, .starved = true },
};

KUNIT_ARRAY_PARAM_DESC(data, data_rows, name);

static void data_is_right(struct kunit *test)
{
	const struct data_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	u8 *data = kvmalloc(row->size, GFP_KERNEL);
	unsigned long limit = 0;
	unsigned int polled;

	if (!data)
		goto out;
	get_random_bytes(data, row->size);
	test_io_fill(io, data);
	rig->disk->interrupts = row->interrupts;
	rig->disk->context = row->interrupts ? DISK_HARDIRQ : DISK_PROCESS;
	if (row->starved)
		limit = rig_starve();
	test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 64);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	if (row->starved)
		envelope_pages_set_limit(limit);
	polled = rig->disk->polled;
	/* Another thread must not submit what its own may already poll. */
	if (row->starved)
		KUNIT_EXPECT_EQ(test, polled, 0);
	else if (row->size < ENVELOPE_AT_ONCE_BYTES)
		KUNIT_EXPECT_EQ(test, polled, 1);

	memset(io->arena, 0, row->size);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 64);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	KUNIT_EXPECT_GT(test, rig->disk->polled, polled);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, data, row->size), "read something else");

	/* And it is what the oracle writes. */
	test_oracle(rig, 64, io->arena, row->size);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(rig->disk->data + 64 * 512, io->arena, row->size),
			      "wrong ciphertext");
	KUNIT_EXPECT_EQ(test, rig->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
out:
	KUNIT_EXPECT_NOT_NULL(test, data);
	kvfree(data);
	test_io_free(io);
}

static void error_of_the_disk_comes_up(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	static const blk_status_t errors[] = { BLK_STS_MEDIUM, BLK_STS_AGAIN };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		rig->disk->fail_status = errors[i];
		rig->disk->fail_op = REQ_OP_READ;
		test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
		KUNIT_EXPECT_EQ(test, test_io_poll(io), errors[i]);
		rig->disk->fail_op = REQ_OP_WRITE;
		test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 0);
		KUNIT_EXPECT_EQ(test, test_io_poll(io), errors[i]);
	}
	rig->disk->fail_status = BLK_STS_OK;
	test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_free(io);
}

/* What io_uring tries first; who may wait gets on, out of the reserve. */
static void without_pages_who_does_not_wait_is_told(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	unsigned long limit = rig_starve();

	test_io_submit(io, REQ_OP_WRITE | REQ_NOWAIT | REQ_POLLED, 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_AGAIN);
	test_io_submit(io, REQ_OP_READ | REQ_NOWAIT | REQ_POLLED, 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

/* ---- more than one poller ---- */

/**
 * struct poller - a thread that polls
 * @rig: the device
 * @io: polls for this, until it is done
 * @clone: or for this, until the device has finished a bio
 * @finished: completed when the thread has ended
 */
struct poller {
	struct rig *rig;
	struct test_io *io;
	struct bio *clone;
	struct completion finished;
};

static u64 reads_of(struct rig *rig)
{
	struct envelope_counters sum;

	envelope_io_counters(rig->dev, &sum);
	return sum.reads;
}

static int poller_thread(void *data)
{
	struct poller *poller = data;
	unsigned long deadline = jiffies + LONG_ENOUGH;

	if (poller->io)
		test_io_poll(poller->io);
	else
		while (!reads_of(poller->rig) && time_before(jiffies, deadline)) {
			rcu_read_lock();
			bio_poll(poller->clone, NULL, 0);
			rcu_read_unlock();
		}
	complete(&poller->finished);
	return 0;
}

static struct poller *poller_begin(struct kunit *test, struct test_io *io, struct bio *clone)
{
	struct poller *poller = kunit_kzalloc(test, sizeof(*poller), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, poller);
	poller->rig = test->priv;
	poller->io = io;
	poller->clone = clone;
	init_completion(&poller->finished);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(poller_thread, poller, "envelope_poller"));
	return poller;
}

/*
 * Who comes second finds nothing to take. Looked at and not tried: completed twice, the
 * clone would take the kernel with it.
 */
static void a_bio_is_taken_once(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct envelope_bio *eb;
	struct bio *clone;

	test_disk_hold(rig->disk);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	clone = clone_at_disk(test, rig);
	eb = envelope_of_bio(clone);
	test_disk_release(rig->disk);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 1);
	rcu_read_lock();
	bio_poll(clone, NULL, 0);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, reads_of(rig), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_free(io);
}

/* Only one takes it; between two pieces it may be either. */
static void two_pollers_share_no_bio(struct kunit *test)
{
	static const struct io_segment segment = { 0, 1048576 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	u8 *data = kvmalloc(segment.len, GFP_KERNEL);
	struct poller *pollers[2];
	struct bio *clone;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, data);
	get_random_bytes(data, segment.len);
	test_io_fill(io, data);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, 0), BLK_STS_OK);

	/* Pieces of a single data unit: they meet often. */
	rig->dev->at_once_bytes = 4096;
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	clone = clone_at_disk(test, rig);
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		pollers[i] = poller_begin(test, NULL, clone);
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		wait_for_completion(&pollers[i]->finished);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, reads_of(rig), 1);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, data, segment.len), "read something else");
	kvfree(data);
	test_io_free(io);
}

/* ---- the end of the key ---- */

static int by_revoke(struct rig *rig)
{
	key_revoke(rig->key);
	return 0;
}

struct late_row {
	const char *name;
	blk_opf_t opf;
	unsigned int size;
	bool interrupts;
};

static const struct late_row late_rows[] = {
	{ "read, 4 KiB", REQ_OP_READ, 4096 },
	{ "read, 1 MiB", REQ_OP_READ, 1048576 },
	{ "write", REQ_OP_WRITE, 4096 },
	{ "read, disk interrupts", REQ_OP_READ, 4096, .interrupts = true },
	{ "write, disk interrupts", REQ_OP_WRITE, 4096, .interrupts = true },
};

KUNIT_ARRAY_PARAM_DESC(late, late_rows, name);

/*
 * Completed for somebody else's sake before the revoke, picked up by its submitter after it:
 * it is refused, and never was anything but ciphertext.
 */
static void success_is_not_kept_for_later(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct envelope_bio *eb;

	rig->disk->interrupts = row->interrupts;
	rig->disk->context = DISK_HARDIRQ;
	test_disk_hold(rig->disk);
	test_io_submit(io, row->opf | REQ_POLLED, 0);
	eb = envelope_of_bio(clone_at_disk(test, rig));
	test_disk_release(rig->disk);
	while (!atomic_read(&eb->parked) && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 1);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));

	key_revoke(rig->key);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_IOERR);
	if (row->opf == REQ_OP_READ)
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, rig->disk->data, row->size),
				      "decrypted before anybody asked for it");
	test_io_free(io);
}

/* A large one is not decrypted in one go: its poller's section is what a revoke waits for. */
static void revoke_comes_between_two_pieces(struct kunit *test)
{
	static const struct io_segment segment = { 0, 8192 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	unsigned int i;

	rig->dev->at_once_bytes = 4096;
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	/* The disk, and the first piece. */
	for (i = 0; i < 2; i++) {
		rcu_read_lock();
		bio_poll(io->bio, NULL, 0);
		rcu_read_unlock();
	}
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_TRUE(test, memcmp(io->arena, rig->disk->data, 4096));
	key_revoke(rig->key);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_IOERR);
	KUNIT_EXPECT_TRUE(test, !memcmp(io->arena + 4096, rig->disk->data + 4096, 4096));
	test_io_free(io);
}

/* A poller has begun to report success: the revoke waits until it has ended. */
static void revoke_waits_for_a_poller(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct completion *blocker = kunit_kzalloc(test, sizeof(*blocker), GFP_KERNEL);
	struct poller *poller;
	struct errand *revoke;

	KUNIT_ASSERT_NOT_NULL(test, blocker);
	init_completion(blocker);
	io->blocker = blocker;
	rig->disk->interrupts = row->interrupts;
	test_io_submit(io, row->opf | REQ_POLLED, 0);
	poller = poller_begin(test, io, NULL);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&io->entered, LONG_ENOUGH), 0);

	revoke = errand_begin(rig, by_revoke);
	KUNIT_EXPECT_FALSE_MSG(test, errand_ends_within(revoke, A_WHILE),
			       "revoke returned while a poller was reporting success");
	complete_all(blocker);
	wait_for_completion(&poller->finished);
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_OK);
	errand_end(revoke);
	test_io_free(io);
}

/* Somebody polls all the time, and there is nothing to be had. */
static void polling_a_hung_disk_delays_no_revoke(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct test_io *io = test_io_new(rig, &segment, 1);
	struct poller *poller;
	struct errand *revoke;

	test_disk_hold(rig->disk);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	poller = poller_begin(test, io, NULL);
	revoke = errand_begin(rig, by_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH / 2), "the revoke hangs");
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	test_disk_release(rig->disk);
	wait_for_completion(&poller->finished);
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_IOERR);
	errand_end(revoke);
	test_io_free(io);
}

/**
 * struct poll_load - bios after each other, until they are refused
 * @rig: the device
 * @opf: what they are
 * @size: of each
 * @revoked: set when the revoke has returned
 * @done: the current one has completed
 * @status: of it
 * @late: how many reported success after the revoke had returned; must stay 0
 * @succeeded: before that
 * @finished: completed when one was refused
 */
struct poll_load {
	struct rig *rig;
	blk_opf_t opf;
	unsigned int size;
	atomic_t *revoked;
	bool done;
	blk_status_t status;
	unsigned int late;
	unsigned int succeeded;
	struct completion finished;
};

/* Whatever the bio was in the midst of when the revoke returned. */
static void poll_load_end_io(struct bio *bio)
{
	struct poll_load *load = bio->bi_private;

	load->status = bio->bi_status;
	if (!bio->bi_status && atomic_read(load->revoked))
		load->late++;
	else if (!bio->bi_status)
		load->succeeded++;
	/* Pairs with the acquire of who looks at the rest. */
	smp_store_release(&load->done, true);
}

static int poll_load_thread(void *data)
{
	struct poll_load *load = data;
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, get_order(load->size));

	do {
		struct bio *bio = bio_alloc(load->rig->bdev, 1, load->opf, GFP_KERNEL);

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

/* Each completes what the others poll for, and a revoke comes between. */
static void no_success_after_revoke_under_load(struct kunit *test)
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
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct poll_load *loads = kunit_kcalloc(test, ARRAY_SIZE(loads_of), sizeof(*loads),
						GFP_KERNEL);
	atomic_t revoked = ATOMIC_INIT(0);
	unsigned long deadline = jiffies + LONG_ENOUGH;
	unsigned int i, started = 0;

	KUNIT_ASSERT_NOT_NULL(test, loads);
	for (i = 0; i < ARRAY_SIZE(loads_of); i++) {
		loads[i] = (struct poll_load){
			.rig = rig,
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
	msleep(200);
	key_revoke(rig->key);
	atomic_set(&revoked, 1);
	KUNIT_EXPECT_EQ(test, started, ARRAY_SIZE(loads_of));
	for (i = 0; i < started; i++) {
		wait_for_completion(&loads[i].finished);
		KUNIT_EXPECT_EQ(test, loads[i].late, 0);
		KUNIT_EXPECT_GT(test, loads[i].succeeded, 0);
		KUNIT_EXPECT_EQ(test, loads[i].status, BLK_STS_IOERR);
	}
	KUNIT_EXPECT_EQ(test, rig->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE_PARAM(data_is_right, data_gen_params),
	KUNIT_CASE(error_of_the_disk_comes_up),
	KUNIT_CASE(without_pages_who_does_not_wait_is_told),
	KUNIT_CASE(a_bio_is_taken_once),
	KUNIT_CASE(two_pollers_share_no_bio),
	KUNIT_CASE_PARAM(success_is_not_kept_for_later, late_gen_params),
	KUNIT_CASE(revoke_comes_between_two_pieces),
	KUNIT_CASE_PARAM(revoke_waits_for_a_poller, late_gen_params),
	KUNIT_CASE(polling_a_hung_disk_delays_no_revoke),
	KUNIT_CASE(no_success_after_revoke_under_load),
	{}
};

static struct kunit_suite poll_suite = {
	.name = "envelope_poll",
	.exit = poll_exit,
	.test_cases = poll_cases,
};

kunit_test_suite(poll_suite);
