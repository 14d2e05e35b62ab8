/* SPDX-License-Identifier: MIT */
/*
 * The devices that hold a block device, from sysfs: a mirror holds its legs, multipath its paths, DRBD
 * its disk, LVM its physical volumes.
 *
 * Must never look at the device alone: a partition and its disk are the same blocks under two names.
 */
#ifndef ENVELOPE_DEVICE_HOLDERS_H
#define ENVELOPE_DEVICE_HOLDERS_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct device_holder - a device that holds another one
 * @name: the kernel's name of the holder
 * @held: the kernel's name of the device that it holds, when @related; else ""
 * @related: it holds the disk of the partition, or a partition of the disk
 */
struct device_holder {
	char name[32]; /* the kernel takes no longer one (DISK_NAME_LEN) */
	char held[32];
	bool related;
};

ssize_t device_holders_list(const char *folder, struct device_holder **ret);

#endif
