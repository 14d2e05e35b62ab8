// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the ways that a bio can take: encrypted or decrypted at once, in a
 * bottom half, in a worker, with helpers, with pages of the reserve; or refused, since its
 * submitter does not wait.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "fixture_test.h"

static void path_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* ---- every way ---- */

struct way_row {
	const char *name;
	unsigned int size;
	enum disk_context context;
	bool starved;
	blk_opf_t opf;
	unsigned int piece; /* of a section; 0: what the driver does in its time */
};

static const struct way_row way_rows[] = {
	{ "4 KiB, process", 4096, DISK_PROCESS },
	{ "4 KiB, softirq", 4096, DISK_SOFTIRQ },
	{ "4 KiB, hardirq", 4096, DISK_HARDIRQ },
	{ "128 KiB, process", 131072, DISK_PROCESS },
	{ "128 KiB, softirq", 131072, DISK_SOFTIRQ },
	{ "128 KiB, hardirq", 131072, DISK_HARDIRQ },
	{ "132 KiB, process", 135168, DISK_PROCESS },
	{ "1 MiB, process", 1048576, DISK_PROCESS },
	{ "1 MiB, softirq", 1048576, DISK_SOFTIRQ },
	{ "1 MiB, hardirq", 1048576, DISK_HARDIRQ },
	{ "4 KiB, not waiting", 4096, DISK_HARDIRQ, .opf = REQ_NOWAIT },
	{ "1 MiB, not waiting", 1048576, DISK_HARDIRQ, .opf = REQ_NOWAIT },
	{ "4 KiB, reserve", 4096, DISK_HARDIRQ, .starved = true },
	{ "1 MiB, reserve", 1048576, DISK_HARDIRQ, .starved = true },
	/* A piece may begin and end in a page, if pages are large. */
	{ "64 KiB, slow driver", 65536, DISK_HARDIRQ, .piece = 12288 },
	{ "1 MiB, slow driver", 1048576, DISK_HARDIRQ, .piece = 12288 },
};

KUNIT_ARRAY_PARAM_DESC(way, way_rows, name);

static void data_is_right_on_every_way(struct kunit *test)
{
	const struct way_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	u8 *data = kvmalloc(row->size, GFP_KERNEL), *expected = kvmalloc(row->size, GFP_KERNEL);
	unsigned long limit = 0;

	if (!data || !expected)
		goto out;
	get_random_bytes(data, row->size);
	memcpy(expected, data, row->size);
	test_io_fill(io, data);
	/* The oracle needs linear memory. */
	test_oracle(fixture, 64, io->arena, row->size);
	memcpy(expected, io->arena, row->size);
	test_io_fill(io, data);

	fixture->disk->context = row->context;
	if (row->piece)
		fixture->dev->piece_bytes = row->piece;
	if (row->starved)
		limit = fixture_starve();
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE | row->opf, 64), BLK_STS_OK);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(fixture->disk->data + 64 * 512, expected, row->size),
			      "wrong ciphertext");
	memset(io->arena, 0, row->size);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_READ | row->opf, 64), BLK_STS_OK);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(io->arena, data, row->size),
			      "the read returned other data");
	if (row->starved)
		envelope_pages_set_limit(limit);
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
out:
	KUNIT_EXPECT_NOT_NULL(test, expected);
	kvfree(expected);
	kvfree(data);
	test_io_free(io);
}

/*
 * A read of 8 KiB is decrypted where it completes. With PREEMPT_RT, bottom halves are threads of a
 * priority that other threads rely on: a larger read is for a worker.
 */
static void large_reads_leave_the_bottom_half(struct kunit *test)
{
	static const struct io_segment small = { 0, 8192 }, large = { 0, 16384 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &small, 1);

	fixture->disk->context = DISK_SOFTIRQ;
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_READ, 0), BLK_STS_OK);
	KUNIT_EXPECT_FALSE(test, io->in_task);
	test_io_free(io);
	io = test_io_new(fixture, &large, 1);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_READ, 0), BLK_STS_OK);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_TRUE(test, io->in_task);
	test_io_free(io);
}

/* Sixteen large writes share one reserve: all succeed, one after the other. */
static void writes_get_on_without_memory(struct kunit *test)
{
	static const struct io_segment segment = { 0, 262144 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *ios[16];
	unsigned long limit;
	unsigned int i;

	fixture->disk->context = DISK_SOFTIRQ;
	for (i = 0; i < ARRAY_SIZE(ios); i++)
		ios[i] = test_io_new(fixture, &segment, 1);
	limit = fixture_starve();
	for (i = 0; i < ARRAY_SIZE(ios); i++)
		test_io_submit(ios[i], REQ_OP_WRITE, i * 512);
	for (i = 0; i < ARRAY_SIZE(ios); i++)
		KUNIT_EXPECT_EQ(test, test_io_wait(ios[i]), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, envelope_pages_owned(), 0);
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
	envelope_pages_set_limit(limit);
	for (i = 0; i < ARRAY_SIZE(ios); i++)
		test_io_free(ios[i]);
}

/* A bio with REQ_NOWAIT fails when there are no pages, and only then. */
static void nowait_fails_without_pages(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned long limit;

	KUNIT_EXPECT_TRUE(test, bdev_nowait(fixture->bdev));
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_NOWAIT, 0, 262144),
			BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ | REQ_NOWAIT, 0, 262144),
			BLK_STS_OK);
	limit = fixture_starve();
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_NOWAIT, 0, 4096),
			BLK_STS_AGAIN);
	/* A read needs no pages. */
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ | REQ_NOWAIT, 0, 4096), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	envelope_pages_set_limit(limit);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_NOWAIT, 0, 4096), BLK_STS_OK);
}

/* ---- atomic writes ---- */

static void atomic_writes_stay_whole(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

#ifdef DM_TARGET_ATOMIC_WRITES
	unsigned int most = bdev_atomic_write_unit_max_bytes(fixture->bdev);
	unsigned int below = bdev_atomic_write_unit_max_bytes(fixture->dev->lower->bdev);

	/*
	 * What the disk, with its smaller blocks, takes in one piece, and no more than we take. If
	 * pages are large, the disk takes more.
	 */
	KUNIT_EXPECT_EQ(test, most, min_t(unsigned int, below, ENVELOPE_MAX_BYTES));
	KUNIT_EXPECT_GE(test, most, 65536);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_ATOMIC, 0, most), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, fixture->disk->largest, most >> SECTOR_SHIFT);
	KUNIT_EXPECT_EQ(test, fixture->disk->atomic, 1);
	KUNIT_EXPECT_NE(test, test_simple(fixture, REQ_OP_WRITE | REQ_ATOMIC, 0, 2 * most),
			BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, fixture->disk->atomic, 1);
#else
	/* The device mapper of this kernel knows no atomic writes, so we must not offer them. */
	KUNIT_EXPECT_EQ(test, fixture->dev->ti->type->features & ~DM_TARGET_NOWAIT, 0);
#endif
}

/* ---- the end of the key ---- */

/**
 * struct way_load - a thread that sends one bio after another until one is refused
 * @fixture: the device
 * @row: size of the bios
 * @opf: of the bios
 * @sector: of the bios
 * @exact: a bio that was sent before the revoke may not succeed after it either
 * @revoked: set when the revoke has returned
 * @after: @revoked was set when the bio was sent; if @exact, when it completed
 * @done: completed with the bio
 * @late: bios that reported success after the revoke; must stay 0
 * @succeeded: bios that reported success before it
 * @finished: completed when the thread has ended
 */
struct way_load {
	struct fixture *fixture;
	const struct way_row *row;
	blk_opf_t opf;
	sector_t sector;
	bool exact;
	atomic_t *revoked;
	bool after;
	struct completion done;
	unsigned int late;
	unsigned int succeeded;
	struct completion finished;
};

static void way_end_io(struct bio *bio)
{
	struct way_load *load = bio->bi_private;

	if (load->exact)
		load->after = atomic_read(load->revoked);
	complete(&load->done);
}

static int way_load_thread(void *data)
{
	struct way_load *load = data;
	struct page *pages = alloc_pages(GFP_KERNEL | __GFP_NOFAIL, get_order(load->row->size));
	blk_status_t status = BLK_STS_OK;

	/* A bio with REQ_NOWAIT may find no page. */
	while (status == BLK_STS_OK || status == BLK_STS_AGAIN) {
		struct bio *bio = bio_alloc(load->fixture->bdev, 1, load->opf, GFP_KERNEL);

		bio->bi_iter.bi_sector = load->sector;
		bio->bi_private = load;
		bio->bi_end_io = way_end_io;
		__bio_add_page(bio, pages, load->row->size, 0);
		reinit_completion(&load->done);
		load->after = atomic_read(load->revoked);
		submit_bio(bio);
		wait_for_completion(&load->done);
		status = bio->bi_status;
		if (status == BLK_STS_OK && load->after)
			load->late++;
		else if (status == BLK_STS_OK)
			load->succeeded++;
		bio_put(bio);
		cond_resched();
	}
	__free_pages(pages, get_order(load->row->size));
	complete(&load->finished);
	return 0;
}

/* No bio succeeds after the revoke, on whatever way, and none hangs. */
static void no_way_around_the_revoke(struct kunit *test)
{
	const struct way_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct way_load *loads = kunit_kcalloc(test, 2, sizeof(*loads), GFP_KERNEL);
	unsigned long limit = 0, deadline = jiffies + LONG_ENOUGH;
	atomic_t revoked = ATOMIC_INIT(0);
	unsigned int i, started = 0;

	KUNIT_ASSERT_NOT_NULL(test, loads);
	fixture->disk->context = row->context;
	if (row->piece)
		fixture->dev->piece_bytes = row->piece;
	if (row->starved)
		limit = fixture_starve();
	for (i = 0; i < 2; i++) {
		loads[i] = (struct way_load){
			.fixture = fixture,
			.row = row,
			.sector = i * 4096,
			.revoked = &revoked,
			.opf = (i ? REQ_OP_READ : REQ_OP_WRITE) | row->opf,
			/* A write that the worker sends may be reported late (complete.c). */
			.exact = i || !row->starved,
		};
		init_completion(&loads[i].done);
		init_completion(&loads[i].finished);
		started += !IS_ERR(kthread_run(way_load_thread, &loads[i], "envelope_way"));
	}
	for (i = 0; i < started; i++)
		while (!READ_ONCE(loads[i].succeeded) && time_before(jiffies, deadline))
			msleep(20);
	msleep(200);
	key_revoke(fixture->key);
	atomic_set(&revoked, 1);
	KUNIT_EXPECT_EQ(test, started, 2);
	for (i = 0; i < started; i++) {
		wait_for_completion(&loads[i].finished);
		KUNIT_EXPECT_EQ(test, loads[i].late, 0);
		KUNIT_EXPECT_GT(test, loads[i].succeeded, 0);
	}
	if (row->starved)
		envelope_pages_set_limit(limit);
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
}

static struct kunit_case path_cases[] = {
	KUNIT_CASE_PARAM(data_is_right_on_every_way, way_gen_params),
	KUNIT_CASE(large_reads_leave_the_bottom_half),
	KUNIT_CASE(writes_get_on_without_memory),
	KUNIT_CASE(nowait_fails_without_pages),
	KUNIT_CASE(atomic_writes_stay_whole),
	KUNIT_CASE_PARAM(no_way_around_the_revoke, way_gen_params),
	{}
};

static struct kunit_suite path_suite = {
	.name = "envelope_path",
	.exit = path_exit,
	.test_cases = path_cases,
};

kunit_test_suite(path_suite);
