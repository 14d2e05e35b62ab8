/* SPDX-License-Identifier: MIT */
/*
 * Block devices in sysfs: their names, their attributes, and their nodes in /dev. All strings are for
 * free(); after NULL errno is ENOMEM only if there was no memory.
 */
#ifndef ENVELOPE_SYSFS_H
#define ENVELOPE_SYSFS_H

#include <stdbool.h>
#include <sys/types.h>

char *sysfs_read(const char *name, const char *attribute);
bool sysfs_has(const char *name, const char *attribute);
char *sysfs_name(dev_t number);
char *sysfs_disk_of(const char *partition);
char *sysfs_node(const char *name);

#endif
