/* SPDX-License-Identifier: MIT */
/* The write protection of all disks, in place of the kernel's answer. */
#ifndef WRITE_PROTECTION_H
#define WRITE_PROTECTION_H

#include <stdbool.h>

extern bool disks_protected;

#endif
