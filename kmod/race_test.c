// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of a key that ends while a table is loaded or removed, or the
 * lease is renewed: one waits for the other, in either order.
 *
 * Nothing is left to chance: a section that the test keeps open stops the one in the
 * midst, and what the other waits for is looked at in the lock itself.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/module.h>

#include "rig_test.h"

static void race_exit(struct kunit *test)
{
	rig_free(test->priv);
}

/* ---- what is done in a race ---- */

static int end_lease(struct rig *rig)
{
	envelope_volume_key_kill(rig->vk, ENVELOPE_LEASE_EXPIRED);
	return 0;
}

static int create_other(struct rig *rig)
{
	return rig_create(rig, "-other");
}

static int remove_other(struct rig *rig)
{
	return rig_remove(rig, "-other");
}

static int renew(struct rig *rig)
{
	return rig_renew(rig, 60 * (u64)NSEC_PER_SEC);
}

/* ---- what is looked at ---- */

static unsigned int devices_of(struct envelope_volume_key *vk)
{
	struct envelope_device *dev;
	unsigned int n = 0;

	list_for_each_entry(dev, &vk->devices, node)
		n++;
	return n;
}

/* The bit by which a mutex knows that it has to wake somebody. */
static bool somebody_waits(struct mutex *lock)
{
	return atomic_long_read(&lock->owner) & 1;
}

/* The watchdog visits the lock too, and would be taken for somebody else. */
static void send_watchdog_away(struct rig *rig)
{
	if (cancel_delayed_work_sync(&rig->vk->watchdog))
		envelope_volume_key_put(rig->vk);
}

/* Until @errand waits for the volume key's lock; it must not get around that. */
static void expect_to_wait(struct kunit *test, struct rig *rig, struct errand *errand)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (!somebody_waits(&rig->vk->lock) && !completion_done(&errand->done) &&
	       time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_TRUE(test, somebody_waits(&rig->vk->lock));
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&errand->done), "it did not wait");
}

/* The key's end, halfway: it waits for a section of the rig's device. */
static struct errand *begin_end_of_lease(struct kunit *test, struct rig *rig,
					 struct held_section **section)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct errand *end;

	send_watchdog_away(rig);
	*section = held_section_begin(test, &rig->dev->lifecycle);
	end = errand_begin(rig, end_lease);
	while (READ_ONCE(rig->vk->state) == ENVELOPE_LIVE && time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_EQ(test, READ_ONCE(rig->vk->state), ENVELOPE_DYING);
	return end;
}

/* ---- the races ---- */

/* A table that is loaded while its key ends is refused, though the struct key is well. */
static void load_loses_to_the_end(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct held_section *section;
	struct errand *end = begin_end_of_lease(test, rig, &section);
	struct errand *load = errand_begin(rig, create_other);

	expect_to_wait(test, rig, load);
	held_section_end(section);
	KUNIT_EXPECT_EQ(test, errand_end(end), 0);
	KUNIT_EXPECT_NE_MSG(test, errand_end(load), 0, "a device with a dead key");
	KUNIT_EXPECT_EQ(test, devices_of(rig->vk), 1);
	if (!load->result)
		remove_other(rig);
}

/*
 * A device is not taken out of the list that the end of its key goes through. The test has
 * the lock as that has; a section would hold up device mapper before it comes to us.
 */
static void removal_waits_for_the_end(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct errand *removal;

	KUNIT_ASSERT_EQ(test, create_other(rig), 0);
	send_watchdog_away(rig);
	mutex_lock(&rig->vk->lock);
	removal = errand_begin(rig, remove_other);
	expect_to_wait(test, rig, removal);
	KUNIT_EXPECT_EQ(test, devices_of(rig->vk), 2);
	mutex_unlock(&rig->vk->lock);
	KUNIT_EXPECT_EQ(test, errand_end(removal), 0);
	KUNIT_EXPECT_EQ(test, devices_of(rig->vk), 1);
}

/* A renewal that comes while the key ends revives nothing. */
static void renewal_loses_to_the_end(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	struct held_section *section;
	struct errand *end = begin_end_of_lease(test, rig, &section);
	struct errand *renewal = errand_begin(rig, renew);

	expect_to_wait(test, rig, renewal);
	held_section_end(section);
	KUNIT_EXPECT_EQ(test, errand_end(end), 0);
	KUNIT_EXPECT_EQ(test, errand_end(renewal), -EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&rig->vk->watchdog));
}

/* An update replaces a failed volume key: who looks it up waits, or would hold a freed one. */
static void load_waits_for_an_update(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	unsigned long deadline = jiffies + LONG_ENOUGH;
	struct errand *load;

	down_write(&rig->key->sem);
	load = errand_begin(rig, create_other);
	while (!rwsem_is_contended(&rig->key->sem) && !completion_done(&load->done) &&
	       time_before(jiffies, deadline))
		msleep(20);
	KUNIT_EXPECT_FALSE_MSG(test, completion_done(&load->done), "it did not wait");
	up_write(&rig->key->sem);
	KUNIT_EXPECT_EQ(test, errand_end(load), 0);
	KUNIT_EXPECT_EQ(test, remove_other(rig), 0);
}

/* Neither the key nor the code goes away below a device. */
static void device_holds_key_and_module(struct kunit *test)
{
	struct rig *rig = rig_new(test, &(struct rig_options){});
	unsigned int keys = kref_read(&rig->vk->kref);
	int users = module_refcount(THIS_MODULE);

	KUNIT_ASSERT_EQ(test, create_other(rig), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&rig->vk->kref), keys + 1);
	/* One for the target, one for the test disk, which it opened. */
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users + 2);
	KUNIT_EXPECT_EQ(test, remove_other(rig), 0);
	KUNIT_EXPECT_EQ(test, kref_read(&rig->vk->kref), keys);
	KUNIT_EXPECT_EQ(test, module_refcount(THIS_MODULE), users);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(load_loses_to_the_end),	 KUNIT_CASE(removal_waits_for_the_end),
	KUNIT_CASE(renewal_loses_to_the_end),	 KUNIT_CASE(load_waits_for_an_update),
	KUNIT_CASE(device_holds_key_and_module), {}
};

static struct kunit_suite race_suite = {
	.name = "envelope_race",
	.exit = race_exit,
	.test_cases = race_cases,
};

kunit_test_suite(race_suite);
