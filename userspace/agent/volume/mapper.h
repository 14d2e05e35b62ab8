/* SPDX-License-Identifier: MIT */
/*
 * Device-mapper devices of volumes, through libdevmapper. Only device threads call these, but
 * for mapper_init() and mapper_events(): an ioctl may wait for a disk.
 */
#ifndef ENVELOPE_MAPPER_H
#define ENVELOPE_MAPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/fault.h"
#include "lib/header/header.h"

/* Description of a volume's key in the kernel keyring: this, then the volume id. */
#define KEY_DESCRIPTION_PREFIX "dm-envelope:"

#define MAPPER_CONTROL	       "/dev/mapper/control"

/**
 * struct mapping - one device, as `dmsetup status` shows it
 * @name: without /dev/mapper/; the kernel takes no longer one (DM_NAME_LEN)
 * @volume_id: from the key's description in the table, or the uuid of a plain volume's device
 * @plain: of a plain volume: it has no key, and no state but that it is there
 * @live: false once the kernel failed it, for @reason
 * @lease_left: seconds
 * @lease_length: seconds of a whole lease; 0 if the module does not report it
 * @driver: the kernel's XTS implementation
 * @reads to @refused: see docs/kernel-interface.md
 * @open_count: openers, mounts and devices on top
 * @below: number of the disk with the ciphertext
 * @start: of the ciphertext on @below, in 512-byte sectors
 * @sectors: length, in 512-byte sectors
 * @growable: bytes of @below behind its end, from growth_measure()
 * @read_only: it cannot be written to
 * @allow_discards: discards reach the disk
 */
struct mapping {
	char name[128];
	char volume_id[22];
	bool plain;
	bool live;
	char reason[32];
	int64_t lease_left;
	uint64_t lease_length;
	char driver[64];
	uint64_t reads, writes, discards, flushes, errors, refused;
	int open_count;
	dev_t device;
	dev_t below;
	uint64_t start;
	uint64_t sectors;
	uint64_t growable;
	bool read_only;
	bool allow_discards;
};

/**
 * struct device_table - a volume's device, as it is to be
 * @name: of the device
 * @header: verified copy
 * @device: block device with the ciphertext
 * @number: its number when @header was read; a path that has another number by now is refused
 * @read_only: make a device that cannot be written to
 * @allow_discards: pass discards to the disk
 * @description: of the kernel key, which must be reachable from this thread's keyrings
 */
struct device_table {
	const char *name;
	const struct volume_header *header;
	const char *device;
	dev_t number;
	bool read_only;
	bool allow_discards;
	const char *description;
};

char *mapper_path(const char *name);
int mapper_init(struct fault *f);
int mapper_events(void);
int mapper_create(const struct device_table *table, struct fault *f);
int mapper_reload(const struct device_table *table, struct fault *f);
int mapper_remove(const char *name, struct fault *f);
bool mapper_is_mapping(const char *name);
bool mapper_find(const char *name, struct mapping *mapping);
int mapper_list(struct mapping **ret, size_t *count, struct fault *f);
int mapper_parse_status(const char *params, struct mapping *mapping);

#endif
