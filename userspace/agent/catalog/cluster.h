/* SPDX-License-Identifier: MIT */
/*
 * A cluster: the fields of the catalog, and the state of its volume while the agent runs.
 */
#ifndef ENVELOPE_CLUSTER_H
#define ENVELOPE_CLUSTER_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/catalog/pool_volume.h"
#include "lib/header/header.h"
#include "agent/volume/disk_identity.h"
#include "agent/volume/file_system.h"
#include "agent/volume/mapper.h"
#include "lib/kms/reach.h"
#include "lib/kms/worker_protocol.h"

struct agent;
struct operation;

enum cluster_status {
	CLUSTER_CREATING,
	CLUSTER_AVAILABLE,
	CLUSTER_STOPPED,
	CLUSTER_RECOVERABLE,  /* the KMS refused; not confirmed, or within the recovery window */
	CLUSTER_INACCESSIBLE, /* the KMS refused; terminal */
	CLUSTER_DELETING,
};

#define CLUSTER_ID_MAX 63

/**
 * struct grant - who gave a volume's key last
 * @kms: identity of the KMS, see grant.c; "" for none yet
 * @principal: who signed the call: ARN and id, as STS says, or the id of an access key
 */
struct grant {
	char kms[VOLUME_KMS_MAX];
	char principal[WORKER_PRINCIPAL_MAX];
};

/**
 * struct cluster - owned by the agent's list; only the event loop touches it; cluster_free()
 * @id: DB cluster identifier, lower case
 * @device: path of the block device with the ciphertext, as the user gave it; owned
 * @requested_key: the key of a creation as its request named it: ARN, id or alias
 * @key_arn: ARN of the key; "" until the KMS has resolved @requested_key, and for a plain cluster: see
 *	cluster_is_plain()
 * @status, @reason: AWS's word, and why
 * @created, @denied_since: seconds since 1970; @denied_since is 0 unless the KMS has refused
 * @wrapped_key, @wrapped_key_size, @header_sha256: from the verified header, so that leases can
 *	be renewed without touching the disk; sizes 0 and "" until the volume is formatted
 *
 * @grant: of its key, in a table of its own
 *
 * Above is what the catalog keeps. Below is what this process knows:
 * @disk: identity of the disk with the volume, owned, from a table of its own; NULL if it is not known
 * @stamp: the last that this host is known to have written to the header, from a table of its own;
 *	host "" if none is known; the next stamp is later than its time
 * @deletion_protection: no deletion; from a table of its own
 * @allow_discards: discards are to reach the disk, from a table of its own
 * @reloads_left: modifications that gave way, whose step may still change the table of the device
 * @reach: from a table of its own
 * @sectors: the most that the volume is known to have had, from a table of its own; 0 if that is not
 *	known
 * @in_pool: its volume in a pool, from a table of its own; the pool's name is "" for a device that the user
 *	gave
 * @found: path at which the disk was last found, owned; NULL if it was not yet
 * @at_path: number of the block device to which @device led when it was last looked up; 0 for none.
 *	@path_asked: it is being looked up: see path_look.c
 * @absent: the disk was not there at the last look at the disks
 * @key: serial number of the kernel key that this agent renews, 0 for none
 * @deadline_ns: end of the lease, CLOCK_BOOTTIME
 * @claim_ns: end of this host's claim on the volume, CLOCK_BOOTTIME: no lease lasts longer; 0 for no
 *	limit
 * @stamping: a new claim is being written
 * @warning: what the last start found on the volume, or why a deletion has not marked its header; ""
 *	for nothing
 * @kms_on_disk: see kms_record.h
 * @reservation: does this host hold a reservation of the disk? @known: it was looked at, @asking: now;
 *	@recorded: the catalog has a row of it, in a table of its own; @fence_s, @fence_end_ns: length
 *	and end (CLOCK_BOOTTIME) of the claim of a host that was fenced, 0 for none; @timer: of the end
 *	of a reservation that was kept for it
 * @mapping: the volume's device as last seen; its name is "" for none
 * @keyless: the device is live without a key that the agent can renew, which is logged
 * @awaits_device: the key was put there for a bare `dmsetup create`; until this time
 *	(CLOCK_BOOTTIME) a missing device is no reason to take the key away
 * @operation: at work on this cluster; NULL for none. Nothing else may begin meanwhile
 * @gives_way: @operation asks no KMS and writes to no disk: a stop, a deletion or a denial need not wait
 *	for it
 * @renewal: see renewal.h
 * @loss: the question whether a refused key is lost, see key_loss.c; times are CLOCK_BOOTTIME
 * @restart: whether the agent starts it after the end of its lease, see restart.c; @restart.at_boot and
 *	@restart.read_only are from a table of their own
 * @disk_doubted: its header says that the key is lost permanently, which is not believed until the
 *	KMS has been asked
 * @record: the header did not take that the key is lost; tried again then
 * @unsaved: a change of it, such as its status, is neither in the catalog nor in the trail yet; @saved:
 *	called when it is
 * @held_up: what its operation waits for although its time is over; "" for nothing
 * @changed: of agent.changes, when an operation last ended
 */
struct cluster {
	struct cluster *next;
	struct agent *agent;

	char id[CLUSTER_ID_MAX + 1];
	char resource_id[35];
	char volume_id[22];
	char *device;
	char requested_key[ARN_MAX];
	char key_arn[ARN_MAX];
	char region[32];
	char account[13];
	enum cluster_status status;
	char reason[512];
	int64_t created;
	int64_t denied_since;
	uint8_t wrapped_key[VOLUME_WRAPPED_KEY_MAX];
	size_t wrapped_key_size;
	char header_sha256[65];
	struct grant grant;

	char *disk;
	struct volume_owner stamp;
	bool deletion_protection;
	bool allow_discards;
	unsigned int reloads_left;
	struct reach reach;
	uint64_t sectors;
	struct pool_volume in_pool;
	char *found;
	dev_t at_path;
	bool path_asked;
	bool absent;
	int32_t key;
	uint64_t deadline_ns;
	uint64_t claim_ns;
	bool stamping;
	char warning[FILE_SYSTEM_WARNING_MAX];
	struct {
		bool held;
		bool known;
		bool recorded;
		bool asking;
		uint32_t fence_s;
		uint64_t fence_end_ns;
		sd_event_source *timer;
	} reservation;
	struct mapping mapping;
	bool keyless;
	uint64_t awaits_device_ns;
	struct operation *operation;
	bool gives_way;
	struct {
		sd_event_source *timer;
		uint64_t next_ns;      /* of the next question; 0: it is being asked */
		bool due;	       /* waits for its turn to be asked */
		unsigned int failures; /* in a row */
		int64_t last_success;  /* seconds since 1970 */
		char last_error[512];
	} renewal;
	struct {
		uint64_t denied_ns;	/* of the first refusal that this agent knows; 0: none */
		uint64_t refused_ns;	/* of the last refusal that is a verdict */
		uint64_t again_ns;	/* of a new try after silence */
		uint64_t spent_ns;	/* of the recovery window, up to counted_ns; length */
		uint64_t counted_ns;	/* 0: no window is counted */
		unsigned int failures;	/* in a row */
		bool asking;		/* the KMS is being asked */
		bool many;		/* refused with many, during its operation */
		sd_event_source *timer; /* of the next question */
	} loss;
	struct {
		bool at_boot;		   /* the boot unit started it last */
		bool read_only;		   /* its client asked for a read-only device */
		bool unsaved;		   /* the catalog does not have these two */
		bool unwanted;		   /* a person stopped it during such a start */
		struct restart_stop *stop; /* such a stop, which waits for the start's end */
		unsigned int failures;	   /* in a row */
		sd_event_source *timer;	   /* of the next try; NULL when none is due */
	} restart;
	bool disk_doubted;
	struct {
		sd_event_source *timer;
		unsigned int failures; /* in a row */
	} record;
	struct {
		char kms[VOLUME_KMS_MAX]; /* of the header, as last seen or written; "" for none */
		bool writing;
		bool failed; /* the last write; logged */
	} kms_on_disk;
	bool unsaved;
	void (*saved)(struct cluster *cluster);
	char held_up[400];
	uint64_t changed;
};

const char *cluster_status_name(enum cluster_status status);
bool cluster_status_parse(const char *name, enum cluster_status *ret);
const char *cluster_key(const struct cluster *cluster);
bool cluster_is_plain(const struct cluster *cluster);
bool cluster_is_inaccessible(const struct cluster *cluster);
bool cluster_is_occupied(const struct cluster *cluster);
bool cluster_is_in_between(const struct cluster *cluster);

void cluster_free(struct cluster *cluster);
int cluster_make_ids(struct cluster *cluster);
void cluster_from_header(struct cluster *cluster, const struct volume_header *header);
bool cluster_has_header(const struct cluster *cluster, const struct volume_header *header);
const char *cluster_disk_path(const struct cluster *cluster);
void cluster_key_description(const struct cluster *cluster, char description[64]);
void cluster_device_name(const struct cluster *cluster, char name[128]);

#endif
