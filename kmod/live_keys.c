// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: all volume keys whose key material is in memory, for the watchdog and for the events
 * that end all keys (machine.c).
 *
 * A key is in the list from before it can be used until its transform is freed.
 *
 * Must never give out a key that is being freed.
 */
#include <linux/rculist.h>

#include "envelope.h"

static DEFINE_SPINLOCK(live_lock); /* guards changes of the list, and @closed */
static LIST_HEAD(live);
static bool closed;

/**
 * envelope_live_keys_add() - key material has come into memory
 * @vk: its volume key
 *
 * Context: sleeps not. Return: 0; -EBUSY if the memory is about to be copied or the machine stops.
 */
int envelope_live_keys_add(struct envelope_volume_key *vk)
{
	int r = 0;

	spin_lock(&live_lock);
	if (closed)
		r = -EBUSY;
	else
		list_add_tail_rcu(&vk->live_node, &live);
	spin_unlock(&live_lock);
	return r;
}

/**
 * envelope_live_keys_remove() - the key material is wiped
 * @vk: its volume key, which is freed only after a grace period
 */
void envelope_live_keys_remove(struct envelope_volume_key *vk)
{
	spin_lock(&live_lock);
	list_del_rcu(&vk->live_node);
	spin_unlock(&live_lock);
}

/* A key whose last reference is gone removes itself. */
static struct envelope_volume_key *first_live(void)
{
	struct envelope_volume_key *vk, *found = NULL;

	spin_lock(&live_lock);
	list_for_each_entry(vk, &live, live_node) {
		if (kref_get_unless_zero(&vk->kref)) {
			found = vk;
			break;
		}
	}
	spin_unlock(&live_lock);
	return found;
}

/**
 * envelope_live_keys_kill() - the end of all keys
 * @reason: kept by each key that is live
 *
 * Context: sleeps as envelope_volume_key_kill() does.
 */
void envelope_live_keys_kill(enum envelope_reason reason)
{
	struct envelope_volume_key *vk;

	while ((vk = first_live())) {
		envelope_volume_key_kill(vk, reason);
		envelope_volume_key_put(vk);
	}
}

/**
 * envelope_live_keys_watch() - the watchdog's look at all keys
 *
 * Context: never waits. Return: jiffies until the next look; 0 if there is nothing to look at.
 */
unsigned long envelope_live_keys_watch(void)
{
	struct envelope_volume_key *vk;
	unsigned long delay, next = 0;

	spin_lock(&live_lock);
	list_for_each_entry(vk, &live, live_node) {
		delay = envelope_volume_key_watch(vk);
		if (delay && (!next || delay < next))
			next = delay;
	}
	spin_unlock(&live_lock);
	return next;
}

/**
 * envelope_live_keys_close() - let no key come, if none is here
 *
 * Return: false if key material is in memory; then nothing is changed.
 */
bool envelope_live_keys_close(void)
{
	spin_lock(&live_lock);
	closed = list_empty(&live);
	spin_unlock(&live_lock);
	return READ_ONCE(closed);
}

/**
 * envelope_live_keys_open() - keys may come again
 */
void envelope_live_keys_open(void)
{
	WRITE_ONCE(closed, false);
}

/**
 * envelope_live_keys_overwrite() - overwrite all key schedules where they are
 *
 * Takes no lock: a CPU that was stopped may hold it. The devices fail first, so that nothing is
 * written with a wrong key.
 *
 * Context: any, when the kernel has failed and no other CPU runs.
 */
void envelope_live_keys_overwrite(void)
{
	struct envelope_volume_key *vk;
	struct envelope_device *dev;

	list_for_each_entry_rcu(vk, &live, live_node, true) {
		struct crypto_sync_skcipher *tfm = READ_ONCE(vk->tfm);

		list_for_each_entry(dev, &vk->devices, node)
			envelope_lifecycle_begin_kill(&dev->lifecycle, ENVELOPE_MACHINE_STOPS);
		if (tfm)
			envelope_cipher_overwrite(tfm);
	}
}
