// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of keys that no bio looks at: one timer for all, which rests when there is no
 * key; a busy key is looked at again; the end of a key without a device waits for no section.
 */
#include <linux/delay.h>

#include "fixture_test.h"

static void idle_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

static bool becomes_dead(struct envelope_volume_key *vk)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (READ_ONCE(vk->state) != ENVELOPE_DEAD && time_before(jiffies, deadline))
		msleep(20);
	return READ_ONCE(vk->state) == ENVELOPE_DEAD;
}

/* The timer goes on while there is a key, and not longer. */
static void watchdog_rests_without_a_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned long deadline = jiffies + LONG_ENOUGH;

	flush_delayed_work(&envelope_watchdog);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&envelope_watchdog));
	key_revoke(fixture->key);
	/* A key of another test may live for a moment longer. */
	do
		flush_delayed_work(&envelope_watchdog);
	while (delayed_work_pending(&envelope_watchdog) && time_before(jiffies, deadline));
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&envelope_watchdog));
}

static int let_watchdog_look(struct fixture *fixture)
{
	flush_delayed_work(&envelope_watchdog);
	return 0;
}

/* The watchdog finds the lock of a key taken. It does not wait, and it looks again. */
static void busy_key_is_not_forgotten(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

	mutex_lock(&fixture->vk->lock);
	WRITE_ONCE(fixture->vk->lease.deadline_ns, 1);
	envelope_watchdog_wake();
	/* In another thread: work of the same queue takes the lock that is held here. */
	errand_end(errand_begin(fixture, let_watchdog_look));
	KUNIT_EXPECT_EQ(test, fixture->vk->state, ENVELOPE_LIVE);
	mutex_unlock(&fixture->vk->lock);
	KUNIT_EXPECT_TRUE_MSG(test, becomes_dead(fixture->vk), "the key was not looked at again");
}

/* The end of one key takes long: another key ends in time all the same. */
static void busy_key_delays_no_other(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_volume_key *other;
	struct key *key;

	key = fixture_add_key(fixture, "other", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	other = key->payload.data[0];
	mutex_lock(&fixture->vk->lock);
	WRITE_ONCE(other->lease.deadline_ns, 1);
	KUNIT_EXPECT_TRUE_MSG(test, becomes_dead(other), "the watchdog waits for another key");
	mutex_unlock(&fixture->vk->lock);
	key_put(key);
}

static int revoke_other(struct fixture *fixture)
{
	struct key *key = fixture_add_key(fixture, "other", 600 * (u64)NSEC_PER_SEC);

	if (IS_ERR(key))
		return PTR_ERR(key);
	key_revoke(key);
	key_put(key);
	return 0;
}

/* No CPU is interrupted and no section is waited for: no device uses the key. */
static void key_without_device_ends_at_once(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct held_section *section = held_section_begin(test, &fixture->dev->lifecycle);
	struct errand *errand = errand_begin(fixture, revoke_other);

	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(errand, LONG_ENOUGH / 2),
			      "the end of a key without a device waits for a section");
	held_section_end(section);
	KUNIT_EXPECT_EQ(test, errand_end(errand), 0);
}

struct probe {
	struct work_struct work;
	int nice;
};

static void probe_work(struct work_struct *work)
{
	container_of(work, struct probe, work)->nice = task_nice(current);
}

/* Busy threads do not delay the end of a key that a timer or a bio has noticed. */
static void ends_go_before_other_threads(struct kunit *test)
{
	struct probe *probe = kunit_kzalloc(test, sizeof(*probe), GFP_KERNEL);

	fixture_new(test, &(struct fixture_options){});
	KUNIT_ASSERT_NOT_NULL(test, probe);
	INIT_WORK(&probe->work, probe_work);
	KUNIT_EXPECT_TRUE(test, envelope_volume_key_queue(&probe->work));
	flush_work(&probe->work);
	KUNIT_EXPECT_EQ(test, probe->nice, MIN_NICE);
}

static struct kunit_case idle_cases[] = {
	KUNIT_CASE(watchdog_rests_without_a_key), KUNIT_CASE(busy_key_is_not_forgotten),
	KUNIT_CASE(busy_key_delays_no_other),	  KUNIT_CASE(key_without_device_ends_at_once),
	KUNIT_CASE(ends_go_before_other_threads), {}
};

static struct kunit_suite idle_suite = {
	.name = "envelope_idle",
	.exit = idle_exit,
	.test_cases = idle_cases,
};

kunit_test_suite(idle_suite);
