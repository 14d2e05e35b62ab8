// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: what the module must cope with when it is unloaded. The unload itself
 * is done by the guest's init when all suites have run (tests/kunit/init), which then
 * sees whether the module came out, and for some seconds whether anything was left
 * that comes back to it.
 *
 * The last suite: another one might clear the keyring.
 */
#include <linux/key.h>

#include "rig_test.h"

static void unload_exit(struct kunit *test)
{
	rig_free(test->priv);
}

/* A key without a device, live, in a keyring that outlives the module. */
static void live_key_is_left_for_the_unload(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct envelope_volume_key *vk;
	struct key *key;

	key = rig_add_key(rig, "left-for-the-unload", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	vk = key->payload.data[0];
	KUNIT_EXPECT_EQ(test, READ_ONCE(vk->state), ENVELOPE_LIVE);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&vk->watchdog));
	key_put(key);
}

static struct kunit_case unload_cases[] = { KUNIT_CASE(live_key_is_left_for_the_unload), {} };

static struct kunit_suite unload_suite = {
	.name = "envelope_unload",
	.exit = unload_exit,
	.test_cases = unload_cases,
};

kunit_test_suite(unload_suite);
