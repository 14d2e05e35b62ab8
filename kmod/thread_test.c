// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: threads that tests start: one that runs a function and may hang (an errand),
 * and one that keeps a section open.
 */
#include <linux/kthread.h>

#include "fixture_test.h"

static int errand_thread(void *data)
{
	struct errand *errand = data;

	errand->result = errand->act(errand->fixture);
	complete_all(&errand->done);
	return 0;
}

/**
 * errand_begin() - run a function in a thread
 * @fixture: its argument
 * @act: the function
 *
 * Return: the errand; errand_end() must follow.
 */
struct errand *errand_begin(struct fixture *fixture, int (*act)(struct fixture *fixture))
{
	struct errand *errand = kunit_kzalloc(fixture->test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fixture->test, errand);
	errand->fixture = fixture;
	errand->act = act;
	init_completion(&errand->done);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(fixture->test,
				     kthread_run(errand_thread, errand, "envelope_errand"));
	return errand;
}

/**
 * errand_ends_within() - wait until the function has returned, but not without end
 * @errand: the errand
 * @timeout: jiffies
 *
 * Return: false if the function has not returned.
 */
bool errand_ends_within(struct errand *errand, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;

	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		return wait_for_completion_timeout(&errand->done, timeout);
	/*
	 * A section that a test holds open has the priority that the kill lends, which is that of
	 * the threads of timers: no timer of its CPU comes.
	 */
	while (!completion_done(&errand->done) && time_before(jiffies, deadline))
		cond_resched();
	return completion_done(&errand->done);
}

/**
 * errand_end() - wait until the function has returned
 * @errand: the errand
 *
 * Return: what the function returned.
 */
int errand_end(struct errand *errand)
{
	wait_for_completion(&errand->done);
	return errand->result;
}

/* ---- sections ---- */

/* A section must not sleep, so this one keeps a CPU busy. */
static int section_thread(void *data)
{
	struct held_section *section = data;

	section->live = envelope_section_enter(section->lc);
	complete(&section->entered);
	while (!READ_ONCE(section->let_go)) {
		/* As of a bio that completes in an interrupt meanwhile. */
		envelope_section_enter(section->lc);
		envelope_section_leave();
		cpu_relax();
	}
	envelope_section_leave();
	complete(&section->left);
	return 0;
}

/**
 * held_section_begin() - open a section in a thread of its own
 * @test: fails if the lifecycle is not live
 * @lc: of this lifecycle
 *
 * Return: the section; held_section_end() must follow soon.
 */
struct held_section *held_section_begin(struct kunit *test, struct envelope_lifecycle *lc)
{
	struct held_section *section = kunit_kzalloc(test, sizeof(*section), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, section);
	section->lc = lc;
	init_completion(&section->entered);
	init_completion(&section->left);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test,
				     kthread_run(section_thread, section, "envelope_section"));
	wait_for_completion(&section->entered);
	KUNIT_EXPECT_TRUE(test, section->live);
	return section;
}

/**
 * held_section_end() - close a section
 * @section: an open one
 */
void held_section_end(struct held_section *section)
{
	WRITE_ONCE(section->let_go, true);
	wait_for_completion(&section->left);
}
