// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of a key that ends while a table is loaded or removed, or the lease is
 * renewed: one waits for the other, in either order.
 *
 * Nothing is left to chance: a section that the test keeps open stops one side half way, and
 * the test sees in the lock itself that the other side waits for it.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/module.h>

#include "fixture_test.h"

static void race_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* ---- the two sides ---- */

static int end_lease(struct fixture *fixture)
{
	envelope_volume_key_kill(fixture->vk, ENVELOPE_LEASE_EXPIRED);
	return 0;
}

static int create_other(struct fixture *fixture)
{
	return fixture_create(fixture, "-other");
}

static int remove_other(struct fixture *fixture)
{
	return fixture_remove(fixture, "-other");
}

static int renew(struct fixture *fixture)
{
	return fixture_renew(fixture, 60 * (u64)NSEC_PER_SEC);
}

/* ---- what the test sees ---- */

static unsigned int devices_of(struct envelope_volume_key *vk)
{
	struct envelope_device *dev;
	unsigned int n = 0;

	list_for_each_entry(dev, &vk->devices, node)
		n++;
	return n;
}

/* This bit is set in a mutex that has to wake a waiter. */
static bool somebody_waits(struct mutex *lock)
{
#ifdef CONFIG_PREEMPT_RT
	return (unsigned long)READ_ONCE(lock->rtmutex.owner) & 1;
#else
	return atomic_long_read(&lock->owner) & 1;
#endif
}

/* Waits until @errand waits for the lock of the volume key. It must not pass the lock. */
static void expect_to_wait(struct kunit *test, struct fixture *fixture, struct errand *errand)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (!somebody_waits(&fixture->vk->lock) && !completion_done(&errand->done) &&
	       time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_TRUE(test, somebody_waits(&fixture->vk->lock));
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&errand->done), "the other side did not wait");
}

/* The end of the key, half way: it waits for a section of the device. */
static struct errand *begin_end_of_lease(struct kunit *test, struct fixture *fixture,
					 struct held_section **section)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct errand *end;

	*section = held_section_begin(test, &fixture->dev->lifecycle);
	end = errand_begin(fixture, end_lease);
	while (READ_ONCE(fixture->vk->state) == ENVELOPE_LIVE && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(fixture->vk->state), ENVELOPE_DYING);
	return end;
}

/* ---- the races ---- */

/* A table load is refused while its key ends, although the struct key is still valid. */
static void load_loses_to_the_end(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct held_section *section;
	struct errand *end = begin_end_of_lease(test, fixture, &section);
	struct errand *load = errand_begin(fixture, create_other);

	expect_to_wait(test, fixture, load);
	held_section_end(section);
	KUNIT_EXPECT_EQ(test, errand_end(end), 0);
	KUNIT_EXPECT_NE_MSG(test, errand_end(load), 0, "a device was made with a dead key");
	KUNIT_EXPECT_EQ(test, devices_of(fixture->vk), 1);
	if (!load->result)
		remove_other(fixture);
}

/*
 * A removal does not take a device out of the list while the end of its key goes through the
 * list. The test takes the lock as the end of the key does: a section would stop device mapper
 * before it calls us.
 */
static void removal_waits_for_the_end(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct errand *removal;

	KUNIT_ASSERT_EQ(test, create_other(fixture), 0);
	mutex_lock(&fixture->vk->lock);
	removal = errand_begin(fixture, remove_other);
	expect_to_wait(test, fixture, removal);
	KUNIT_EXPECT_EQ(test, devices_of(fixture->vk), 2);
	mutex_unlock(&fixture->vk->lock);
	KUNIT_EXPECT_EQ(test, errand_end(removal), 0);
	KUNIT_EXPECT_EQ(test, devices_of(fixture->vk), 1);
}

/* A renewal that comes while the key ends does not revive it. */
static void renewal_loses_to_the_end(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct held_section *section;
	struct errand *end = begin_end_of_lease(test, fixture, &section);
	struct errand *renewal = errand_begin(fixture, renew);

	expect_to_wait(test, fixture, renewal);
	held_section_end(section);
	KUNIT_EXPECT_EQ(test, errand_end(end), 0);
	KUNIT_EXPECT_EQ(test, errand_end(renewal), -EKEYEXPIRED);
}

/* An update replaces a failed volume key. A table load waits, or it would hold a freed key. */
static void load_waits_for_an_update(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct errand *load;

	down_write(&fixture->key->sem);
	load = errand_begin(fixture, create_other);
	while (!rwsem_is_contended(&fixture->key->sem) && !completion_done(&load->done) &&
	       time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&load->done), "the other side did not wait");
	up_write(&fixture->key->sem);
	KUNIT_EXPECT_EQ(test, errand_end(load), 0);
	KUNIT_EXPECT_EQ(test, remove_other(fixture), 0);
}

/* A device keeps its key and the module. */
static void device_holds_key_and_module(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned int keys = kref_read(&fixture->vk->kref);
	int users = module_refcount(THIS_MODULE);

	KUNIT_ASSERT_EQ(test, create_other(fixture), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&fixture->vk->kref), keys + 1);
	/* One reference of the target, one of the test disk, which the target has opened. */
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 2);
	KUNIT_EXPECT_EQ(test, remove_other(fixture), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&fixture->vk->kref), keys);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users);
}

/* ---- key material that comes too late ---- */

struct late_row {
	const char *name;
	void (*end)(struct key *key);
	int error;
};

static const struct late_row late_rows[] = {
	{ "revoked", key_revoke, -EKEYREVOKED },
	{ "invalidated", key_invalidate, -ENOKEY },
};

KUNIT_ARRAY_PARAM_DESC(late, late_rows, name);

/*
 * The keys core looks at the key, then preparses, then calls us. The key has ended meanwhile. The
 * test calls the core after its look.
 */
static void late_update_is_refused(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

	row->end(fixture->key);
	KUNIT_EXPECT_EQ(test, fixture_update_key(fixture), row->error);
	KUNIT_EXPECT_PTR_EQ_MSG(test, fixture->key->payload.data[0], fixture->vk,
				"the key has material again");
	fixture_expect_key_gone(fixture);
}

static void late_instantiation_is_refused(struct kunit *test)
{
	const struct late_row *row = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct key *key = key_alloc(&envelope_key_type, "under-construction", GLOBAL_ROOT_UID,
				    GLOBAL_ROOT_GID, current_cred(), KEY_POS_ALL | KEY_USR_ALL,
				    KEY_ALLOC_NOT_IN_QUOTA, NULL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, key);
	row->end(key);
	KUNIT_EXPECT_EQ(test, fixture_instantiate_key(fixture, key), row->error);
	KUNIT_EXPECT_NULL_MSG(test, key->payload.data[0], "the key has material");
	key_put(key);
}

static struct kunit_case race_cases[] = { KUNIT_CASE(load_loses_to_the_end),
					  KUNIT_CASE(removal_waits_for_the_end),
					  KUNIT_CASE(renewal_loses_to_the_end),
					  KUNIT_CASE(load_waits_for_an_update),
					  KUNIT_CASE(device_holds_key_and_module),
					  KUNIT_CASE_PARAM(late_update_is_refused, late_gen_params),
					  KUNIT_CASE_PARAM(late_instantiation_is_refused,
							   late_gen_params),
					  {} };

static struct kunit_suite race_suite = {
	.name = "envelope_race",
	.exit = race_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
