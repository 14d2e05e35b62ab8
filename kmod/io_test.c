// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the I/O path on a real device. Data is encrypted on the disk, and a
 * read returns what was written: with bios of any shape, completed in any context, and after
 * failures on the way.
 */
#include <linux/key.h>
#include <linux/sched.h>

#include "fixture_test.h"

static void io_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

static u8 *pattern(struct kunit *test, unsigned int size)
{
	u8 *data = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, data);
	get_random_bytes(data, size);
	return data;
}

/* ---- the shape of bios ---- */

#define REPEAT_MAX IO_MAX_SEGMENTS

struct shape_row {
	const char *name;
	struct fixture_options options;
	sector_t sector;
	struct io_segment segments[4];
	unsigned int repeat; /* times of the first segment; 0: as listed */
};

static const struct shape_row shape_rows[] = {
	{ "1 a page", {}, 0, { { 0, 4096 } } },
	{ "2 the last page", {}, FIXTURE_DATA_SECTORS - 8, { { 0, 4096 } } },
	{ "3 a unit in two bvecs", {}, 8, { { 0, 512 }, { 512, 3584 } } },
	{ "4 a unit in odd bvecs", {}, 16, { { 96, 1000 }, { 4, 3096 } } },
	{ "5 a unit across a page boundary", {}, 24, { { 2048, 4096 } } },
	{ "6 units across bvecs of several pages", {}, 32, { { 512, 12288 }, { 1024, 4096 } } },
	{ "7 units of 512, aligned", { .sector_size = 512 }, 1, { { 512, 512 } } },
	{ "8 units of 512, one bvec", { .sector_size = 512 }, 3, { { 512, 7 * 512 } } },
	{ "9 units of 512, odd bvecs",
	  { .sector_size = 512 },
	  5,
	  { { 0, 511 }, { 12, 2 }, { 4000, 511 } } },
	{ "10 units of 512 across a page boundary", { .sector_size = 512 }, 9, { { 3900, 1024 } } },
	{ "11 split: 1.25 MiB in 160 bvecs", {}, 64, { { 0, 8192 } }, 160 },
	{ "12 split: 160 bvecs, all shifted", {}, 64, { { 512, 8192 } }, 160 },
	{ "13 256 pages exactly", {}, 0, { { 0, 8192 } }, 128 },
	{ "14 start and iv_offset", { .iv_offset = 32768, .start = 2048 }, 40, { { 0, 8192 } } },
	{ "15 iv_offset past 2^32", { .iv_offset = 1ULL << 35, .start = 8 }, 48, { { 0, 8192 } } },
	{ "16 iv_offset wraps", { .iv_offset = -8ULL }, 0, { { 0, 16384 } } },
	{ "17 iv_offset at 2^32 - 1, units of 512",
	  { .sector_size = 512, .iv_offset = U32_MAX, .start = 1 },
	  0,
	  { { 0, 2048 } } },
};

KUNIT_ARRAY_PARAM_DESC(shape, shape_rows, name);

static unsigned int list_segments(const struct shape_row *row, struct io_segment *segments)
{
	unsigned int i;

	if (row->repeat) {
		for (i = 0; i < row->repeat; i++)
			segments[i] = row->segments[0];
		return row->repeat;
	}
	for (i = 0; i < ARRAY_SIZE(row->segments) && row->segments[i].len; i++)
		segments[i] = row->segments[i];
	return i;
}

static void any_shape_is_encrypted(struct kunit *test)
{
	const struct shape_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &row->options);
	struct io_segment *segments;
	struct test_io *io;
	u8 *data, *expected, *on_disk;

	segments = kunit_kcalloc(test, REPEAT_MAX, sizeof(*segments), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segments);
	io = test_io_new(fixture, segments, list_segments(row, segments));
	data = pattern(test, io->size);
	expected = pattern(test, io->size);
	memcpy(expected, data, io->size);
	test_oracle(fixture, row->sector, expected, io->size);
	on_disk = fixture->disk->data + ((fixture->options.start + row->sector) << SECTOR_SHIFT);

	test_io_fill(io, data);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, row->sector), BLK_STS_OK);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(on_disk, expected, io->size), "wrong ciphertext");
	KUNIT_EXPECT_LE(test, fixture->disk->largest, ENVELOPE_MAX_SECTORS);

	/* The pages of the writer are not changed. */
	test_io_collect(io, expected);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(expected, data, io->size), "the data was changed");

	memset(io->arena, 0x5a, io->arena_size);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_READ, row->sector), BLK_STS_OK);
	test_io_collect(io, expected);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(expected, data, io->size),
			      "the read returned other data");
	test_io_free(io);
}

static void misaligned_bio_is_refused(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	u8 *page = pattern(test, 4096);

	memcpy(fixture->disk->data, page, 4096);
	KUNIT_EXPECT_NE(test, test_simple(fixture, REQ_OP_WRITE, 0, 512), BLK_STS_OK);
	KUNIT_EXPECT_NE(test, test_simple(fixture, REQ_OP_WRITE, 1, 4096), BLK_STS_OK);
	KUNIT_EXPECT_NE(test, test_simple(fixture, REQ_OP_READ, 4, 4096), BLK_STS_OK);
	KUNIT_EXPECT_MEMEQ(test, fixture->disk->data, page, 4096);
	/* The device goes on. */
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 0, 4096), BLK_STS_OK);
}

/* ---- where and how the disk completes ---- */

struct context_row {
	const char *name;
	enum disk_context context;
};

static const struct context_row context_rows[] = {
	{ "process", DISK_PROCESS },
	{ "softirq", DISK_SOFTIRQ },
	{ "hardirq", DISK_HARDIRQ },
};

KUNIT_ARRAY_PARAM_DESC(context, context_rows, name);

static void completes_in_any_context(struct kunit *test)
{
	static const struct io_segment segments[] = { { 0, 512 }, { 100, 3584 }, { 0, 65536 } };
	const struct context_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test,
					      &(struct fixture_options){ .allow_discards = true });
	struct test_io *io = test_io_new(fixture, segments, ARRAY_SIZE(segments));
	u8 *data = pattern(test, io->size), *seen = pattern(test, io->size);

	fixture->disk->context = row->context;
	test_io_fill(io, data);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA, 8),
			BLK_STS_OK);
	memset(io->arena, 0, io->arena_size);
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_READ, 8), BLK_STS_OK);
	test_io_collect(io, seen);
	KUNIT_EXPECT_TRUE(test, !memcmp(seen, data, io->size));
	test_io_free(io);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0), BLK_STS_OK);
	fixture->disk->fail_op = REQ_OP_READ;
	fixture->disk->fail_status = BLK_STS_MEDIUM;
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 8, 4096), BLK_STS_MEDIUM);
}

struct error_row {
	const char *name;
	enum req_op fail_op;
	blk_opf_t opf;
	unsigned int size;
	blk_status_t status;
	bool counted;
};

/* No row for a flush with data: dm core makes two bios of it and forgets the error of the first. */
static const struct error_row error_rows[] = {
	{ "read", REQ_OP_READ, REQ_OP_READ, 16384, BLK_STS_MEDIUM, true },
	{ "write", REQ_OP_WRITE, REQ_OP_WRITE, 16384, BLK_STS_MEDIUM, true },
	{ "flush", REQ_OP_FLUSH, REQ_OP_WRITE | REQ_PREFLUSH, 0, BLK_STS_MEDIUM, true },
	/* BLK_STS_AGAIN means that the queue is full: it is not counted as a disk error. */
	{ "read, try again", REQ_OP_READ, REQ_OP_READ | REQ_NOWAIT, 16384, BLK_STS_AGAIN },
	{ "write, try again", REQ_OP_WRITE, REQ_OP_WRITE | REQ_NOWAIT, 16384, BLK_STS_AGAIN },
};

KUNIT_ARRAY_PARAM_DESC(error, error_rows, name);

static void disk_error_is_passed_on(struct kunit *test)
{
	const struct error_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_counters before, after;

	fixture->disk->fail_op = row->fail_op;
	fixture->disk->fail_status = row->status;
	envelope_io_counters(fixture->dev, &before);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, row->opf, 8, row->size), row->status);
	envelope_io_counters(fixture->dev, &after);
	KUNIT_EXPECT_EQ(test, after.errors, before.errors + row->counted);
	KUNIT_EXPECT_EQ(test, envelope_refusals(&after), envelope_refusals(&before));
	KUNIT_EXPECT_TRUE(test, envelope_lifecycle_is_live(&fixture->dev->lifecycle));

	/* An error of the disk does not end the key: the device goes on. */
	fixture->disk->fail_status = BLK_STS_OK;
	KUNIT_EXPECT_EQ(test, test_simple(fixture, row->opf, 8, row->size), BLK_STS_OK);
}

static void flush_and_fua_reach_the_disk(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_disk *disk = fixture->disk;

	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, disk->flushes, 0);
	KUNIT_EXPECT_EQ(test, disk->fua, 0);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, disk->flushes, 1);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_FUA, 0, 4096), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, disk->fua, 1);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA, 0, 4096),
			BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, disk->flushes, 2);
	KUNIT_EXPECT_EQ(test, disk->fua, 2);
}

/* The lower device, which knows no ioctl here, gets them while the key lives. */
static void ioctls_end_with_the_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	const struct block_device_operations *fops = fixture->bdev->bd_disk->fops;

	KUNIT_EXPECT_EQ(test, fops->ioctl(fixture->bdev, 0, BLKROGET, 0), -ENOTTY);
	key_revoke(fixture->key);
	KUNIT_EXPECT_EQ(test, fops->ioctl(fixture->bdev, 0, BLKROGET, 0), -EIO);
}

static void discard_is_opt_in(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){ .start = 8 });

	KUNIT_EXPECT_EQ(test, bdev_max_discard_sectors(fixture->bdev), 0);
	blkdev_issue_discard(fixture->bdev, 0, 8, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, fixture->disk->discards, 0);
	fixture_free(fixture);
	test->priv = NULL;

	fixture = fixture_new(test,
			      &(struct fixture_options){ .start = 8, .allow_discards = true });
	memset(fixture->disk->data, 0xff, 5 * 4096);
	KUNIT_EXPECT_EQ(test, blkdev_issue_discard(fixture->bdev, 8, 16, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, fixture->disk->discards, 1);
	/* The sectors that were asked for, and no other. */
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data, 0xff, 2 * 4096));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data + 2 * 4096, 0, 2 * 4096));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data + 4 * 4096, 0xff, 4096));
}

/* ---- allocations that fail ---- */

/*
 * The n-th allocation of this task fails, for one n after another: each write succeeds, with
 * pages of the reserve. A write needs fewer than 60 allocations.
 */
static void write_survives_any_failed_allocation(struct kunit *test)
{
	static const struct io_segment segments[] = { { 0, 16384 }, { 0, 16384 } };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, segments, ARRAY_SIZE(segments));
	u8 *data = pattern(test, io->size), *expected = pattern(test, io->size);
	unsigned int n, failed = 0;

	/* More pages than inline bvecs, so there is a table too. */
	test_io_fill(io, data);
	memcpy(expected, data, io->size);
	test_oracle(fixture, 0, expected, io->size);
	for (n = 1; n <= 60; n++) {
		memset(fixture->disk->data, 0, io->size);
		/* No page is cached, so the write allocates. */
		envelope_pages_drain();
		current->fail_nth = n;
		test_io_submit(io, REQ_OP_WRITE, 0);
		failed += !current->fail_nth;
		current->fail_nth = 0;
		KUNIT_ASSERT_EQ_MSG(test, test_io_wait(io), BLK_STS_OK, "allocation %u failed", n);
		KUNIT_ASSERT_TRUE_MSG(test, !memcmp(fixture->disk->data, expected, io->size),
				      "wrong data after failed allocation %u", n);
	}
	kunit_info(test, "%u allocations were made to fail", failed);
	KUNIT_EXPECT_GT(test, failed, 0);
	test_io_free(io);
}

/*
 * The key is refused, or made as if nothing had failed: with the same driver, not with a
 * slower one.
 */
static void key_survives_any_failed_allocation(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct sweep sweep = {};

	while (sweep_begin(&sweep)) {
		const struct envelope_volume_key *vk;
		struct key *key;

		key = fixture_add_key(fixture, "envelope-test-sweep", NSEC_PER_SEC * 60ULL);
		sweep_end(&sweep, IS_ERR(key));
		if (IS_ERR(key)) {
			KUNIT_EXPECT_EQ_MSG(test, PTR_ERR(key), -ENOMEM, "allocation %u",
					    sweep.nth);
			continue;
		}
		vk = key->payload.data[0];
		KUNIT_EXPECT_STREQ_MSG(test, vk->driver, fixture->vk->driver, "allocation %u",
				       sweep.nth);
		key_unlink(fixture->keyring, key);
		key_put(key);
	}
	KUNIT_EXPECT_TRUE(test, sweep.complete);
	kunit_info(test, "%u attempts failed, for %u allocations", sweep.refused, sweep.nth - 1);
	/* The volume key, its transform, the struct key, its description. */
	KUNIT_EXPECT_GE(test, sweep.refused, 4);
}

/* The constructor, called as dm core calls it, beside the target that is in use. */
static void constructor_survives_any_failed_allocation(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct dm_target ti = {
		.table = fixture->dev->ti->table,
		.type = &envelope_target,
		.len = 8,
	};
	struct sweep sweep = {};
	char description[64];
	char *words[5] = { "aes-xts-plain64", description, "0", DISK_PATH, "0" };

	snprintf(description, sizeof(description), ":64:envelope:%s", fixture->name);
	/* The disk by number: kernel threads do not see /dev. */
	words[3] = fixture->dev->lower->name;
	while (sweep_begin(&sweep)) {
		int r;

		ti.error = "none";
		r = envelope_target.ctr(&ti, ARRAY_SIZE(words), words);
		sweep_end(&sweep, r);
		if (r)
			KUNIT_EXPECT_STRNEQ_MSG(test, ti.error, "none", "allocation %u: %d",
						sweep.nth, r);
		else
			envelope_target.dtr(&ti);
	}
	KUNIT_EXPECT_TRUE(test, sweep.complete);
	kunit_info(test, "%u attempts failed, for %u allocations", sweep.refused, sweep.nth - 1);
	/* The pages of the reserve alone are more. */
	KUNIT_EXPECT_GT(test, sweep.refused, ENVELOPE_MAX_PAGES);
	/* The device in use has not noticed. */
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
}

/* ---- measurement ---- */

static void ima_measures_the_table(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test,
					      &(struct fixture_options){ .iv_offset = 32768,
									 .start = 16,
									 .allow_discards = true });
	char *seen = kunit_kzalloc(test, 1024, GFP_KERNEL);
	char *wanted = kunit_kzalloc(test, 1024, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_NOT_NULL(test, wanted);
	snprintf(wanted, 1024,
		 "target_name=envelope,target_version=1.0.0,cipher=aes-xts-plain64,key_size=64,key_type=envelope,key_description=%s,iv_offset=32768,device_name=%s,start=16,sector_size=4096,allow_discards=y;",
		 fixture->name, fixture->dev->lower->name);
	envelope_target.status(fixture->dev->ti, STATUSTYPE_IMA, 0, seen, 1024);
	KUNIT_EXPECT_STREQ(test, seen, wanted);
}

/* Whatever the size of a page: the reserve, which has room for one write, grows with this. */
static void large_bio_is_split_at_a_mebibyte(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 3 << 20), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, fixture->disk->largest, 2048);
	KUNIT_EXPECT_LE(test, ENVELOPE_RESERVE_PAGES * PAGE_SIZE, (1 << 20) + PAGE_SIZE);
}

static struct kunit_case io_cases[] = { KUNIT_CASE_PARAM(any_shape_is_encrypted, shape_gen_params),
					KUNIT_CASE(large_bio_is_split_at_a_mebibyte),
					KUNIT_CASE(misaligned_bio_is_refused),
					KUNIT_CASE_PARAM(completes_in_any_context,
							 context_gen_params),
					KUNIT_CASE_PARAM(disk_error_is_passed_on, error_gen_params),
					KUNIT_CASE(flush_and_fua_reach_the_disk),
					KUNIT_CASE(ioctls_end_with_the_key),
					KUNIT_CASE(discard_is_opt_in),
					KUNIT_CASE(write_survives_any_failed_allocation),
					KUNIT_CASE(key_survives_any_failed_allocation),
					KUNIT_CASE(constructor_survives_any_failed_allocation),
					KUNIT_CASE(ima_measures_the_table),
					{} };

static struct kunit_suite io_suite = {
	.name = "envelope_io",
	.exit = io_exit,
	.test_cases = io_cases,
};

kunit_test_suite(io_suite);
