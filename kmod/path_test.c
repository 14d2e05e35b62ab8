// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the ways that a bio can take: encrypted or decrypted at once, in a
 * bottom half, in a worker, with helpers, with pages of the reserve; or refused, since its
 * submitter does not wait.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>

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

	/* What the disk, with its smaller blocks, takes in one piece, and no more than we take. */
	KUNIT_EXPECT_EQ(test, most, bdev_atomic_write_unit_max_bytes(fixture->dev->lower->bdev));
	KUNIT_EXPECT_GE(test, most, 65536);
	KUNIT_EXPECT_LE(test, most, ENVELOPE_MAX_SECTORS << SECTOR_SHIFT);
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

/* ---- helpers ---- */

#define CHUNKS	     8
#define NR_INTRUDERS 8

/**
 * struct labour - work in chunks that counts who does them
 * @parallel: the work
 * @owner: the thread that called envelope_parallel_run()
 * @helped: chunks done by helpers
 * @done: times that each chunk was done
 * @nr_done: chunks done
 * @wait_for_help: the owner waits in its chunks until a helper has come
 * @keep: a helper stays in its chunk while this is set
 * @failing: this chunk fails; -1: none
 * @deadline: in jiffies; a chunk waits for others until then
 * @intruders: a thread for each CPU, which preempts a helper after its first chunk
 * @users_seen: users that an intruder saw; the owner waits for that if there are intruders
 * @finished: completed when a helper finishes the work
 */
struct labour {
	struct envelope_parallel parallel;
	struct task_struct *owner;
	atomic_t helped;
	atomic_t done[CHUNKS];
	atomic_t nr_done;
	bool wait_for_help;
	bool keep;
	int failing;
	unsigned long deadline;
	struct task_struct *intruders[NR_INTRUDERS];
	int users_seen;
	struct completion finished;
};

static int labour_chunk(struct envelope_parallel *p, unsigned int index)
{
	struct labour *labour = container_of(p, struct labour, parallel);
	unsigned long deadline = labour->deadline;

	atomic_inc(&labour->done[index]);
	atomic_inc(&labour->nr_done);
	/* The other chunks must not be faster than the chunk that fails. */
	while (labour->failing >= 0 && index != labour->failing && !READ_ONCE(p->error) &&
	       time_before(jiffies, deadline))
		cpu_relax();
	if (current != labour->owner) {
		if (atomic_inc_return(&labour->helped) == 1 && labour->intruders[0])
			wake_up_process(labour->intruders[smp_processor_id()]);
		while (READ_ONCE(labour->keep) && time_before(jiffies, deadline))
			cpu_relax();
	} else {
		while (labour->wait_for_help && !atomic_read(&labour->helped) &&
		       time_before(jiffies, deadline))
			cpu_relax();
		while (labour->intruders[0] && !READ_ONCE(labour->users_seen) &&
		       time_before(jiffies, deadline))
			cpu_relax();
	}
	return index == labour->failing ? -EIO : 0;
}

static void labour_finish(struct envelope_parallel *p)
{
	complete(&container_of(p, struct labour, parallel)->finished);
}

static const struct envelope_parallel_ops labour_ops = {
	.chunk = labour_chunk,
	.finish = labour_finish,
};

static struct labour *labour_new(struct kunit *test)
{
	struct labour *labour = kunit_kzalloc(test, sizeof(*labour), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, labour);
	init_completion(&labour->finished);
	labour->owner = current;
	labour->failing = -1;
	labour->deadline = jiffies + LONG_ENOUGH;
	labour->parallel.ops = &labour_ops;
	labour->parallel.chunks = CHUNKS;
	return labour;
}

static void expect_each_once(struct kunit *test, struct labour *labour)
{
	unsigned int i;

	for (i = 0; i < CHUNKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&labour->done[i]), 1, "chunk %u", i);
}

/* A CPU is idle, so a helper comes; every chunk is done once. */
static void idle_cpus_help(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	labour->wait_for_help = true;
	if (!envelope_parallel_run(&labour->parallel, true))
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&labour->finished, LONG_ENOUGH),
				0);
	KUNIT_EXPECT_GT(test, atomic_read(&labour->helped), 0);
	KUNIT_EXPECT_EQ(test, labour->parallel.error, 0);
	expect_each_once(test, labour);
}

static int let_helper_go(void *data)
{
	struct labour *labour = data;

	msleep(200);
	WRITE_ONCE(labour->keep, false);
	return 0;
}

/* The owner does not wait for a slow helper: the helper finishes the work. */
static void no_bio_waits_for_a_helper(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	labour->wait_for_help = true;
	labour->keep = true;
	KUNIT_EXPECT_FALSE(test, envelope_parallel_run(&labour->parallel, true));
	KUNIT_EXPECT_FALSE(test, completion_done(&labour->finished));
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(let_helper_go, labour, "envelope_let_go"));
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&labour->finished, LONG_ENOUGH), 0);
	expect_each_once(test, labour);
}

static int intrude(void *data)
{
	struct labour *labour = data;

	WRITE_ONCE(labour->users_seen, atomic_read(&labour->parallel.users));
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* A thread that preempts a helper finds the owner as the only user of the work. */
static void a_preempted_helper_has_no_part(struct kunit *test)
{
	struct labour *labour = labour_new(test);
	unsigned int cpu;

	KUNIT_ASSERT_LE(test, num_online_cpus(), NR_INTRUDERS);
	for_each_online_cpu(cpu) {
		labour->intruders[cpu] = kthread_create_on_cpu(intrude, labour, cpu,
							       "envelope_intruder/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, labour->intruders[cpu]);
		sched_set_fifo(labour->intruders[cpu]);
	}
	labour->wait_for_help = true;
	if (!envelope_parallel_run(&labour->parallel, true))
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&labour->finished, LONG_ENOUGH),
				0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(labour->users_seen), 1);
	expect_each_once(test, labour);
	for_each_online_cpu(cpu)
		kthread_stop(labour->intruders[cpu]);
}

/* The chunks after a failed one are not done, and the error is known. */
static void a_failed_chunk_ends_it(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	labour->failing = 0;
	if (!envelope_parallel_run(&labour->parallel, true))
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&labour->finished, LONG_ENOUGH),
				0);
	KUNIT_EXPECT_EQ(test, labour->parallel.error, -EIO);
	KUNIT_EXPECT_LT(test, atomic_read(&labour->nr_done), CHUNKS);
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

/*
 * A write that another thread sends to the disk has a limit: a write that was complete before
 * the revoke may be reported after it (envelope_succeed()).
 */
static bool is_exact(const struct way_row *row, bool write)
{
	return !write || !(row->starved || row->size > ENVELOPE_AT_ONCE_BYTES);
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
	if (row->starved)
		limit = fixture_starve();
	for (i = 0; i < 2; i++) {
		loads[i] = (struct way_load){
			.fixture = fixture,
			.row = row,
			.sector = i * 4096,
			.revoked = &revoked,
			.opf = (i ? REQ_OP_READ : REQ_OP_WRITE) | row->opf,
			.exact = is_exact(row, !i),
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
	KUNIT_CASE(writes_get_on_without_memory),
	KUNIT_CASE(nowait_fails_without_pages),
	KUNIT_CASE(atomic_writes_stay_whole),
	KUNIT_CASE(idle_cpus_help),
	KUNIT_CASE(no_bio_waits_for_a_helper),
	KUNIT_CASE(a_preempted_helper_has_no_part),
	KUNIT_CASE(a_failed_chunk_ends_it),
	KUNIT_CASE_PARAM(no_way_around_the_revoke, way_gen_params),
	{}
};

static struct kunit_suite path_suite = {
	.name = "envelope_path",
	.exit = path_exit,
	.test_cases = path_cases,
};

kunit_test_suite(path_suite);
