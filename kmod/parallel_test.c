// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of helpers, which take chunks of large bios, and do nothing else.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "fixture_test.h"

static void parallel_exit(struct kunit *test)
{
	if (test->priv)
		fixture_free(test->priv);
}

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
 * @kept: a helper has left a chunk in which it stayed
 * @failing: this chunk fails; -1: none
 * @deadline: in jiffies; a chunk waits for others until then
 * @intruders: a thread for each CPU, which preempts a helper after its first chunk
 * @helpers_seen: helpers that an intruder saw; the owner waits for that if there are intruders
 */
struct labour {
	struct envelope_parallel parallel;
	struct task_struct *owner;
	atomic_t helped;
	atomic_t done[CHUNKS];
	atomic_t nr_done;
	bool wait_for_help;
	bool keep;
	bool kept;
	int failing;
	unsigned long deadline;
	struct task_struct *intruders[NR_INTRUDERS];
	int helpers_seen;
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
		WRITE_ONCE(labour->kept, true);
	} else {
		while (labour->wait_for_help && !atomic_read(&labour->helped) &&
		       time_before(jiffies, deadline))
			cpu_relax();
		while (labour->intruders[0] && READ_ONCE(labour->helpers_seen) < 0 &&
		       time_before(jiffies, deadline))
			cpu_relax();
	}
	return index == labour->failing ? -EIO : 0;
}

static struct labour *labour_new(struct kunit *test)
{
	struct labour *labour = kunit_kzalloc(test, sizeof(*labour), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, labour);
	labour->owner = current;
	labour->failing = -1;
	labour->helpers_seen = -1;
	labour->deadline = jiffies + LONG_ENOUGH;
	labour->parallel.chunk = labour_chunk;
	labour->parallel.chunks = CHUNKS;
	return labour;
}

static void expect_each_once(struct kunit *test, struct labour *labour)
{
	unsigned int i;

	for (i = 0; i < CHUNKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&labour->done[i]), 1, "chunk %u", i);
}

/*
 * With PREEMPT_RT the owner does it all, also if it leaves time for help. Return: false if there
 * are helpers.
 */
static bool owner_is_alone(struct kunit *test, struct labour *labour)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		return false;
	labour->wait_for_help = true;
	labour->deadline = jiffies + A_WHILE;
	KUNIT_EXPECT_EQ(test, envelope_parallel_run(&labour->parallel, true), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&labour->helped), 0);
	KUNIT_EXPECT_FALSE(test, labour->parallel.helped);
	expect_each_once(test, labour);
	return true;
}

/* A CPU is idle, so a helper comes; every chunk is done once. */
static void idle_cpus_help(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	if (owner_is_alone(test, labour))
		return;
	labour->wait_for_help = true;
	KUNIT_EXPECT_EQ(test, envelope_parallel_run(&labour->parallel, true), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&labour->helped), 0);
	expect_each_once(test, labour);
}

static int let_helper_go(void *data)
{
	struct labour *labour = data;

	msleep(200);
	WRITE_ONCE(labour->keep, false);
	return 0;
}

/* The owner waits for the chunk that a helper does, and finishes the work itself. */
static void owner_waits_for_a_chunk(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	if (owner_is_alone(test, labour))
		return;
	labour->wait_for_help = true;
	labour->keep = true;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(let_helper_go, labour, "envelope_let_go"));
	KUNIT_EXPECT_EQ(test, envelope_parallel_run(&labour->parallel, true), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(labour->kept));
	expect_each_once(test, labour);
}

static int intrude(void *data)
{
	struct labour *labour = data;

	WRITE_ONCE(labour->helpers_seen, atomic_read(&labour->parallel.helpers));
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* A thread that preempts a helper finds no helper in the work. */
static void a_preempted_helper_has_no_part(struct kunit *test)
{
	struct labour *labour = labour_new(test);
	unsigned int cpu;

	if (owner_is_alone(test, labour))
		return;
	KUNIT_ASSERT_LE(test, num_online_cpus(), NR_INTRUDERS);
	for_each_online_cpu(cpu) {
		labour->intruders[cpu] = kthread_create_on_cpu(intrude, labour, cpu,
							       "envelope_intruder/%u");
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, labour->intruders[cpu]);
		sched_set_fifo(labour->intruders[cpu]);
	}
	labour->wait_for_help = true;
	KUNIT_EXPECT_EQ(test, envelope_parallel_run(&labour->parallel, true), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(labour->helpers_seen), 0);
	expect_each_once(test, labour);
	for_each_online_cpu(cpu)
		kthread_stop(labour->intruders[cpu]);
}

/* The chunks after a failed one are not done, and the error is known. */
static void a_failed_chunk_ends_it(struct kunit *test)
{
	struct labour *labour = labour_new(test);

	labour->failing = 0;
	KUNIT_EXPECT_EQ(test, envelope_parallel_run(&labour->parallel, true), -EIO);
	KUNIT_EXPECT_LT(test, atomic_read(&labour->nr_done), CHUNKS);
}

/* A large write reaches the disk from its own thread, also if a helper does the last chunk. */
static void no_helper_sends(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned int i;

	KUNIT_ASSERT_GE(test, num_online_cpus(), 2);
	fixture->disk->sender = current;
	for (i = 0; i < 300; i++)
		KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 262144), BLK_STS_OK);
	KUNIT_EXPECT_EQ(test, fixture->disk->foreign, 0);
}

static struct kunit_case parallel_cases[] = { KUNIT_CASE(idle_cpus_help),
					      KUNIT_CASE(owner_waits_for_a_chunk),
					      KUNIT_CASE(a_preempted_helper_has_no_part),
					      KUNIT_CASE(a_failed_chunk_ends_it),
					      KUNIT_CASE(no_helper_sends),
					      {} };

static struct kunit_suite parallel_suite = {
	.name = "envelope_parallel",
	.exit = parallel_exit,
	.test_cases = parallel_cases,
};

kunit_test_suite(parallel_suite);
