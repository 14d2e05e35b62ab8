// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of sections: short with a slow driver too, never preempted, and the only
 * thing that a kill waits for. With PREEMPT_RT they may be preempted, and a kill gets them on.
 */
#include <crypto/internal/skcipher.h>
#include <linux/delay.h>
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

/*
 * A section of a slow driver is some 100 us, whatever the bio, and nothing preempts it. With
 * PREEMPT_RT a real-time thread waits for no data unit.
 */
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

	KUNIT_EXPECT_EQ(test, slow.preempted, IS_ENABLED(CONFIG_PREEMPT_RT));
	KUNIT_EXPECT_GT(test, slow.turns, 0);
	KUNIT_EXPECT_LE(test, slow.most, IS_ENABLED(CONFIG_PREEMPT_RT) ? 1 : 128000 / UNIT_NS);
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

/* Sections on one CPU, the last of which ends last. */
static struct {
	struct envelope_lifecycle *lc;
	atomic_t inside; /* open sections */
	bool first_go;	 /* all sections but the last may end */
	bool last_goes;	 /* the last may */
} crowd;

/* With PREEMPT_RT more than a CPU has locks. Else there is one section on a CPU. */
#define CROWD (IS_ENABLED(CONFIG_PREEMPT_RT) ? 20 : 1)

static int crowd_thread(void *data)
{
	bool *go = data;

	envelope_section_enter(crowd.lc);
	atomic_inc(&crowd.inside);
	while (!READ_ONCE(*go))
		cpu_relax();
	atomic_dec(&crowd.inside);
	envelope_section_leave();
	return 0;
}

static int revoke_and_count(struct fixture *fixture)
{
	key_revoke(fixture->key);
	return atomic_read(&crowd.inside);
}

/* Threads that share a CPU are all in sections: a revoke waits for the last of them. */
static void revoke_waits_for_the_last_section(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned int i, cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct errand *errand;

	KUNIT_ASSERT_LT(test, cpu, nr_cpu_ids);
	memset(&crowd, 0, sizeof(crowd));
	crowd.lc = &fixture->dev->lifecycle;
	for (i = 1; i <= CROWD; i++) {
		struct task_struct *thread =
			kthread_create(crowd_thread, i < CROWD ? &crowd.first_go : &crowd.last_goes,
				       "envelope_crowd/%u", i);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
		kthread_bind(thread, cpu);
		wake_up_process(thread);
		while (atomic_read(&crowd.inside) < i && time_before(jiffies, deadline))
			msleep(20);
		KUNIT_EXPECT_EQ(test, atomic_read(&crowd.inside), i);
	}
	errand = errand_begin(fixture, revoke_and_count);
	KUNIT_EXPECT_FALSE(test, errand_ends_within(errand, A_WHILE));
	WRITE_ONCE(crowd.first_go, true);
	KUNIT_EXPECT_FALSE(test, errand_ends_within(errand, A_WHILE));
	WRITE_ONCE(crowd.last_goes, true);
	KUNIT_EXPECT_EQ(test, errand_end(errand), 0);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
}

/**
 * struct laggard - a thread that takes its time in a section
 * @lc: of this lifecycle
 * @entered: completed by the thread when it is inside
 * @left: completed when it is outside
 * @sure: while the kill waited, no thread without a real-time priority could delay this one
 * @back: afterwards its priority is the usual one
 */
struct laggard {
	struct envelope_lifecycle *lc;
	struct completion entered;
	struct completion left;
	bool sure;
	bool back;
};

/* With PREEMPT_RT by the priority that the kill lends, else by preemption being off. */
static bool is_sure_of_its_cpu(void)
{
#ifdef CONFIG_PREEMPT_RT
	const struct task_struct *lender = READ_ONCE(current->pi_top_task);

	/* RCU lends a priority too, after half a second. */
	return lender && !strcmp(lender->comm, "envelope_wait") &&
	       READ_ONCE(current->prio) < MAX_RT_PRIO;
#else
	return !preemptible();
#endif
}

static int laggard_thread(void *data)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct laggard *laggard = data;

	envelope_section_enter(laggard->lc);
	complete(&laggard->entered);
	while ((envelope_lifecycle_is_live(laggard->lc) || !is_sure_of_its_cpu()) &&
	       time_before(jiffies, deadline))
		cpu_relax();
	laggard->sure = is_sure_of_its_cpu();
	envelope_section_leave();
	laggard->back = !is_sure_of_its_cpu();
	complete(&laggard->left);
	return 0;
}

/* A thread of the lowest priority is in a section: the scheduler cannot delay its end. */
static void section_gets_the_cpu(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct laggard *laggard = kunit_kzalloc(test, sizeof(*laggard), GFP_KERNEL);
	struct task_struct *thread;
	struct errand *errand;

	KUNIT_ASSERT_NOT_NULL(test, laggard);
	laggard->lc = &fixture->dev->lifecycle;
	init_completion(&laggard->entered);
	init_completion(&laggard->left);
	thread = kthread_create(laggard_thread, laggard, "envelope_laggard");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	set_user_nice(thread, MAX_NICE);
	wake_up_process(thread);
	wait_for_completion(&laggard->entered);
	errand = errand_begin(fixture, fixture_revoke);
	wait_for_completion(&laggard->left);
	errand_end(errand);
	KUNIT_EXPECT_TRUE(test, laggard->sure);
	KUNIT_EXPECT_TRUE(test, laggard->back);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
}

static struct kunit_case section_cases[] = { KUNIT_CASE_PARAM(section_is_short, slow_gen_params),
					     KUNIT_CASE(revoke_waits_for_sections_only),
					     KUNIT_CASE(revoke_waits_for_the_last_section),
					     KUNIT_CASE(section_gets_the_cpu),
					     {} };

static struct kunit_suite section_suite = {
	.name = "envelope_section",
	.exit = section_exit,
	.test_cases = section_cases,
};

kunit_test_suite(section_suite);
