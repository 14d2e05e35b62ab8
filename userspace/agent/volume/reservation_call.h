/* SPDX-License-Identifier: MIT */
/*
 * The kernel's calls for persistent reservations of a disk (<linux/pr.h>): SCSI-3 and NVMe. A disk
 * knows a host by the key that the host has registered over its path to the disk.
 */
#ifndef ENVELOPE_RESERVATION_CALL_H
#define ENVELOPE_RESERVATION_CALL_H

#include <stdint.h>

/**
 * enum reservation_answer - of the disk
 * @RESERVATION_CONFLICT: the registrations or the reservation of the disk forbid it
 * @RESERVATION_UNKNOWN: the device has no reservations, is no whole disk, or gave another answer
 */
enum reservation_answer {
	RESERVATION_DONE,
	RESERVATION_CONFLICT,
	RESERVATION_UNKNOWN,
};

enum reservation_answer reservation_register(const char *device, uint64_t old, uint64_t key);
enum reservation_answer reservation_reserve(const char *device, uint64_t key);
enum reservation_answer reservation_preempt(const char *device, uint64_t key, uint64_t other);
enum reservation_answer reservation_release(const char *device, uint64_t key);

#endif
