/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * dm-envelope: the interface between kernel and userspace.
 *
 * The payload of a key of type "envelope", and the words the target prints in
 * its status line. docs/kernel-interface.md documents both for users;
 * kmod/payload_test.c holds the layout.
 */
#ifndef _UAPI_DM_ENVELOPE_H
#define _UAPI_DM_ENVELOPE_H

#include <linux/types.h>

#define ENVELOPE_TARGET_NAME "envelope"
#define ENVELOPE_KEY_TYPE    "envelope"

/** ENVELOPE_KEY_SIZE - bytes of an AES-256-XTS key: data half, then tweak half */
#define ENVELOPE_KEY_SIZE 64

/** ENVELOPE_PAYLOAD_MAGIC - "ENVL" as a native-endian number */
#define ENVELOPE_PAYLOAD_MAGIC	 0x454e564cU
#define ENVELOPE_PAYLOAD_VERSION 1

/** Bounds of a lease's length, in nanoseconds: one second and one day. */
#define ENVELOPE_LEASE_MIN_NS 1000000000ULL
#define ENVELOPE_LEASE_MAX_NS 86400000000000ULL

/**
 * struct envelope_payload - payload of add_key(2) and KEYCTL_UPDATE
 * @magic: ENVELOPE_PAYLOAD_MAGIC
 * @version: ENVELOPE_PAYLOAD_VERSION
 * @key_size: ENVELOPE_KEY_SIZE when the key is added, 0 when it is renewed
 * @lease_ns: length of one lease. When the key is added: within the bounds
 *            above; a renewal grants at most this length from now. When the
 *            key is renewed: 0.
 * @deadline_ns: CLOCK_BOOTTIME at which the lease ends. Must be in the future
 *               and at most @lease_ns from now.
 * @reserved: must be zero
 * @key: the volume key; absent (the payload ends before it) in a renewal
 *
 * A renewal carries no key material: its size is
 * offsetof(struct envelope_payload, key). All numbers are native-endian.
 */
struct envelope_payload {
	__u32 magic;
	__u16 version;
	__u16 key_size;
	__u64 lease_ns;
	__u64 deadline_ns;
	__u64 reserved[2];
	__u8 key[ENVELOPE_KEY_SIZE];
};

#define ENVELOPE_RENEWAL_SIZE 40
#define ENVELOPE_PAYLOAD_SIZE (ENVELOPE_RENEWAL_SIZE + ENVELOPE_KEY_SIZE)

/*
 * Why a device or key failed: the second word of `dmsetup status`, DM_ENVELOPE_REASON
 * of the uevent, and the word shown by /proc/keys. A live device shows "-".
 */
#define ENVELOPE_REASON_REVOKED	    "key-revoked"
#define ENVELOPE_REASON_INVALIDATED "key-invalidated"
#define ENVELOPE_REASON_TIMEOUT	    "key-expired"
#define ENVELOPE_REASON_LEASE	    "lease-expired"
#define ENVELOPE_REASON_UNLINKED    "key-unlinked"
#define ENVELOPE_REASON_MESSAGE	    "message"
#define ENVELOPE_REASON_COPIED	    "machine-copied"
#define ENVELOPE_REASON_HIBERNATION "hibernation"
#define ENVELOPE_REASON_STOPS	    "machine-stops"

#endif
