/* SPDX-License-Identifier: MIT */
/*
 * What identifies a disk beside its path, which a boot, a new cable or a renaming gives to another
 * disk.
 */
#ifndef ENVELOPE_DISK_IDENTITY_H
#define ENVELOPE_DISK_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

char *disk_identity(dev_t number);
char *disk_node(dev_t number);
bool disk_identity_proves(const char *stored, const char *seen);
bool disk_identity_is_copied(const char *identity);

#endif
