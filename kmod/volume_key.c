// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a volume key in use, from its payload to its end.
 *
 * Holds the only transform with the key, the lease, and the list of devices that use the key.
 * Every end of a key (revoke, expiry, unlink, ...) is a call of envelope_volume_key_kill() or
 * kill_locked().
 *
 * Must never keep key bytes or a key schedule after the kill, and must never give
 * out a transform outside a section of an attached device.
 */
#include <linux/key.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "envelope.h"

/* For kills, the watchdog and announcements, which must run even when memory is short. */
struct workqueue_struct *envelope_key_wq;

static void kill_work(struct work_struct *work);

/* A panic may stop this at any point. It must never find a transform that is being freed. */
static void wipe(struct envelope_volume_key *vk)
{
	struct crypto_sync_skcipher *tfm = vk->tfm;

	WRITE_ONCE(vk->tfm, NULL);
	envelope_cipher_free(tfm);
	envelope_live_keys_remove(vk);
}

static void volume_key_release(struct kref *kref)
{
	struct envelope_volume_key *vk = container_of(kref, struct envelope_volume_key, kref);

	WARN_ON_ONCE(!list_empty(&vk->devices));
	/* A kill has freed it already, but a key that was never instantiated had no kill. */
	if (vk->tfm)
		wipe(vk);
	mutex_destroy(&vk->lock);
	kfree_rcu(vk, rcu);
}

/**
 * envelope_volume_key_get() - another reference
 * @vk: volume key on which the caller has a reference
 *
 * Return: a strong reference to @vk.
 */
struct envelope_volume_key *envelope_volume_key_get(struct envelope_volume_key *vk)
{
	kref_get(&vk->kref);
	return vk;
}

/**
 * envelope_volume_key_put() - drop a reference
 * @vk: volume key
 *
 * Context: may sleep if it is the last one.
 */
void envelope_volume_key_put(struct envelope_volume_key *vk)
{
	kref_put(&vk->kref, volume_key_release);
}

/**
 * envelope_volume_key_new() - make a volume key
 * @request: parsed payload with key bytes; not needed afterwards
 * @now_ns: CLOCK_BOOTTIME
 *
 * Context: sleeps. Return: a reference, or an ERR_PTR: -EINVAL for an unacceptable
 * lease or key, -ENOMEM, -ENOENT if the kernel has no AES-XTS, -EBUSY while the machine hibernates
 * or stops.
 */
struct envelope_volume_key *envelope_volume_key_new(const struct envelope_request *request,
						    u64 now_ns)
{
	struct envelope_volume_key *vk;
	int r;

	vk = kzalloc_obj(*vk);
	if (!vk)
		return ERR_PTR(-ENOMEM);

	r = envelope_lease_start(&vk->lease, request->lease_ns, request->deadline_ns, now_ns);
	if (r)
		goto err_lease;

	vk->tfm = envelope_cipher_alloc(request->key);
	if (IS_ERR(vk->tfm)) {
		r = PTR_ERR(vk->tfm);
		goto err_cipher;
	}
	strscpy(vk->driver, envelope_cipher_driver(vk->tfm), sizeof(vk->driver));
	if (envelope_cipher_is_slow(vk->driver))
		DMWARN_LIMIT("crypto driver %s is slow: load one for this CPU (" ENVELOPE_AES_MODULE
			     ") first",
			     vk->driver);
	r = envelope_cipher_measure(vk->tfm, &vk->piece_bytes);
	if (r)
		goto err_measure;

	kref_init(&vk->kref);
	mutex_init(&vk->lock);
	INIT_LIST_HEAD(&vk->devices);
	INIT_WORK(&vk->kill_work, kill_work);
	vk->state = ENVELOPE_LIVE;
	r = envelope_live_keys_add(vk);
	if (r)
		goto err_closed;
	return vk;

err_closed:
	mutex_destroy(&vk->lock);
err_measure:
	envelope_cipher_free(vk->tfm);
err_cipher:
err_lease:
	kfree(vk);
	return ERR_PTR(r);
}

/**
 * envelope_key_flags_reason() - the state of a key in the keys core
 * @key: struct key that cannot go away now
 *
 * Context: any; no lock. Return: %ENVELOPE_NOT_FAILED if the key may be used.
 */
enum envelope_reason envelope_key_flags_reason(const struct key *key)
{
	switch (key_validate(key)) {
	case 0:
		/* No reference is left: the garbage collector will destroy the key. */
		return refcount_read(&key->usage) ? ENVELOPE_NOT_FAILED : ENVELOPE_KEY_UNLINKED;
	case -ENOKEY:
		return ENVELOPE_KEY_INVALIDATED;
	case -EKEYEXPIRED:
		return ENVELOPE_KEY_TIMEOUT;
	default:
		return ENVELOPE_KEY_REVOKED;
	}
}

/**
 * envelope_volume_key_verdict() - may this key be used right now?
 * @vk: volume key, its struct key pinned by an open section or by @vk->lock while live
 *
 * The clock is the coarse one: a bio may pass up to a tick after the deadline.
 *
 * Context: any. Return: %ENVELOPE_NOT_FAILED, or the reason against it.
 */
enum envelope_reason envelope_volume_key_verdict(const struct envelope_volume_key *vk)
{
	const struct key *key = READ_ONCE(vk->key);
	enum envelope_reason reason = ENVELOPE_NOT_FAILED;

	if (key)
		reason = envelope_key_flags_reason(key);
	if (!reason && envelope_lease_expired(&vk->lease, ktime_get_coarse_boottime_ns()))
		reason = ENVELOPE_LEASE_EXPIRED;
	return reason;
}

/* Call with vk->lock, which the devices' destructors need, and while live. */
static void kill_locked(struct envelope_volume_key *vk, enum envelope_reason reason)
{
	struct envelope_device *dev;

	lockdep_assert_held(&vk->lock);
	WRITE_ONCE(vk->reason, reason);
	envelope_key_event(vk, "ended");
	/* Pairs with describe() for /proc/keys: a reader that sees the state sees the reason. */
	smp_store_release(&vk->state, ENVELOPE_DYING);

	/*
	 * First let no section of any device open. Then one wait suffices for all devices. A device
	 * that has left the list was waited for by its destructor.
	 */
	list_for_each_entry(dev, &vk->devices, node)
		envelope_failure_begin(dev, reason);
	if (!list_empty(&vk->devices))
		envelope_sections_wait();
	list_for_each_entry(dev, &vk->devices, node)
		envelope_lifecycle_set_drained(&dev->lifecycle);

	wipe(vk);
	envelope_key_event(vk, "wiped");
	WRITE_ONCE(vk->key, NULL);
	WRITE_ONCE(vk->state, ENVELOPE_DEAD);

	list_for_each_entry(dev, &vk->devices, node)
		envelope_failure_announce(dev);
	list_for_each_entry(dev, &vk->devices, node)
		envelope_pollers_wait(dev);
}

/**
 * envelope_volume_key_kill() - the end of a key
 * @vk: volume key on which the caller has a reference
 * @reason: kept if the key is still live
 *
 * When this returns, even if another caller killed the key: no bio of any of its devices completes
 * with success, and the key bytes and the key schedule are wiped.
 *
 * Context: sleeps for open sections, and for pollers if there were any; never for a disk. Not
 * inside a section. key->sem may be held.
 */
void envelope_volume_key_kill(struct envelope_volume_key *vk, enum envelope_reason reason)
{
	mutex_lock(&vk->lock);
	if (vk->state == ENVELOPE_LIVE)
		kill_locked(vk, reason);
	mutex_unlock(&vk->lock);
}

static void kill_work(struct work_struct *work)
{
	struct envelope_volume_key *vk = container_of(work, struct envelope_volume_key, kill_work);

	envelope_volume_key_kill(vk, atomic_read(&vk->suspicion));
	envelope_volume_key_put(vk);
}

/**
 * envelope_volume_key_suspect() - an I/O context has seen that the key may not be used
 * @vk: volume key, referenced by the device whose section the caller is in
 * @reason: why not
 *
 * Context: any. The kill happens soon, in a work item.
 */
void envelope_volume_key_suspect(struct envelope_volume_key *vk, enum envelope_reason reason)
{
	atomic_cmpxchg(&vk->suspicion, ENVELOPE_NOT_FAILED, reason);
	kref_get(&vk->kref);
	/* Never the last reference: the device has one. */
	if (!queue_work(envelope_key_wq, &vk->kill_work))
		kref_put(&vk->kref, volume_key_release);
}

/* Until the lease ends, or until the flags of the key are due to be looked at. */
static unsigned long jiffies_left(const struct envelope_lease *lease)
{
	u64 left_ns = envelope_lease_left_ns(lease, ktime_get_boottime_ns());

	return min_t(u64, nsecs_to_jiffies64(left_ns) + 1, HZ);
}

/**
 * envelope_volume_key_watch() - the watchdog's look at a key
 * @vk: volume key of the list of live_keys.c
 *
 * Context: atomic, under the lock of the list, so @vk is not freed. Never waits.
 * Return: jiffies until the next look; 0 if the key needs none.
 */
unsigned long envelope_volume_key_watch(struct envelope_volume_key *vk)
{
	enum envelope_reason reason;
	unsigned long delay = 0;

	/* Another thread has the lock: it ends the key, or it is done soon. */
	if (!mutex_trylock(&vk->lock))
		return 1;
	/* Without a struct key it is not in use yet. */
	if (vk->state == ENVELOPE_LIVE && READ_ONCE(vk->key)) {
		reason = envelope_volume_key_verdict(vk);
		if (reason)
			envelope_volume_key_suspect(vk, reason);
		else
			delay = jiffies_left(&vk->lease);
	}
	mutex_unlock(&vk->lock);
	return delay;
}

/**
 * envelope_volume_key_start() - the key has been instantiated
 * @vk: volume key that is not shared yet
 * @key: the struct key; not counted, must kill @vk before it is destroyed
 *
 * Context: under key->sem and perhaps the keys core's construction mutex, so keep it trivial.
 */
void envelope_volume_key_start(struct envelope_volume_key *vk, struct key *key)
{
	WRITE_ONCE(vk->key, key);
	envelope_key_event(vk, "live");
	envelope_watchdog_wake();
}

/*
 * Call with vk->lock. Kills an expired key that neither a bio nor the watchdog has noticed yet.
 * Return: 0 if the key is live, or a negative error.
 */
static int check_locked(struct envelope_volume_key *vk)
{
	enum envelope_reason reason;

	lockdep_assert_held(&vk->lock);
	if (vk->state == ENVELOPE_LIVE) {
		reason = envelope_volume_key_verdict(vk);
		if (!reason)
			return 0;
		kill_locked(vk, reason);
	}
	switch (vk->reason) {
	case ENVELOPE_LEASE_EXPIRED:
	case ENVELOPE_KEY_TIMEOUT:
		return -EKEYEXPIRED;
	default:
		return -EKEYREVOKED;
	}
}

/**
 * envelope_volume_key_check() - is the key live? Kills it if it may no longer be used
 * @vk: volume key
 *
 * Context: sleeps. Return: 0; -EKEYEXPIRED or -EKEYREVOKED if it has failed.
 */
int envelope_volume_key_check(struct envelope_volume_key *vk)
{
	int r;

	mutex_lock(&vk->lock);
	r = check_locked(vk);
	mutex_unlock(&vk->lock);
	return r;
}

/**
 * envelope_volume_key_renew() - move the end of the lease
 * @vk: volume key
 * @deadline_ns: new end of the lease, CLOCK_BOOTTIME
 * @now_ns: CLOCK_BOOTTIME
 *
 * Context: sleeps. Return: 0; -EKEYEXPIRED or -EKEYREVOKED if the key has failed;
 * -EINVAL if the deadline is not in the future or more than one lease away.
 */
int envelope_volume_key_renew(struct envelope_volume_key *vk, u64 deadline_ns, u64 now_ns)
{
	int r;

	mutex_lock(&vk->lock);
	r = check_locked(vk);
	if (!r)
		r = envelope_lease_renew(&vk->lease, deadline_ns, now_ns);
	if (!r) {
		envelope_key_event(vk, "renewed");
		/* The new deadline may be earlier than the watchdog's next run. */
		envelope_watchdog_wake();
	}
	mutex_unlock(&vk->lock);
	return r;
}

/**
 * envelope_volume_key_attach() - let a device use the key
 * @vk: volume key on which the device has a reference
 * @dev: device, ready in all its parts
 *
 * Context: sleeps. Return: 0; -EKEYEXPIRED or -EKEYREVOKED if the key has failed.
 */
int envelope_volume_key_attach(struct envelope_volume_key *vk, struct envelope_device *dev)
{
	int r;

	mutex_lock(&vk->lock);
	r = check_locked(vk);
	if (!r)
		list_add_tail(&dev->node, &vk->devices);
	mutex_unlock(&vk->lock);
	return r;
}

/**
 * envelope_volume_key_detach() - a device goes away
 * @dev: attached device, its lifecycle drained
 *
 * Waits for a kill that is under way. After this no kill knows the device.
 *
 * Context: sleeps.
 */
void envelope_volume_key_detach(struct envelope_device *dev)
{
	struct envelope_volume_key *vk = dev->vk;

	mutex_lock(&vk->lock);
	list_del(&dev->node);
	mutex_unlock(&vk->lock);
}

/**
 * envelope_volume_key_queue() - run a work item where kills run
 * @work: work that does not wait for a kill
 *
 * Context: any. Return: false if it was queued already.
 */
bool envelope_volume_key_queue(struct work_struct *work)
{
	return queue_work(envelope_key_wq, work);
}

/**
 * envelope_volume_key_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_volume_key_init(void)
{
	/* Before other threads: a key that has ended is wiped late otherwise. */
	envelope_key_wq = alloc_workqueue("envelope_key", WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_HIGHPRI,
					  0);
	return envelope_key_wq ? 0 : -ENOMEM;
}

/**
 * envelope_volume_key_exit() - when the module is unloaded
 *
 * All keys have been killed: no more work is queued, but some may be running.
 */
void envelope_volume_key_exit(void)
{
	cancel_delayed_work_sync(&envelope_watchdog);
	destroy_workqueue(envelope_key_wq);
}
