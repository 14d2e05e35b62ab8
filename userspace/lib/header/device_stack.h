/* SPDX-License-Identifier: MIT */
/*
 * What lies on a block device, from sysfs: its partitions, the devices that hold it (LVM, kpartx, a
 * mirror), and what lies on these. A user of one of them uses the device.
 */
#ifndef ENVELOPE_DEVICE_STACK_H
#define ENVELOPE_DEVICE_STACK_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct stacked_device - the device itself, or one that lies on it
 * @name: the kernel's name; "" for the device itself
 * @below: index of the device that it lies on
 */
struct stacked_device {
	dev_t number;
	char name[32]; /* the kernel takes no longer one (DISK_NAME_LEN) */
	size_t below;
};

size_t device_stack_list(dev_t device, struct stacked_device **ret);
bool device_stack_has(dev_t device, const char *uuid, char between[32]);

#endif
