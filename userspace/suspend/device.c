// SPDX-License-Identifier: MIT
/*
 * The requests to device mapper, for one device. All requests are made before the device is suspended:
 * memory may be short while writes are held.
 */
#include "suspend/device.h"

#include <errno.h>
#include <libdevmapper.h>
#include <stddef.h>

static struct dm_task *info, *suspend, *resume;

static int run(struct dm_task *task)
{
	if (dm_task_run(task))
		return 0;
	return dm_task_get_errno(task) ? -dm_task_get_errno(task) : -EIO;
}

static struct dm_task *task_for(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);

	return task && dm_task_set_name(task, name) ? task : NULL;
}

/**
 * device_prepare() - name the device of all later calls
 *
 * Return: 0 or a negative errno.
 */
int device_prepare(const char *name)
{
	uint32_t cookie = 0;

	/* Nobody waits for udev here: its rules may read the device that is suspended. */
	dm_udev_set_sync_support(0);
	dm_hold_control_dev(1);
	info = task_for(DM_DEVICE_INFO, name);
	suspend = task_for(DM_DEVICE_SUSPEND, name);
	resume = task_for(DM_DEVICE_RESUME, name);
	if (!info || !suspend || !resume ||
	    !dm_task_set_cookie(resume, &cookie, DM_UDEV_DISABLE_LIBRARY_FALLBACK))
		return -ENOMEM;
	return 0;
}

/** device_is_suspended() - 1, 0, or a negative errno: -ENXIO without such a device */
int device_is_suspended(void)
{
	struct dm_info now;
	int r = run(info);

	if (r < 0)
		return r;
	if (!dm_task_get_info(info, &now) || !now.exists)
		return -ENXIO;
	return now.suspended;
}

/**
 * device_suspend() - freeze the file system on the device, and hold all requests
 *
 * A signal ends the wait for requests under way: the device is then as it was.
 *
 * Return: 0 or a negative errno.
 */
int device_suspend(void)
{
	return run(suspend);
}

/** device_resume() - 0, also if it is not suspended, or a negative errno */
int device_resume(void)
{
	return run(resume);
}
