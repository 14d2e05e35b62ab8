// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: what the module finds when it is unloaded. /init of the guest unloads it when
 * all suites have run (tests/kunit/init). It checks that the module goes, and for some seconds
 * that no timer or work of it runs afterwards.
 *
 * This suite comes last, by the name of its file: another suite might clear the keyring.
 */
#include <linux/key.h>

#include "fixture_test.h"

static void unload_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* A live key without a device, in a keyring that outlives the module. */
static void unload_ends_a_live_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_volume_key *vk;
	struct key *key;

	key = fixture_add_key(fixture, "left-for-the-unload", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	vk = key->payload.data[0];
	KUNIT_EXPECT_EQ(test, READ_ONCE(vk->state), ENVELOPE_LIVE);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&vk->watchdog));
	key_put(key);
}

static struct kunit_case unload_cases[] = { KUNIT_CASE(unload_ends_a_live_key), {} };

static struct kunit_suite unload_suite = {
	.name = "envelope_unload",
	.exit = unload_exit,
	.test_cases = unload_cases,
};

kunit_test_suite(unload_suite);
