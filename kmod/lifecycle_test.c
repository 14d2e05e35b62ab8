// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of live -> dying -> dead, alone and raced by many threads.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "fixture_test.h"

#define KILLERS 6
#define WORKERS 4
#define ROUNDS	20

static int lifecycle_init(struct kunit *test)
{
	struct envelope_lifecycle *lc = kunit_kzalloc(test, sizeof(*lc), GFP_KERNEL);

	if (!lc)
		return -ENOMEM;
	test->priv = lc;
	envelope_lifecycle_init(lc);
	return 0;
}

static void is_born_alive(struct kunit *test)
{
	struct envelope_lifecycle *lc = test->priv;

	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(lc), ENVELOPE_LIVE);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_reason(lc), ENVELOPE_NOT_FAILED);
	KUNIT_EXPECT_TRUE(test, envelope_lifecycle_is_live(lc));
	/* A wait for sections changes no live lifecycle. */
	envelope_sections_wait();
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(lc), ENVELOPE_LIVE);
}

static void dies_once_and_for_one_reason(struct kunit *test)
{
	struct envelope_lifecycle *lc = test->priv;

	KUNIT_EXPECT_TRUE(test, envelope_lifecycle_begin_kill(lc, ENVELOPE_LEASE_EXPIRED));
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_begin_kill(lc, ENVELOPE_KEY_REVOKED));
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_begin_kill(lc, ENVELOPE_LEASE_EXPIRED));
	envelope_lifecycle_drain(lc);
	/* A second caller may drain too, and returns at once. */
	envelope_lifecycle_drain(lc);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(lc), ENVELOPE_DEAD);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_reason(lc), ENVELOPE_LEASE_EXPIRED);
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_is_live(lc));
}

struct drainer {
	struct envelope_lifecycle *lc;
	struct completion drained;
};

static int drain_thread(void *data)
{
	struct drainer *drainer = data;

	envelope_lifecycle_drain(drainer->lc);
	complete(&drainer->drained);
	return 0;
}

/* The lifecycle is dying while a section is open, then dead. */
static void drain_waits_for_open_sections(struct kunit *test)
{
	struct envelope_lifecycle *lc = test->priv;
	struct drainer *drainer = kunit_kzalloc(test, sizeof(*drainer), GFP_KERNEL);
	struct held_section *section;

	KUNIT_ASSERT_NOT_NULL(test, drainer);
	drainer->lc = lc;
	init_completion(&drainer->drained);
	section = held_section_begin(test, lc);
	KUNIT_EXPECT_TRUE(test, envelope_lifecycle_begin_kill(lc, ENVELOPE_MESSAGE));
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_is_live(lc));

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(drain_thread, drainer, "envelope_drain"));
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&drainer->drained, A_WHILE), 0);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(lc), ENVELOPE_DYING);
	held_section_end(section);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&drainer->drained, LONG_ENOUGH), 0);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(lc), ENVELOPE_DEAD);
}

/**
 * struct race - many threads against one lifecycle
 * @lc: the lifecycle
 * @go: completed for all when the race begins
 * @finished: completed by each thread
 * @next: number of the next thread
 * @winners: calls of begin_kill that won
 * @winner: reason of the last call that won
 * @inside: sections open now
 * @late: sections that were open after a drain had returned; must stay 0
 * @drained: set once a drain has returned
 */
struct race {
	struct envelope_lifecycle lc;
	struct completion go;
	struct completion finished;
	atomic_t next;
	atomic_t winners;
	atomic_t winner;
	atomic_t inside;
	atomic_t late;
	atomic_t drained;
};

static int killer_thread(void *data)
{
	struct race *race = data;
	enum envelope_reason reason = ENVELOPE_KEY_REVOKED + atomic_inc_return(&race->next) - 1;

	wait_for_completion(&race->go);
	if (envelope_lifecycle_begin_kill(&race->lc, reason)) {
		atomic_inc(&race->winners);
		atomic_set(&race->winner, reason);
	}
	envelope_lifecycle_drain(&race->lc);
	atomic_set(&race->drained, 1);
	if (atomic_read(&race->inside))
		atomic_inc(&race->late);
	complete(&race->finished);
	return 0;
}

static int worker_thread(void *data)
{
	struct race *race = data;

	bool live = true;

	wait_for_completion(&race->go);
	while (live) {
		live = envelope_section_enter(&race->lc);
		if (live) {
			atomic_inc(&race->inside);
			cpu_relax();
			if (atomic_read(&race->drained))
				atomic_inc(&race->late);
			atomic_dec(&race->inside);
		}
		envelope_section_leave();
		cond_resched();
	}
	complete(&race->finished);
	return 0;
}

static void run_race(struct kunit *test, struct race *race)
{
	unsigned int i, started = 0;

	memset(race, 0, sizeof(*race));
	init_completion(&race->go);
	init_completion(&race->finished);
	envelope_lifecycle_init(&race->lc);

	for (i = 0; i < KILLERS + WORKERS; i++) {
		int (*thread)(void *) = i < KILLERS ? killer_thread : worker_thread;

		if (!IS_ERR(kthread_run(thread, race, "envelope_race")))
			started++;
	}
	complete_all(&race->go);
	for (i = 0; i < started; i++)
		wait_for_completion(&race->finished);
	KUNIT_EXPECT_EQ(test, started, KILLERS + WORKERS);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->winners), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->late), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->inside), 0);
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_reason(&race->lc), atomic_read(&race->winner));
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(&race->lc), ENVELOPE_DEAD);
}

static void racing_kills_have_one_winner(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	for (i = 0; i < ROUNDS; i++)
		run_race(test, race);
}

static void every_reason_has_a_name(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_NOT_FAILED), "-");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_KEY_REVOKED), "key-revoked");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_KEY_INVALIDATED), "key-invalidated");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_KEY_TIMEOUT), "key-expired");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_LEASE_EXPIRED), "lease-expired");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_KEY_UNLINKED), "key-unlinked");
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(ENVELOPE_MESSAGE), "message");
}

static struct kunit_case lifecycle_cases[] = { KUNIT_CASE(is_born_alive),
					       KUNIT_CASE(dies_once_and_for_one_reason),
					       KUNIT_CASE(drain_waits_for_open_sections),
					       KUNIT_CASE(racing_kills_have_one_winner),
					       KUNIT_CASE(every_reason_has_a_name),
					       {} };

static struct kunit_suite lifecycle_suite = {
	.name = "envelope_lifecycle",
	.init = lifecycle_init,
	.test_cases = lifecycle_cases,
};

kunit_test_suite(lifecycle_suite);
