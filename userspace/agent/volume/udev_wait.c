// SPDX-License-Identifier: MIT
/* See udev_wait.h. */
#include "agent/volume/udev_wait.h"

#include <libdevmapper.h>
#include <pthread.h>
#include <unistd.h>

/* How often in a second the semaphore is looked at. */
#define UDEV_LOOKS 200

/**
 * udev_await() - wait until udev has done its work for a device of device mapper
 * @cookie: of the request; 0: nothing to wait for
 * @name: of the device
 *
 * udev counts a semaphore of this IPC namespace down. If it does not come within UDEV_SECONDS, this
 * function does its work: the node in /dev/mapper. dm_udev_wait() would wait without end for an udev
 * that is stopped or that cannot see the semaphore.
 *
 * libdevmapper keeps the nodes that are to be made in a list without a lock. So there is a lock here,
 * and dm_task_run(), which may block, keeps no list (DM_UDEV_DISABLE_LIBRARY_FALLBACK).
 *
 * Return: false when udev did not come.
 */
bool udev_await(uint32_t cookie, const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int ready = !cookie || !dm_udev_get_sync_support();

	for (unsigned int i = 0; !ready && i < UDEV_SECONDS * UDEV_LOOKS; i++) {
		if (i)
			usleep(1000000 / UDEV_LOOKS);
		pthread_mutex_lock(&lock);
		if (!dm_udev_wait_immediate(cookie, &ready))
			ready = true;
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	if (!ready) {
		/* In udev's place, which ends the wait and deletes the semaphore. */
		dm_udev_complete(cookie);
		dm_udev_wait(cookie);
	}
	dm_mknodes(name);
	dm_task_update_nodes();
	pthread_mutex_unlock(&lock);
	return ready;
}
