// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the failure of a device, and its announcement.
 *
 * In this order: let no new section open; fail the bios that wait for pages or for the
 * worker; when the last section has closed, announce the failure in the log, as a
 * device-mapper event and as a uevent.
 *
 * Must never be reached from inside a section: failing waits for sections.
 */
#include <linux/kobject.h>

#include "envelope.h"

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
 * @dev: device under construction
 */
void envelope_failure_init(struct envelope_device *dev)
{
	INIT_WORK(&dev->announce_work, announce_work);
}

/**
 * envelope_failure_exit() - the device goes away
 * @dev: device that is no longer attached to its key
 *
 * Context: sleeps until an announcement under way is finished.
 */
void envelope_failure_exit(struct envelope_device *dev)
{
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
	envelope_lifecycle_begin_kill(&dev->lifecycle, reason);
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
 * envelope_failure_now() - fail one device, not its key
 * @dev: device
 * @reason: kept if it was live
 *
 * Context: sleeps for open sections and an RCU grace period, never for a disk.
 */
void envelope_failure_now(struct envelope_device *dev, enum envelope_reason reason)
{
	envelope_failure_begin(dev, reason);
	envelope_lifecycle_drain(&dev->lifecycle);
	envelope_failure_announce(dev);
}
