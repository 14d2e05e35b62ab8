// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of polled bios: their data is right, one poller takes each, and none
 * succeeds after its key has ended.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "fixture_test.h"

static void poll_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* The clone that the disk holds. */
static struct bio *clone_at_disk(struct kunit *test, struct fixture *fixture)
{
	struct bio *clone;

	KUNIT_ASSERT_TRUE(test, test_disk_wait_held(fixture->disk, 1));
	spin_lock_irq(&fixture->disk->lock);
	clone = bio_list_peek(&fixture->disk->held);
	spin_unlock_irq(&fixture->disk->lock);
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
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	u8 *data = kvmalloc(row->size, GFP_KERNEL);
	unsigned long limit = 0;
	unsigned int polled;

	if (!data)
		goto out;
	get_random_bytes(data, row->size);
	test_io_fill(io, data);
	fixture->disk->interrupts = row->interrupts;
	fixture->disk->context = row->interrupts ? DISK_HARDIRQ : DISK_PROCESS;
	if (row->starved)
		limit = fixture_starve();
	test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 64);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	if (row->starved)
		envelope_pages_set_limit(limit);
	polled = fixture->disk->polled;
	/* A bio that another thread submits is not polled: its own thread may poll already. */
	if (row->starved)
		KUNIT_EXPECT_EQ(test, polled, 0);
	else
		KUNIT_EXPECT_EQ(test, polled,
				DIV_ROUND_UP(row->size >> SECTOR_SHIFT, ENVELOPE_MAX_SECTORS));

	memset(io->arena, 0, row->size);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 64);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	KUNIT_EXPECT_GT(test, fixture->disk->polled, polled);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, data, row->size),
			      "the read returned other data");

	/* The disk has what the oracle writes. */
	test_oracle(fixture, 64, io->arena, row->size);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(fixture->disk->data + 64 * 512, io->arena, row->size),
			      "wrong ciphertext");
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
out:
	KUNIT_EXPECT_NOT_NULL(test, data);
	kvfree(data);
	test_io_free(io);
}

static void disk_error_is_passed_on(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	static const blk_status_t errors[] = { BLK_STS_MEDIUM, BLK_STS_AGAIN };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fixture->disk->fail_status = errors[i];
		fixture->disk->fail_op = REQ_OP_READ;
		test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
		KUNIT_EXPECT_EQ(test, test_io_poll(io), errors[i]);
		fixture->disk->fail_op = REQ_OP_WRITE;
		test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 0);
		KUNIT_EXPECT_EQ(test, test_io_poll(io), errors[i]);
	}
	fixture->disk->fail_status = BLK_STS_OK;
	test_io_submit(io, REQ_OP_WRITE | REQ_POLLED, 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_free(io);
}

/* io_uring tries with REQ_NOWAIT first. A write that may wait gets pages of the reserve. */
static void nowait_fails_without_pages(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned long limit = fixture_starve();

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
 * @fixture: the device
 * @io: the thread polls for this until it is done
 * @clone: or for this clone, until the device has finished a bio
 * @finished: completed when the thread has ended
 */
struct poller {
	struct fixture *fixture;
	struct test_io *io;
	struct bio *clone;
	struct completion finished;
};

static u64 reads_of(struct fixture *fixture)
{
	struct envelope_counters sum;

	envelope_io_counters(fixture->dev, &sum);
	return sum.reads;
}

static int poller_thread(void *data)
{
	struct poller *poller = data;
	unsigned long deadline = jiffies + LONG_ENOUGH;

	if (poller->io)
		test_io_poll(poller->io);
	else
		while (!reads_of(poller->fixture) && time_before(jiffies, deadline)) {
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
	poller->fixture = test->priv;
	poller->io = io;
	poller->clone = clone;
	init_completion(&poller->finished);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(poller_thread, poller, "envelope_poller"));
	return poller;
}

/*
 * A second poller finds no bio to take. The test looks at the state and does not try: a clone
 * that is completed twice would crash the kernel.
 */
static void one_poller_takes_a_bio(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct envelope_bio *eb;
	struct bio *clone;

	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	clone = clone_at_disk(test, fixture);
	eb = envelope_of_bio(clone);
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 1);
	rcu_read_lock();
	bio_poll(clone, NULL, 0);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, reads_of(fixture), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_free(io);
}

/* The block layer polls a disk that it knows and users do not see. */
static void parked_bio_is_on_a_hidden_disk(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct gendisk *disk;
	struct bio *clone;

	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	clone = clone_at_disk(test, fixture);
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(test, atomic_read(&envelope_of_bio(clone)->parked), 1);
	disk = clone->bi_bdev->bd_disk;
	KUNIT_EXPECT_PTR_NE(test, disk, fixture->disk->disk);
	KUNIT_EXPECT_TRUE_MSG(test, device_is_registered(disk_to_dev(disk)),
			      "the disk was never added");
	KUNIT_EXPECT_TRUE_MSG(test, disk->flags & GENHD_FL_HIDDEN, "users see the disk");
	KUNIT_EXPECT_EQ(test, get_capacity(disk), 0);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	test_io_free(io);
}

/* One poller takes the bio; for each piece it may be the other one. */
static void two_pollers_share_no_bio(struct kunit *test)
{
	static const struct io_segment segment = { 0, 1048576 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	u8 *data = kvmalloc(segment.len, GFP_KERNEL);
	struct poller *pollers[2];
	struct bio *clone;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, data);
	get_random_bytes(data, segment.len);
	test_io_fill(io, data);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, 0), BLK_STS_OK);

	/* Pieces of a single data unit, so that the pollers meet often. */
	fixture->dev->piece_bytes = 4096;
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	clone = clone_at_disk(test, fixture);
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		pollers[i] = poller_begin(test, NULL, clone);
	for (i = 0; i < ARRAY_SIZE(pollers); i++)
		wait_for_completion(&pollers[i]->finished);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, reads_of(fixture), 1);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, data, segment.len),
			      "the read returned other data");
	kvfree(data);
	test_io_free(io);
}

/* ---- the end of the key ---- */

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
 * Another poller completes the bio before the revoke, its submitter picks it up after the
 * revoke: the bio is refused, and was not decrypted.
 */
static void success_is_not_kept_for_later(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct envelope_bio *eb;

	fixture->disk->interrupts = row->interrupts;
	fixture->disk->context = DISK_HARDIRQ;
	test_disk_hold(fixture->disk);
	test_io_submit(io, row->opf | REQ_POLLED, 0);
	eb = envelope_of_bio(clone_at_disk(test, fixture));
	test_disk_release(fixture->disk);
	while (!atomic_read(&eb->parked) && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, atomic_read(&eb->parked), 1);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));

	key_revoke(fixture->key);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	if (row->opf == REQ_OP_READ)
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, fixture->disk->data, row->size),
				      "the data was decrypted before a poller came");
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_IOERR);
	if (row->opf == REQ_OP_READ)
		KUNIT_EXPECT_NULL(test, memchr_inv(io->arena, 0, row->size));
	test_io_free(io);
}

/* A large read is decrypted piece by piece: a revoke waits for the section of one piece only. */
static void revoke_comes_between_two_pieces(struct kunit *test)
{
	static const struct io_segment segment = { 0, 8192 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned int i;

	fixture->dev->piece_bytes = 4096;
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	/* One poll for the disk, one for the first piece. */
	for (i = 0; i < 2; i++) {
		rcu_read_lock();
		bio_poll(io->bio, NULL, 0);
		rcu_read_unlock();
	}
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_TRUE(test, memcmp(io->arena, fixture->disk->data, 4096));
	KUNIT_EXPECT_TRUE(test, !memcmp(io->arena + 4096, fixture->disk->data + 4096, 4096));
	key_revoke(fixture->key);
	KUNIT_EXPECT_EQ(test, test_io_poll(io), BLK_STS_IOERR);
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(io->arena, 0, segment.len),
			      "the buffer of a refused read holds data");
	test_io_free(io);
}

/* A poller has begun to report success: the revoke waits until the report has ended. */
static void revoke_waits_for_a_poller(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct completion *blocker = kunit_kzalloc(test, sizeof(*blocker), GFP_KERNEL);
	struct poller *poller;
	struct errand *revoke;

	KUNIT_ASSERT_NOT_NULL(test, blocker);
	init_completion(blocker);
	io->blocker = blocker;
	fixture->disk->interrupts = row->interrupts;
	test_io_submit(io, row->opf | REQ_POLLED, 0);
	poller = poller_begin(test, io, NULL);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&io->entered, LONG_ENOUGH), 0);

	revoke = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_FALSE_MSG(test, errand_ends_within(revoke, A_WHILE),
			       "the revoke returned while a poller was reporting success");
	complete_all(blocker);
	wait_for_completion(&poller->finished);
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_OK);
	errand_end(revoke);
	test_io_free(io);
}

/* A thread polls all the time, and no bio completes. */
static void polling_a_hung_disk_delays_no_revoke(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct poller *poller;
	struct errand *revoke;

	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ | REQ_POLLED, 0);
	poller = poller_begin(test, io, NULL);
	revoke = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH / 2),
			      "the revoke hangs");
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	test_disk_release(fixture->disk);
	wait_for_completion(&poller->finished);
	KUNIT_EXPECT_EQ(test, io->status, BLK_STS_IOERR);
	errand_end(revoke);
	test_io_free(io);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE_PARAM(data_is_right, data_gen_params),
	KUNIT_CASE(disk_error_is_passed_on),
	KUNIT_CASE(nowait_fails_without_pages),
	KUNIT_CASE(one_poller_takes_a_bio),
	KUNIT_CASE(parked_bio_is_on_a_hidden_disk),
	KUNIT_CASE(two_pollers_share_no_bio),
	KUNIT_CASE_PARAM(success_is_not_kept_for_later, late_gen_params),
	KUNIT_CASE(revoke_comes_between_two_pieces),
	KUNIT_CASE_PARAM(revoke_waits_for_a_poller, late_gen_params),
	KUNIT_CASE(polling_a_hung_disk_delays_no_revoke),
	{}
};

static struct kunit_suite poll_suite = {
	.name = "envelope_poll",
	.exit = poll_exit,
	.test_cases = poll_cases,
};

kunit_test_suite(poll_suite);
