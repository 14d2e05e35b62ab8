// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of what keeps the module, and what it leaves behind. /init of the guest
 * unloads it when all suites have run (tests/kunit/init). It unlinks the last key, checks that the
 * module goes, and for some seconds that no timer or work of it runs afterwards.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/module.h>

#include "fixture_test.h"

static void unload_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* A reference is dropped by the garbage collector of the keys core. */
static void expect_users(struct kunit *test, int users)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (module_refcount(THIS_MODULE) != users && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users);
}

/* A thread that updates the key runs our code, and has no reference but the one on the key. */
static void key_keeps_the_module(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	int users = module_refcount(THIS_MODULE);
	struct key *key;

	key = fixture_add_key(fixture, "keeps-the-module", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(key));
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 1);
	/* New material in the place of a failed volume key takes no second reference. */
	envelope_volume_key_kill(key->payload.data[0], ENVELOPE_LEASE_EXPIRED);
	key_put(key);
	key = fixture_add_key(fixture, "keeps-the-module", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_FALSE(test, IS_ERR(key));
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 1);
	key_revoke(key);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 1);
	key_unlink(fixture->keyring, key);
	key_put(key);
	expect_users(test, users);
}

/* A live key without a device, in a keyring that outlives the suites. */
static void live_key_is_left(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_volume_key *vk;
	struct key *key;

	key = fixture_add_key(fixture, "left-for-the-unload", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	vk = key->payload.data[0];
	KUNIT_EXPECT_EQ(test, READ_ONCE(vk->state), ENVELOPE_LIVE);
	flush_delayed_work(&envelope_watchdog);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&envelope_watchdog));
	key_put(key);
}

static struct kunit_case unload_cases[] = { KUNIT_CASE(key_keeps_the_module),
					    KUNIT_CASE(live_key_is_left),
					    {} };

static struct kunit_suite unload_suite = {
	.name = "envelope_unload",
	.exit = unload_exit,
	.test_cases = unload_cases,
};

kunit_test_suite(unload_suite);
