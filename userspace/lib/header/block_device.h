/* SPDX-License-Identifier: MIT */
/*
 * Checks of a block device (or an image file) before it is written: its size, its users, its
 * contents.
 *
 * Must never write to a device without the claim of block_device_take().
 */
#ifndef ENVELOPE_BLOCK_DEVICE_H
#define ENVELOPE_BLOCK_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/fault.h"

#define BLOCK_DEVICE_PATH_MAX 32

#define BLOCK_DEVICE_ERROR    "DeviceError" /* the disk has gone, or has a fault */

const char *block_device_fault_code(int error);

int block_device_open(const char *device, struct fault *f);

void block_device_path(int fd, char path[BLOCK_DEVICE_PATH_MAX]);

int block_device_size(const char *device, int fd, uint64_t *size, struct fault *f);

int block_device_block_size(const char *device, int fd, uint32_t *size, struct fault *f);

int block_device_check_readable(const char *device, int fd, size_t size, struct fault *f);

int block_device_claim(const char *device, dev_t number, bool *read_only, struct fault *f);

bool block_device_is_protected(const char *device);

int block_device_check_writable(const char *device, int fd, struct fault *f);

bool block_device_write_failed(const char *device, int fd, int error, struct fault *f);

int block_device_take(const char *device, struct fault *f);

int block_device_check_claim(int fd, const char *device, dev_t number, bool *read_only,
			     struct fault *f);

/**
 * struct block_device_contents - what libblkid recognises
 * @found: false when the device looks empty
 * @what: for people: "ext4 filesystem", "gpt partition table"
 * @subsystem, @label: of LUKS2, or ""
 * @block_size: bytes of the smallest block that a file system reads or writes, 0 if it is not known
 */
struct block_device_contents {
	bool found;
	char what[128];
	char subsystem[64];
	char label[64];
	uint32_t block_size;
};

int block_device_probe(const char *device, int fd, struct block_device_contents *contents,
		       struct fault *f);

int block_device_wipe_signatures(const char *device, int claim, struct fault *f);

int block_device_write(const char *device, int claim, const uint8_t *bytes, size_t size,
		       struct fault *f);

#endif
