// SPDX-License-Identifier: MIT
/*
 * From a header on a disk to a live device: read and check, have the KMS unwrap the
 * key under the header's hash, verify the key, give it to the kernel, make the device.
 *
 * The table is built from the copy of the header that was hashed, never from a second
 * read: the disk may answer differently the next time.
 */
#include "agent/work/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/lease/held_key.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/lease/renewal.h"
#include "agent/rules/rules.h"
#include "agent/volume/device_users.h"
#include "agent/volume/scan.h"
#include "agent/work/key_loss.h"
#include "agent/work/loss_record.h"
#include "agent/work/operation.h"
#include "agent/work/state.h"
#include "lib/base/log.h"

/* Seconds that a key put there for a bare `dmsetup create` may be without a device. */
#define AWAIT_DEVICE_S 60

static void run_attach(struct operation *op)
{
	const char *device = op->device;
	struct agent *agent = op->agent;
	uint64_t lease = agent_lease_ns(agent);
	char description[64];

	cluster_key_description(op->cluster, description);
	op->result = header_verify_key(device, &op->header, op->key, &op->fault);
	if (op->result == 0)
		op->result = keyring_add(agent->keyring, description, op->key, lease,
					 lease_deadline(op->asked_ns, lease), &op->serial,
					 &op->fault);
	secret_free(op->key);
	op->key = NULL;
	if (op->result < 0 || op->kind == OPERATION_ACTIVATE)
		return;
	op->result = mapper_create(op->device_name, &op->header, device, op->number, description,
				   &op->fault);
	if (op->result < 0) {
		keyring_revoke(agent->keyring, op->serial);
		op->serial = 0;
	}
}

/*
 * A live cluster goes on being renewed while its key is asked for again. If that was refused
 * meanwhile, this answer is the older one, or the KMS has changed its mind: a loss is not undone.
 */
static bool denied_meanwhile(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (!cluster_is_inaccessible(cluster) || cluster->status == op->before)
		return false;
	fault_set(&op->fault, "KMSKeyNotAccessibleFault",
		  "The KMS refused the key of the cluster %s while it was being asked for: %.300s",
		  cluster->id, cluster->reason);
	return true;
}

static void attached(struct operation *op)
{
	struct cluster *cluster = op->cluster;
	bool recorded;

	if (op->result < 0) {
		operation_fail(op);
		return;
	}
	cluster->key = op->serial;
	if (denied_meanwhile(op)) {
		held_key_drop(cluster);
		operation_fail(op);
		return;
	}
	cluster_from_header(cluster, &op->header, op->device);
	recorded = cluster->denied_since || op->header.state[0];
	key_loss_undone(cluster);
	if (op->kind == OPERATION_ACTIVATE)
		cluster->awaits_device_ns = lease_now() + AWAIT_DEVICE_S * NS_PER_S;
	else
		snprintf(cluster->mapping.name, sizeof(cluster->mapping.name), "%s",
			 op->device_name);
	cluster->mapping.live = true;
	cluster->mapping.lease_length = op->agent->config.lease_seconds;
	cluster->renewal.last_error[0] = 0;
	renewal_start(cluster, lease_deadline(op->asked_ns, agent_lease_ns(op->agent)), true);
	state_set(cluster, CLUSTER_AVAILABLE, "%s",
		  op->kind == OPERATION_ACTIVATE ? "key-activated: for a bare dmsetup create" : "");
	/* Now that the status says so: the disk is told what the status is. */
	if (!loss_record_refute(cluster) && recorded)
		loss_record_write(cluster);
	operation_end(op);
}

static void unwrapped(struct operation *op, json_object *response, struct secret *plaintext)
{
	op->key = plaintext;
	if (!plaintext) {
		fault_set(&op->fault, "InternalFailure", "The KMS answered Decrypt without a key.");
		operation_fail(op);
		return;
	}
	operation_device_step(op, run_attach, attached);
}

/*
 * Is the header the one that was written for this cluster? The KMS answers for the rest. The
 * wrapped key is in no hash, and for one that was changed the KMS's answer is a denial: a byte
 * on the disk would lose the cluster for ever.
 */
static int check_header(struct operation *op)
{
	const struct volume_header *header = &op->header;
	const struct cluster *cluster = op->cluster;
	bool other_hash = strcmp(header->header_sha256, cluster->header_sha256);
	bool other_key = header->wrapped_key_size != cluster->wrapped_key_size ||
			 memcmp(header->wrapped_key, cluster->wrapped_key,
				cluster->wrapped_key_size);

	if ((cluster->header_sha256[0] && other_hash) || (cluster->wrapped_key_size && other_key))
		return fault_set(&op->fault, "InvalidVolumeHeader",
				 "The header on %s is not the one that was written for the cluster %s: somebody changed it. Nothing was unlocked. Restore the header from a backup (cryptsetup luksHeaderRestore).",
				 op->device, cluster->id);
	return 0;
}

static void header_known(struct operation *op)
{
	struct cluster *cluster = op->cluster;

	if (op->result == 0)
		op->result = check_header(op);
	if (op->result == 0)
		loss_record_doubt(cluster, &op->header);
	if (op->result == 0)
		op->result = rules_region(op->header.region, op->agent->config.region, &op->fault);
	if (op->result < 0) {
		operation_fail(op);
		return;
	}
	operation_ask(op, "Decrypt",
		      kms_decrypt(cluster, op->header.wrapped_key, op->header.wrapped_key_size,
				  op->header.header_sha256, false),
		      unwrapped);
}

/* Reads the header on @op->device, which must be that of the cluster's volume. */
static int read_header(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	struct stat st;

	if (stat(op->device, &st) < 0)
		return fault_set(&op->fault, "InvalidParameterValue", "cannot open %s: %s",
				 op->device, strerror(errno));
	op->number = st.st_rdev;
	if (header_read(op->device, &op->header, &op->fault) < 0)
		return -1;
	if (strcmp(op->header.volume_id, cluster->volume_id))
		return fault_set(&op->fault, "InvalidVolumeHeader",
				 "%s holds the volume %s of the cluster %s", op->device,
				 op->header.volume_id, op->header.cluster_id);
	return 0;
}

/*
 * Names of disks change, with a boot or a new cable. Looks for the volume on all of them,
 * by its id. Of two that hold it none is taken: which is the copy nobody can tell.
 */
static int find_volume(struct operation *op)
{
	const struct cluster *cluster = op->cluster;
	const struct fault why = op->fault;
	struct scanned *volumes = NULL;
	size_t count = scan_volumes(&volumes), found = 0;
	char first[sizeof(volumes->device)] = "", second[sizeof(first)] = "";

	for (size_t i = 0; i < count; i++) {
		if (strcmp(volumes[i].header.volume_id, cluster->volume_id))
			continue;
		memcpy(found++ ? second : first, volumes[i].device, sizeof(first));
	}
	free(volumes);
	if (!found)
		return fault_set(&op->fault, why.code,
				 "The volume %s of the cluster %s is not on %s, nor on another device of this host. (%.200s)",
				 cluster->volume_id, cluster->id, op->device, why.message);
	if (found > 1)
		return fault_set(&op->fault, "InvalidVolumeHeader",
				 "The volume %s of the cluster %s is not on %s, but on %s and on %s: take the copy away, then start the cluster again.",
				 cluster->volume_id, cluster->id, op->device, first, second);
	log_info("Cluster %s: its volume has moved from %s to %s.", cluster->id, op->device, first);
	snprintf(op->device, sizeof(op->device), "%s", first);
	return read_header(op);
}

static void run_read_header(struct operation *op)
{
	if (op->stale) {
		op->result = mapper_remove(op->mapping.name, &op->fault);
		if (op->result < 0) {
			device_users_explain(op->mapping.device, op->mapping.name, &op->fault);
			return;
		}
	}
	op->result = read_header(op);
	if (op->result < 0)
		op->result = find_volume(op);
}

/**
 * attach_begin() - open the volume of @op's cluster
 *
 * A failed device that is left over is removed first. ACTIVATE stops short of making
 * the device: somebody else is about to.
 */
void attach_begin(struct operation *op)
{
	op->stale = op->mapping.name[0] && !op->mapping.live && op->kind != OPERATION_ACTIVATE;
	operation_device_step(op, run_read_header, header_known);
}
