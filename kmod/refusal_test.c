// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of what a refused read leaves in its buffer. All of it is zeros, and no
 * byte beside it is touched, whatever part was plaintext when the key ended.
 */
#include <linux/kthread.h>
#include <linux/string.h>

#include "fixture_test.h"

#define MARK 0x5a

static void refusal_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* Data on the disk, and a bio whose buffer holds marks only. */
static struct test_io *read_of_known_data(struct kunit *test, const struct io_segment *segments,
					  unsigned int nr, u8 **data)
{
	struct fixture *fixture = test->priv;
	struct test_io *io = test_io_new(fixture, segments, nr);

	*data = kunit_kmalloc(test, io->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *data);
	get_random_bytes(*data, io->size);
	test_io_fill(io, *data);
	KUNIT_ASSERT_EQ(test, test_io_run(io, REQ_OP_WRITE, 64), BLK_STS_OK);
	memset(io->arena, MARK, io->arena_size);
	return io;
}

static void expect_zeros_and_marks(struct kunit *test, struct test_io *io, u8 *data)
{
	test_io_collect(io, data);
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(data, 0, io->size),
			      "the buffer of a refused read holds data");
	memset(data, MARK, io->size);
	test_io_fill(io, data);
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(io->arena, MARK, io->arena_size),
			      "a byte beside the buffer was changed");
}

/* ---- all of the read was decrypted ---- */

struct shape_row {
	const char *name;
	struct io_segment segment;
	unsigned int nr;
	enum disk_context context;
};

static const struct shape_row shape_rows[] = {
	{ "a page", { 0, 4096 }, 1, DISK_HARDIRQ },
	{ "a page, process", { 0, 4096 }, 1, DISK_PROCESS },
	{ "128 KiB", { 0, 131072 }, 1, DISK_SOFTIRQ },
	{ "1 MiB, in a worker", { 0, 1048576 }, 1, DISK_PROCESS },
	{ "large folios, as of the page cache", { 0, 65536 }, 8, DISK_HARDIRQ },
	{ "units across segments", { 512, 1024 }, 8, DISK_HARDIRQ },
	{ "split, so that an iterator begins in a segment", { 512, 8192 }, 150, DISK_PROCESS },
};

KUNIT_ARRAY_PARAM_DESC(shape, shape_rows, name);

/* The last look at the key comes after the data was decrypted. */
static void decrypted_read_is_wiped(struct kunit *test)
{
	const struct shape_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct io_segment *segments = kunit_kcalloc(test, row->nr, sizeof(*segments), GFP_KERNEL);
	struct test_io *io;
	unsigned int i;
	u8 *data;

	KUNIT_ASSERT_NOT_NULL(test, segments);
	for (i = 0; i < row->nr; i++)
		segments[i] = row->segment;
	io = read_of_known_data(test, segments, row->nr, &data);
	fixture->disk->context = row->context;
	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ, 64);
	KUNIT_EXPECT_TRUE(test, test_disk_wait_held(fixture->disk, 1));
	set_bit(KEY_FLAG_REVOKED, &fixture->key->flags);
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	expect_zeros_and_marks(test, io, data);
	test_io_free(io);
}

/* ---- some chunks of the read were decrypted ---- */

static int release_disk_thread(void *data)
{
	test_disk_release(data);
	return 0;
}

/*
 * The second chunk has a data unit that needs the gather buffer of the device. The test holds the
 * lock of that buffer, so the key ends when the first chunk is plaintext and the last ones are not.
 */
static void key_ends_between_two_chunks(struct kunit *test)
{
	static const struct io_segment segments[] = {
		{ 0, ENVELOPE_CHUNK_BYTES }, { 512, 1000 }, { 96, 3096 }, { 0, 524288 }
	};
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct task_struct *thread;
	unsigned long deadline;
	struct test_io *io;
	bool began = false;
	u8 *data, *last;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	io = read_of_known_data(test, segments, ARRAY_SIZE(segments), &data);
	fixture->dev->piece_bytes = ENVELOPE_CHUNK_BYTES;
	test_disk_hold(fixture->disk);
	test_io_submit(io, REQ_OP_READ, 64);
	thread = kthread_create(release_disk_thread, fixture->disk, "envelope_release");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	/* The worker runs where the disk completes: not on this CPU, which waits. */
	migrate_disable();
	kthread_bind(thread, cpumask_any_but(cpu_online_mask, raw_smp_processor_id()));
	spin_lock_bh(&fixture->dev->gather.lock);
	wake_up_process(thread);
	last = io->arena + ENVELOPE_CHUNK_BYTES - 4096;
	deadline = jiffies + LONG_ENOUGH;
	while (!began && time_before(jiffies, deadline)) {
		cpu_relax();
		began = !memcmp(last, data + ENVELOPE_CHUNK_BYTES - 4096, 4096);
	}
	envelope_lifecycle_begin_kill(&fixture->dev->lifecycle, ENVELOPE_KEY_REVOKED);
	spin_unlock_bh(&fixture->dev->gather.lock);
	migrate_enable();

	KUNIT_EXPECT_TRUE_MSG(test, began, "the first chunk was not decrypted");
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	expect_zeros_and_marks(test, io, data);
	test_io_free(io);
}

static struct kunit_case refusal_cases[] = { KUNIT_CASE_PARAM(decrypted_read_is_wiped,
							      shape_gen_params),
					     KUNIT_CASE(key_ends_between_two_chunks),
					     {} };

static struct kunit_suite refusal_suite = {
	.name = "envelope_refusal",
	.exit = refusal_exit,
	.test_cases = refusal_cases,
};

kunit_test_suite(refusal_suite);
