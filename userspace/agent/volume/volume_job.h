/* SPDX-License-Identifier: MIT */
/*
 * A job for a device thread on one volume. It holds copies of its input and takes its result, and
 * has no pointer to the agent or to a cluster: the functions that run in a device thread cannot
 * touch what belongs to the event loop.
 */
#ifndef ENVELOPE_VOLUME_JOB_H
#define ENVELOPE_VOLUME_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/catalog/cluster.h"
#include "agent/volume/disk_identity.h"
#include "agent/volume/file_system.h"
#include "agent/volume/mapper.h"
#include "agent/volume/reservation.h"
#include "agent/volume/thin.h"
#include "agent/volume/thin_snapshot.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/header/header.h"

struct kept_header;

/**
 * struct volume_job - copies in, result out; while it runs, the event loop leaves it alone
 * @device: path of the block device with the volume, as the user gave it; owned by the operation
 * @found: path of the device that holds the volume, owned: locate_volume() fills it
 * @disk: identity of the disk with the volume, owned; NULL if it is not known
 * @stamp: the last stamp of this host on the volume that the catalog knows; host "" for none
 * @chosen: the user chose @device, whatever disk it is
 * @claim: descriptor that keeps other users from the device, -1 for none
 * @read_only: the device is to be read-only, because its disk is write-protected or as asked
 * @read_only_asked: the client asked for it
 * @at_boot: the boot unit asked for the start
 * @allow_discards: discards are to reach the disk
 * @volume_id, @cluster_id: of the volume
 * @header_sha256: hash of the verified header, as the catalog has it
 * @description: of the volume's key in the kernel keyring
 * @mapping: the volume's device-mapper device at the beginning of the operation
 * @device_name: of the device-mapper device to make; the kernel takes no longer one (DM_NAME_LEN)
 * @keyring: serial number of the kernel keyring "envelope"
 * @lease_ns, @asked_ns: length of a lease, and when the KMS was asked (CLOCK_BOOTTIME)
 * @key: plaintext of the volume key, only between the KMS's answer and its use
 * @blob: wrapped key in base64 on its way from one KMS call to the next
 * @backup: of the volume's header, in hexadecimal digits; owned by the operation
 * @keep: the catalog wants a copy of the header
 * @kept: this copy, or the one of the catalog for a restore without a backup; owned by the operation
 * @state, @state_reason: that such a restored header is to record; "" for none
 * @owner: this host, as the header is to name it; host "" if it has no id. Its time is that of the
 *	stamp that was written
 * @kms: identity of the KMS for a header to make; "" for none
 * @take_over: the client says that the volume's other owner is gone
 * @claim_ns: end of this host's claim on the volume (CLOCK_BOOTTIME), 0 without one
 * @fencing: the disk is to be reserved for this host; @reservation: what this host has on it
 * @fence_s: claim of a host that the job is about to fence, in seconds; 0 for none
 * @fence_end_ns: until then (CLOCK_BOOTTIME) a host that was fenced may have the volume open: the
 *	disk stays reserved, and no claim of this host is shorter. 0: no host was fenced
 * @foreign: the volume is another host's, with @fault
 * @at_path: of the block device at @device when it was looked up last; 0 for none
 * @other, @other_number: another cluster's path, owned, and the block device there; 0 for none
 * @thin: the cluster's volume in a pool, see thin.h
 * @snapshot: of this volume, or that it is restored from; see thin_snapshot.h
 * @number: of the block device that @header was read from, or is to be written to
 * @overwrite: the device's old content may be lost
 * @grow: the volume is to take all of its disk
 * @sector_size: of a volume to make, 0 for the default
 * @key_only: give the key to the kernel, but make no device
 * @stale: the device is there, failed, and must go first
 * @erase: overwrite the header
 * @interrupted: an agent before this one began the operation
 * @formatted: our header is on the device
 * @header: verified copy, once read
 * @source: that of the snapshot that a volume is made from
 * @plain: the volume is not encrypted
 * @opened: a key was given to the kernel, or the device of a plain volume was made
 * @serial: kernel key
 * @warning: what a start found on the volume, "" for nothing
 * @result: of the last step: negative when it failed, with @fault
 */
struct volume_job {
	char *device;
	char *found;
	char *disk;
	struct volume_owner stamp;
	bool chosen;
	int claim;
	bool read_only;
	bool read_only_asked;
	bool at_boot;
	bool allow_discards;
	char volume_id[22];
	char cluster_id[CLUSTER_ID_MAX + 1];
	char resource_id[35];
	char key_arn[ARN_MAX];
	char region[32];
	char account[13];
	char header_sha256[65];
	char description[64];
	struct mapping mapping;
	char device_name[128];
	int32_t keyring;
	uint64_t lease_ns;
	uint64_t asked_ns;
	struct secret *key;
	char *blob;
	char *backup;
	bool keep;
	struct kept_header *kept;
	char state[64];
	char state_reason[512];
	struct volume_owner owner;
	char kms[VOLUME_KMS_MAX];
	bool take_over;
	uint64_t claim_ns;
	bool fencing;
	struct reservation reservation;
	uint32_t fence_s;
	uint64_t fence_end_ns;
	bool foreign;
	dev_t at_path;
	char *other;
	dev_t other_number;
	struct thin_volume thin;
	struct thin_snapshot snapshot;
	dev_t number;
	bool overwrite;
	bool grow;
	uint32_t sector_size;
	bool key_only;
	bool stale;
	bool erase;
	bool interrupted;
	bool formatted;
	struct volume_header header;
	struct volume_header source;
	bool plain;
	bool opened;
	int32_t serial;
	char warning[FILE_SYSTEM_WARNING_MAX];
	int result;
	struct fault fault;
};

#endif
