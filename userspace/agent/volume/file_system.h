/* SPDX-License-Identifier: MIT */
/*
 * The file system on a volume. Reads the device of a volume, so it is for a device thread only.
 */
#ifndef ENVELOPE_FILE_SYSTEM_H
#define ENVELOPE_FILE_SYSTEM_H

#include <stdint.h>

#define FILE_SYSTEM_WARNING_MAX 384

void file_system_warning(const char *device, uint32_t block, char warning[FILE_SYSTEM_WARNING_MAX]);

#endif
