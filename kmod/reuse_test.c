// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of pages to which the disk still refers when it has completed the write, as
 * NVMe over TCP does: a packet that is sent again must hold the data of its own write.
 */
#include <linux/mm.h>

#include "fixture_test.h"

#define WRITES 40

static void reuse_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

struct reuse_row {
	const char *name;
	unsigned int size;
	bool starved;
};

static const struct reuse_row reuse_rows[] = {
	{ "4 KiB", 4096 },
	{ "64 KiB", 65536 },
	{ "a run of pages", 131072 },
	{ "4 KiB, reserve", 4096, .starved = true },
	{ "64 KiB, reserve", 65536, .starved = true },
};

KUNIT_ARRAY_PARAM_DESC(reuse, reuse_rows, name);

static void kept_page_is_in_no_later_write(struct kunit *test)
{
	const struct reuse_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	u8 *seen = kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL);
	unsigned long limit = 0;
	struct page *page;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	get_random_bytes(io->arena, row->size);
	if (row->starved)
		limit = fixture_starve();
	/* The pages that a write returns are the first that the next write on this CPU takes. */
	migrate_disable();
	fixture->disk->keep_page = true;
	KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, 0), BLK_STS_OK);
	page = fixture->disk->kept;
	memcpy(seen, page_address(page), PAGE_SIZE);
	for (i = 1; i <= WRITES; i++)
		KUNIT_EXPECT_EQ(test, test_io_run(io, REQ_OP_WRITE, i * 128), BLK_STS_OK);
	migrate_enable();
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(page_address(page), seen, PAGE_SIZE),
			      "a later write went into a page that the disk still uses");
	put_page(page);
	if (row->starved)
		envelope_pages_set_limit(limit);
	KUNIT_EXPECT_EQ(test, fixture->dev->bounce.nr_pages, ENVELOPE_RESERVE_PAGES);
	test_io_free(io);
}

/* A write that needs the whole reserve waits until the disk has let go of the last page. */
static void whole_reserve_waits_for_a_kept_page(struct kunit *test)
{
	static const struct io_segment segment = { 0, ENVELOPE_MAX_PAGES * PAGE_SIZE };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	unsigned long limit = fixture_starve();

	fixture->disk->keep_page = true;
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	test_io_submit(io, REQ_OP_WRITE, 0);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&io->done, A_WHILE), 0);
	put_page(fixture->disk->kept);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_OK);
	envelope_pages_set_limit(limit);
	test_io_free(io);
}

static struct kunit_case reuse_cases[] = { KUNIT_CASE_PARAM(kept_page_is_in_no_later_write,
							    reuse_gen_params),
					   KUNIT_CASE(whole_reserve_waits_for_a_kept_page),
					   {} };

static struct kunit_suite reuse_suite = {
	.name = "envelope_reuse",
	.exit = reuse_exit,
	.test_cases = reuse_cases,
};

kunit_test_suite(reuse_suite);
