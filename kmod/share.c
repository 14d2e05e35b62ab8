// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the share of a device in the pages for the ciphertext of writes.
 *
 * A disk that hangs gives no page back. A device may always hold its share, the limit divided by
 * the number of devices. Beyond the share it may hold as many pages as it leaves for the other
 * devices. So a hung disk leaves pages to each other disk, and a busy device among idle
 * devices has half of all pages.
 *
 * Each CPU counts the pages that it took and gave back. A count that has grown to a batch is moved
 * to the device's common count, and only then the device is judged. So a device may hold more than
 * it is allowed by one batch for each CPU, together a sixteenth of the limit.
 *
 * Must never write memory that other CPUs share for each write.
 */
#include <linux/percpu.h>
#include <linux/slab.h>

#include "envelope.h"

/* 256 KiB, so that the batches of all CPUs stay a small part of the limit with large pages too. */
#define BATCH_LEAST (262144 >> PAGE_SHIFT)

static DEFINE_SPINLOCK(shares_lock); /* irq; guards the list, its length, and @waits and @lacks */
static LIST_HEAD(shares);
static unsigned int nr_shares;

/* One write worker that finds no page within its share needs the pages of all devices. */
static void show_who_waits(void)
{
	struct envelope_share *share;
	bool lacks = false;

	lockdep_assert_held(&shares_lock);
	list_for_each_entry(share, &shares, node)
		lacks |= share->lacks;
	list_for_each_entry(share, &shares, node)
		WRITE_ONCE(share->wanted, share->waits || lacks);
}

/**
 * envelope_share_init() - a device comes: the shares of the other devices become smaller
 * @share: to be initialised
 *
 * Context: may sleep. Return: 0 or -ENOMEM.
 */
int envelope_share_init(struct envelope_share *share)
{
	*share = (struct envelope_share){};
	share->local = alloc_percpu(long);
	if (!share->local)
		return -ENOMEM;
	share->batch = max_t(long, BATCH_LEAST, envelope_pages_limit() / 16 / num_possible_cpus());
	spin_lock_irq(&shares_lock);
	list_add_tail(&share->node, &shares);
	nr_shares++;
	show_who_waits();
	spin_unlock_irq(&shares_lock);
	return 0;
}

/**
 * envelope_share_exit() - a device goes
 * @share: all its pages are back
 */
void envelope_share_exit(struct envelope_share *share)
{
	spin_lock_irq(&shares_lock);
	list_del(&share->node);
	nr_shares--;
	spin_unlock_irq(&shares_lock);
	free_percpu(share->local);
}

/**
 * envelope_share_used() - pages of a device
 * @share: of the device
 *
 * Return: the number. It is exact when no CPU takes pages or gives pages back.
 */
long envelope_share_used(const struct envelope_share *share)
{
	long used = atomic_long_read(&share->used);
	int cpu;

	for_each_possible_cpu(cpu)
		used += READ_ONCE(*per_cpu_ptr(share->local, cpu));
	return used;
}

/**
 * envelope_share_has_room() - may a device hold more pages?
 * @share: of the device
 * @nr: number of further pages
 *
 * Context: any. Return: true if it may.
 */
bool envelope_share_has_room(const struct envelope_share *share, unsigned int nr)
{
	long own = envelope_pages_limit() / max(READ_ONCE(nr_shares), 1u);
	long allowed = max_t(long, own, envelope_pages_left());

	/* Adding up costs a cache miss for each CPU. Few devices use their share. */
	return atomic_long_read(&share->used) + share->batch + nr <= own ||
	       envelope_share_used(share) + nr <= allowed;
}

/**
 * envelope_share_settle() - the count of this CPU has grown to a batch
 * @share: of the device
 * @nr: pages that were just added to the count
 *
 * Context: any. Return: false if the device may not have these pages; they are not counted then.
 */
bool envelope_share_settle(struct envelope_share *share, unsigned int nr)
{
	if (!envelope_share_has_room(share, 0)) {
		this_cpu_sub(*share->local, nr);
		return false;
	}
	atomic_long_add(this_cpu_xchg(*share->local, 0), &share->used);
	return true;
}

static void set_waiting(struct envelope_share *share, bool waits, bool lacks)
{
	unsigned long flags;

	spin_lock_irqsave(&shares_lock, flags);
	if (share->waits != waits || share->lacks != lacks) {
		share->waits = waits;
		share->lacks = lacks;
		show_who_waits();
	}
	spin_unlock_irqrestore(&shares_lock, flags);
}

/**
 * envelope_share_wait() - the write worker of a device has found too few pages
 * @share: of the device
 * @nr: number of pages that it needs
 *
 * If the device has used up its share, the worker is woken by pages of its own device. If not, it
 * is woken by pages of each device.
 *
 * Context: any. A page that comes back at the same time may be missed.
 */
void envelope_share_wait(struct envelope_share *share, unsigned int nr)
{
	set_waiting(share, true, envelope_share_has_room(share, nr));
}

/**
 * envelope_share_wait_end() - the write worker waits no longer
 * @share: of the device
 */
void envelope_share_wait_end(struct envelope_share *share)
{
	set_waiting(share, false, false);
}

/**
 * envelope_share_wake() - pages have come back that a write worker waits for
 * @share: of the device whose pages they were
 *
 * Context: any but NMI.
 */
void envelope_share_wake(struct envelope_share *share)
{
	struct envelope_share *other;
	unsigned long flags;

	spin_lock_irqsave(&shares_lock, flags);
	list_for_each_entry(other, &shares, node)
		if (other->lacks || (other == share && other->waits))
			wake_up(&container_of(other, struct envelope_bounce_pool, share)->wait);
	spin_unlock_irqrestore(&shares_lock, flags);
}
