// SPDX-License-Identifier: MIT
/*
 * A file system that was copied from a device with smaller blocks than its volume has. The kernel does
 * not mount it, and the error of mount(8) does not name the block size.
 */
#include "agent/volume/file_system.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/header/block_device.h"

/**
 * file_system_warning() - are the blocks of a volume's file system too small for the volume?
 * @device: the volume's device, live
 * @block: bytes of a block of @device
 * @warning: filled with sentences for the user, or with "": also if the device cannot be read
 */
void file_system_warning(const char *device, uint32_t block, char warning[FILE_SYSTEM_WARNING_MAX])
{
	struct block_device_contents contents;
	struct fault ignored;

	warning[0] = 0;
	if (block_device_probe(device, -1, &contents, &ignored) < 0 || !contents.block_size ||
	    contents.block_size >= block)
		return;
	snprintf(warning, FILE_SYSTEM_WARNING_MAX,
		 "When the cluster was started, its volume held a file system (%.64s) with blocks of %" PRIu32
		 " bytes. The kernel cannot mount it from a volume with sectors of %" PRIu32
		 " bytes. Create a volume with --sector-size 512, and copy the file system to it.",
		 contents.what, contents.block_size, block);
}
