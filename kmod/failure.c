// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the failure of a device, and its announcement.
 *
 * In this order: let no new section open; fail the bios that wait for pages or for the
 * worker; when the last section has closed, announce the failure in the log, as a
 * device-mapper event and as a uevent.
 *
 * The key that ends fails the devices in its list. A message fails the targets of its table, whose
 * keys may differ, so all targets are in one more list.
 *
 * Must never be reached from inside a section: failing waits for sections.
 */
#include <linux/kobject.h>
#include <linux/mutex.h>

#include "envelope.h"

static DEFINE_MUTEX(targets_lock); /* sleeps; guards the list */
static LIST_HEAD(targets);

static void announce_work(struct work_struct *work)
{
	struct envelope_device *dev = container_of(work, struct envelope_device, announce_work);
	const char *reason = envelope_reason_name(envelope_lifecycle_reason(&dev->lifecycle));
	struct mapped_device *md = dm_table_get_md(dev->ti->table);
	char reason_variable[48];
	char *environment[3] = { "DM_ENVELOPE_STATE=failed", reason_variable };

	DMWARN("%s: failed: %s: all I/O to this device is refused from now on", dm_device_name(md),
	       reason);
	dm_table_event(dev->ti->table);

	snprintf(reason_variable, sizeof(reason_variable), "DM_ENVELOPE_REASON=%s", reason);
	if (kobject_uevent_env(&disk_to_dev(dm_disk(md))->kobj, KOBJ_CHANGE, environment))
		DMWARN("%s: the uevent of the failure could not be sent", dm_device_name(md));
}

/**
 * envelope_failure_init() - prepare
 * @dev: device under construction, all its other parts ready
 *
 * Context: sleeps.
 */
void envelope_failure_init(struct envelope_device *dev)
{
	INIT_WORK(&dev->announce_work, announce_work);
	mutex_lock(&targets_lock);
	list_add_tail(&dev->target_node, &targets);
	mutex_unlock(&targets_lock);
}

/**
 * envelope_failure_exit() - the device goes away
 * @dev: device that is no longer attached to its key
 *
 * Context: sleeps until an announcement under way is finished.
 */
void envelope_failure_exit(struct envelope_device *dev)
{
	mutex_lock(&targets_lock);
	list_del(&dev->target_node);
	mutex_unlock(&targets_lock);
	cancel_work_sync(&dev->announce_work);
}

/**
 * envelope_failure_begin() - refuse all bios from now on
 * @dev: device
 * @reason: kept if it was live
 *
 * Open sections go on; the caller drains them. Bios that wait for the write worker, or with
 * the worker for pages, fail at once, so no submitter hangs even if the worker is stuck in
 * a disk.
 *
 * Context: process context, device cannot go away.
 */
void envelope_failure_begin(struct envelope_device *dev, enum envelope_reason reason)
{
	if (envelope_lifecycle_begin_kill(&dev->lifecycle, reason))
		envelope_device_event(dev, "failed");
	envelope_bounce_wake(&dev->bounce);
	envelope_write_fail_queued(dev);
}

/**
 * envelope_failure_announce() - announce the failure, once
 * @dev: device that has failed and is drained
 *
 * A table that was never in use is not announced: the active table of the same name may be
 * live. The table's resume calls this function again.
 *
 * Context: any, device cannot go away.
 */
void envelope_failure_announce(struct envelope_device *dev)
{
	enum envelope_reason reason = envelope_lifecycle_reason(&dev->lifecycle);

	if (reason == ENVELOPE_NOT_FAILED || reason == ENVELOPE_REMOVED)
		return;
	/* Pairs with envelope_resume(), which sets @activated and then reads the cause. */
	smp_mb();
	if (READ_ONCE(dev->activated) && !test_and_set_bit(0, &dev->announced))
		envelope_volume_key_queue(&dev->announce_work);
}

/**
 * envelope_failure_now() - fail all targets of one table, not their keys
 * @table: a table in use, of which all targets are constructed
 * @reason: kept for each target that was live
 *
 * Context: sleeps for open sections, and for pollers if there were any; never for a disk.
 */
void envelope_failure_now(const struct dm_table *table, enum envelope_reason reason)
{
	struct envelope_device *dev;

	mutex_lock(&targets_lock);
	list_for_each_entry(dev, &targets, target_node)
		if (dev->ti->table == table)
			envelope_failure_begin(dev, reason);
	envelope_sections_wait();
	list_for_each_entry(dev, &targets, target_node) {
		if (dev->ti->table != table)
			continue;
		envelope_lifecycle_set_drained(&dev->lifecycle);
		envelope_failure_announce(dev);
		envelope_pollers_wait(dev);
	}
	mutex_unlock(&targets_lock);
}
