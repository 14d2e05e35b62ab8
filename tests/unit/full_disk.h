/* SPDX-License-Identifier: MIT */
/* fallocate(2) of a disk that a test makes full. */
#ifndef ENVELOPE_FULL_DISK_H
#define ENVELOPE_FULL_DISK_H

#include <stdbool.h>

extern bool disk_is_full; /* no space is given */

#endif
