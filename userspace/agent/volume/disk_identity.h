/* SPDX-License-Identifier: MIT */
/*
 * What identifies a disk beside its path, which a boot, a new cable or a renaming gives to another
 * disk.
 */
#ifndef ENVELOPE_DISK_IDENTITY_H
#define ENVELOPE_DISK_IDENTITY_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define DISK_IDENTITY_MAX PATH_MAX

void disk_identity(dev_t number, char identity[DISK_IDENTITY_MAX]);
bool disk_node(dev_t number, char node[PATH_MAX]);
bool disk_identity_proves(const char *stored, const char *seen);

#endif
