/* SPDX-License-Identifier: MIT */
/* Block devices in sysfs: their names, their attributes, and their nodes in /dev. */
#ifndef ENVELOPE_SYSFS_H
#define ENVELOPE_SYSFS_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

bool sysfs_read(const char *name, const char *attribute, char text[PATH_MAX]);
bool sysfs_name(dev_t number, char name[NAME_MAX + 1]);
bool sysfs_disk_of(const char *partition, char disk[NAME_MAX + 1]);
void sysfs_node(const char *name, char node[PATH_MAX]);

#endif
