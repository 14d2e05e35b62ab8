// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of sections: short with a slow driver too, never preempted, and the only
 * thing that a kill waits for.
 */
#include <crypto/internal/skcipher.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "fixture_test.h"

static void section_exit(struct kunit *test)
{
	if (test->priv)
		fixture_free(test->priv);
}

/* ---- a slow driver ---- */

#define UNIT_NS 40000

/*
 * A driver that takes its time, and an intruder: a thread of real-time priority on one CPU, which
 * the driver wakes for each data unit. The intruder runs as soon as that CPU may be preempted.
 * All but @preempted is used by one CPU only.
 */
static struct {
	struct task_struct *intruder;
	int cpu;
	bool inside;
	bool preempted;	    /* the intruder came while the driver was at work */
	unsigned int units; /* since the intruder came last */
	unsigned int most;  /* units that the intruder had to wait for */
	unsigned int turns; /* times that the intruder came */
} slow;

static int slow_setkey(struct crypto_skcipher *tfm, const u8 *key, unsigned int size)
{
	return 0;
}

static int slow_crypt(struct skcipher_request *request)
{
	struct task_struct *intruder = READ_ONCE(slow.intruder);
	u64 began = ktime_get_ns();
	bool watched = intruder && raw_smp_processor_id() == slow.cpu;

	if (watched) {
		slow.units++;
		WRITE_ONCE(slow.inside, true);
		wake_up_process(intruder);
	}
	/* By the clock that measures the driver. */
	while (ktime_get_ns() - began < UNIT_NS)
		cpu_relax();
	if (watched)
		WRITE_ONCE(slow.inside, false);
	return 0;
}

static struct skcipher_alg slow_driver = {
#ifdef ENVELOPE_XTS_IS_INTERNAL
	.base.cra_name = "__xts(aes)",
	.base.cra_flags = CRYPTO_ALG_INTERNAL,
#else
	.base.cra_name = "xts(aes)",
#endif
	.base.cra_driver_name = "envelope-slow",
	.base.cra_priority = 10000,
	.base.cra_blocksize = 16,
	.base.cra_module = THIS_MODULE,
	.min_keysize = ENVELOPE_KEY_SIZE,
	.max_keysize = ENVELOPE_KEY_SIZE,
	.ivsize = 16,
	.setkey = slow_setkey,
	.encrypt = slow_crypt,
	.decrypt = slow_crypt,
};

static int intrude(void *data)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(slow.inside))
			WRITE_ONCE(slow.preempted, true);
		slow.most = max(slow.most, slow.units);
		slow.turns += !!slow.units;
		slow.units = 0;
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

struct slow_row {
	const char *name;
	enum req_op op;
	unsigned int size;
};

static const struct slow_row slow_rows[] = {
	{ "write, 8 KiB", REQ_OP_WRITE, 8192 },	   { "read, 8 KiB", REQ_OP_READ, 8192 },
	{ "write, 64 KiB", REQ_OP_WRITE, 65536 },  { "read, 64 KiB", REQ_OP_READ, 65536 },
	{ "write, 1 MiB", REQ_OP_WRITE, 1048576 }, { "read, 1 MiB", REQ_OP_READ, 1048576 },
};

KUNIT_ARRAY_PARAM_DESC(slow, slow_rows, name);

/* A section of a slow driver is some 100 us, whatever the bio, and nothing preempts it. */
static void section_is_short(struct kunit *test)
{
	const struct slow_row *row = test->param_value;
	struct io_segment segment = { 0, row->size };
	struct fixture *fixture;
	struct test_io *io;

	memset(&slow, 0, sizeof(slow));
	KUNIT_ASSERT_EQ(test, crypto_register_skcipher(&slow_driver), 0);
	fixture = fixture_new(test, &(struct fixture_options){});
	KUNIT_EXPECT_STREQ(test, fixture->vk->driver, "envelope-slow");
	io = test_io_new(fixture, &segment, 1);

	migrate_disable();
	slow.cpu = raw_smp_processor_id();
	slow.intruder = kthread_create_on_cpu(intrude, NULL, slow.cpu, "envelope_intruder/%u");
	KUNIT_EXPECT_NOT_ERR_OR_NULL(test, slow.intruder);
	sched_set_fifo(slow.intruder);
	KUNIT_EXPECT_EQ(test, test_io_run(io, row->op, 0), BLK_STS_OK);
	migrate_enable();
	kthread_stop(slow.intruder);

	KUNIT_EXPECT_FALSE(test, slow.preempted);
	KUNIT_EXPECT_GT(test, slow.turns, 0);
	KUNIT_EXPECT_LE(test, slow.most, 128000 / UNIT_NS);
	test_io_free(io);
	/* Frees the transform. */
	key_revoke(fixture->key);
	crypto_unregister_skcipher(&slow_driver);
}

/* ---- what a kill waits for ---- */

/**
 * struct reader - a thread that is a reader of RCU, as the block layer is where it calls a driver
 * @let_go: the thread may leave
 * @entered: completed by the thread when it is inside
 * @left: completed when it is outside
 */
struct reader {
	bool let_go;
	struct completion entered;
	struct completion left;
};

static int reader_thread(void *data)
{
	struct reader *reader = data;

	rcu_read_lock();
	complete(&reader->entered);
	while (!READ_ONCE(reader->let_go))
		cpu_relax();
	rcu_read_unlock();
	complete(&reader->left);
	return 0;
}

/* The kernel's other readers, which the scheduler may keep from a CPU, delay no revoke. */
static void revoke_waits_for_sections_only(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct reader *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	struct errand *errand;

	KUNIT_ASSERT_NOT_NULL(test, reader);
	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	init_completion(&reader->entered);
	init_completion(&reader->left);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(reader_thread, reader, "envelope_reader"));
	wait_for_completion(&reader->entered);
	errand = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(errand, 15 * HZ),
			      "the revoke waits for a reader that is in no section");
	WRITE_ONCE(reader->let_go, true);
	wait_for_completion(&reader->left);
	errand_end(errand);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
}

static struct kunit_case section_cases[] = { KUNIT_CASE_PARAM(section_is_short, slow_gen_params),
					     KUNIT_CASE(revoke_waits_for_sections_only),
					     {} };

static struct kunit_suite section_suite = {
	.name = "envelope_section",
	.exit = section_exit,
	.test_cases = section_cases,
};

kunit_test_suite(section_suite);
