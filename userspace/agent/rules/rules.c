// SPDX-License-Identifier: MIT
/*
 * The rules: whether a request is allowed, and RDS's fault if it is not.
 *
 * Must stay pure: a rule reads only its parameters, no clock, no disk and no KMS.
 */
#include "agent/rules/rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dm-envelope.h"
#include "lib/base/arn.h"
#include "lib/base/identifier.h"
#include "lib/header/volume_owner.h"

/**
 * rules_identifier() - may a cluster have this DB cluster identifier?
 *
 * Return: 0 or -1.
 */
int rules_identifier(const char *identifier, struct fault *f)
{
	if (identifier_valid(identifier))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "The parameter DBClusterIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive hyphens; and have at most %d characters.",
			 CLUSTER_ID_MAX);
}

static int check_key(const struct create_request *request, const char *key, const char *region,
		     struct fault *f)
{
	struct key_ref ref;

	if (key_ref_parse(key, &ref, f) < 0)
		return -1;
	if (ref.region[0] && strcmp(ref.region, region))
		return fault_set(f, "InvalidParameterValue",
				 "The KMS key %s is in the region %s, but the cluster is to be in %s. A volume's key must be of the cluster's region.",
				 key, ref.region, region);
	if (ref.kind != KEY_REF_ALIAS || strncmp(ref.name, "alias/aws/", 10) ||
	    !strcmp(ref.name, RULES_DEFAULT_KEY))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "%s is the default key of another service. Use " RULES_DEFAULT_KEY
			 " or a key of your own.",
			 key);
}

/* Encrypted or plain: decided once, and by a person. */
static int check_encryption(const struct create_request *request, struct fault *f)
{
	const char *code = "InvalidParameterCombination";

	if (request->key && !request->storage_encrypted)
		return fault_set(f, code,
				 "KmsKeyId was given without StorageEncrypted. Add --storage-encrypted.");
	if (!request->storage_encrypted && !request->storage_plain)
		return fault_set(f, code,
				 "Say whether the cluster is to be encrypted: add --storage-encrypted. It cannot be encrypted later. A plain cluster is made with --no-storage-encrypted.");
	if (request->storage_plain && request->reach)
		return fault_set(f, code,
				 "A plain cluster has no key: no KMS is asked for it, so it has no profile and no endpoint of its own.");
	return 0;
}

/**
 * rules_create() - may this cluster be created? Checks the request alone, not the key
 * @request: as the client sent it
 * @key: set to the key to use: the requested key or the account's default key; NULL for a plain cluster
 */
int rules_create(const struct create_request *request, const char **key, struct fault *f)
{
	const char *region = request->region ? request->region : request->host_region;

	if (rules_identifier(request->identifier, f) < 0)
		return -1;
	if (check_encryption(request, f) < 0)
		return -1;
	if (request->device && request->device[0] != '/')
		return fault_set(f, "InvalidParameterValue",
				 "The device must be named by its whole path, such as /dev/vdb.");
	if (request->sector_size && request->sector_size != 512 && request->sector_size != 4096)
		return fault_set(f, "InvalidParameterValue",
				 "The sector size of a volume is 4096 or 512 bytes, not %" PRId64
				 ".",
				 request->sector_size);
	if (!arn_valid_region(region))
		return fault_set(f, "InvalidParameterValue", "'%s' is not the name of a region.",
				 region);
	if (strcmp(region, request->host_region))
		return fault_set(f, "InvalidParameterValue",
				 "This host's KMS endpoint is of the region %s, not %s. Set Region= and KmsEndpoint= in envelope.conf, or leave --region out.",
				 request->host_region, region);
	*key = request->storage_plain ? NULL : request->key ? request->key : RULES_DEFAULT_KEY;
	return request->storage_plain ? 0 : check_key(request, *key, region, f);
}

/**
 * rules_key_not_accessible() - RDS's fault for a key that cannot be used; always -1
 * @key: ARN of the key, or the key as the request gave it
 * @format: printf format of the detail that follows RDS's sentence
 */
int rules_key_not_accessible(const char *key, struct fault *f, const char *format, ...)
{
	char detail[sizeof(f->message)];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return fault_set(f, "KMSKeyNotAccessibleFault",
			 "The specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it. %s",
			 key, detail);
}

/**
 * rules_key_metadata() - may this key wrap a new volume's data key?
 * @arn: Arn in the reply of DescribeKey
 * @state: KeyState in the reply of DescribeKey
 * @region: region of the cluster
 */
int rules_key_metadata(const char *arn, const char *state, const char *region, struct fault *f)
{
	struct key_ref ref;

	if (!arn || !state || key_ref_parse(arn, &ref, NULL) < 0 || ref.kind != KEY_REF_ARN)
		return fault_set(f, "InternalFailure",
				 "The KMS described the key without a usable ARN and state.");
	if (strcmp(ref.region, region))
		return fault_set(f, "InvalidParameterValue",
				 "The KMS key %s is not in the region %s of the cluster.", arn,
				 region);
	if (strcmp(state, "Enabled"))
		return rules_key_not_accessible(arn, f, "(Its state is %s.)", state);
	return 0;
}

/**
 * rules_region() - may the agent ask this host's KMS for a volume's key?
 * @region: region of the volume
 * @host_region: region in this host's configuration
 *
 * The KMS of another region returns NotFoundException. The agent would take this answer for the
 * loss of the key.
 */
int rules_region(const char *region, const char *host_region, struct fault *f)
{
	if (!strcmp(region, host_region))
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "The volume's KMS key is in the region %s, but this host asks the KMS of %s. Set Region=%s and the KmsEndpoint= of that region in envelope.conf, then restart enveloped.",
			 region, host_region, region);
}

/** rules_key_lost() - the fault of a cluster whose key is lost; always -1 */
int rules_key_lost(const struct cluster *cluster, struct fault *f)
{
	return rules_key_not_accessible(cluster->key_arn, f,
					"The cluster %s lost it and is %s permanently, even if the key works again: restore a backup into a new cluster.",
					cluster->id, cluster_status_name(cluster->status));
}

/* @ends: the request ends an operation that gives way */
static int busy(const struct cluster *cluster, bool ends, struct fault *f)
{
	if (!(ends ? cluster_is_occupied(cluster) : !!cluster->operation))
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "Another operation on the cluster %s is under way. Try again when it has ended.",
			 cluster->id);
}

/**
 * rules_start() - may the agent ask the KMS for the cluster's key?
 * @may_run: a running cluster is allowed too: the key is for a bare `dmsetup create`, or the boot unit
 *	finds a volume that has outlived the agent
 */
int rules_start(const struct cluster *cluster, bool may_run, struct fault *f)
{
	if (cluster->status == CLUSTER_INACCESSIBLE)
		return rules_key_lost(cluster, f);
	if (busy(cluster, false, f) < 0)
		return -1;
	if (cluster->status == CLUSTER_STOPPED || cluster->status == CLUSTER_RECOVERABLE ||
	    (may_run && cluster->status == CLUSTER_AVAILABLE))
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "DbCluster %s is in %s state but expected it to be one of stopped, inaccessible-encryption-credentials-recoverable.",
			 cluster->id, cluster_status_name(cluster->status));
}

/** rules_confirm_loss() - may a person say that the cluster's key is lost? Only if it was refused */
int rules_confirm_loss(const struct cluster *cluster, struct fault *f)
{
	if (busy(cluster, false, f) < 0)
		return -1;
	if (cluster->status == CLUSTER_RECOVERABLE)
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "DbCluster %s is in %s state but expected it to be one of inaccessible-encryption-credentials-recoverable.",
			 cluster->id, cluster_status_name(cluster->status));
}

/** rules_waits_for_disk() - did the boot unit want the cluster when its disk was not there? */
bool rules_waits_for_disk(const struct cluster *cluster)
{
	return cluster->status == CLUSTER_STOPPED && cluster->restart.at_boot &&
	       !strncmp(cluster->reason, RULES_DISK_MISSING ":", strlen(RULES_DISK_MISSING ":"));
}

/**
 * rules_restart() - does the agent itself start the cluster again?
 * @policy: RestartAfterLeaseEnd=
 *
 * Only when its disk has come, and after a lease that ended because nobody answered. Each other reason
 * is somebody's decision.
 */
bool rules_restart(const struct cluster *cluster, const char *policy)
{
	if (rules_waits_for_disk(cluster))
		return true;
	if (cluster->status != CLUSTER_STOPPED ||
	    strncmp(cluster->reason, ENVELOPE_REASON_LEASE ":", strlen(ENVELOPE_REASON_LEASE ":")))
		return false;
	return !strcmp(policy, "yes") || (!strcmp(policy, "boot") && cluster->restart.at_boot);
}

/**
 * rules_stop() - may the cluster be stopped?
 *
 * A cluster that has lost its key may be stopped too: the stop removes the failed device. A stop of a
 * cluster that the agent is about to start, or has tried to start, keeps the agent from it.
 */
int rules_stop(const struct cluster *cluster, struct fault *f)
{
	if (busy(cluster, true, f) < 0)
		return -1;
	if (cluster->status == CLUSTER_AVAILABLE || cluster->mapping.name[0] ||
	    cluster->restart.timer || cluster->restart.unwanted)
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "DbCluster %s is in %s state but expected it to be one of available.",
			 cluster->id, cluster_status_name(cluster->status));
}

/** rules_delete() - may the cluster be deleted? */
int rules_delete(const struct cluster *cluster, bool skip_final_snapshot, struct fault *f)
{
	if (busy(cluster, true, f) < 0)
		return -1;
	if (cluster->deletion_protection)
		return fault_set(f, "InvalidParameterCombination",
				 "Cannot delete protected Cluster, please disable deletion protection and try again. (envelope cluster modify --db-cluster-identifier %s --no-deletion-protection)",
				 cluster->id);
	if (skip_final_snapshot)
		return 0;
	return fault_set(f, "InvalidParameterCombination",
			 "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified; and final snapshots cannot be taken yet: make a snapshot of %s with 'envelope snapshot create', then add --skip-final-snapshot.",
			 cluster->id);
}

static int check_stopped(const struct cluster *cluster, struct fault *f)
{
	if (busy(cluster, false, f) < 0)
		return -1;
	if (cluster->status == CLUSTER_AVAILABLE || cluster->mapping.name[0])
		return fault_set(f, "InvalidDBClusterStateFault",
				 "DbCluster %s has a device. Stop the cluster first.", cluster->id);
	return 0;
}

/** rules_relocate() - may the path of the cluster's device be set? Not while it has a device */
int rules_relocate(const struct cluster *cluster, const char *device, struct fault *f)
{
	if (check_stopped(cluster, f) < 0)
		return -1;
	if (device[0] != '/')
		return fault_set(f, "InvalidParameterValue",
				 "The device must be named by its whole path, such as /dev/vdb.");
	return 0;
}

/** rules_backup_header() - may the volume's header be read? Also while the cluster is in use */
int rules_backup_header(const struct cluster *cluster, struct fault *f)
{
	return busy(cluster, false, f);
}

/** rules_restore_header() - may a header be put back? Not while the cluster has a device */
int rules_restore_header(const struct cluster *cluster, struct fault *f)
{
	return check_stopped(cluster, f);
}

/**
 * rules_backup_matches() - is @backup the header of the cluster's volume, and no older than its loss?
 *
 * A header from before the loss says nothing of the loss. A host that has no catalog of the cluster
 * would take the volume in as one whose key was never refused.
 */
int rules_backup_matches(const struct cluster *cluster, const struct volume_header *backup,
			 struct fault *f)
{
	if (strcmp(backup->volume_id, cluster->volume_id))
		return fault_set(f, "InvalidParameterValue",
				 "The backup is of the volume %s of the cluster %s, but the cluster %s has the volume %s. Nothing was written.",
				 backup->volume_id, backup->cluster_id, cluster->id,
				 cluster->volume_id);
	if (!cluster->header_sha256[0] || !cluster_has_header(cluster, backup))
		return fault_set(f, "InvalidParameterValue",
				 "The backup is not the header that was written for the cluster %s: its content or its wrapped key differs from the catalog's. Nothing was written. Use the newest backup.",
				 cluster->id);
	if (cluster->status == CLUSTER_INACCESSIBLE &&
	    strcmp(backup->state, cluster_status_name(CLUSTER_INACCESSIBLE)))
		return fault_set(f, "InvalidParameterValue",
				 "The backup is older than the loss of the key: the cluster %s is %s permanently, and the backup does not record that. Nothing was written.",
				 cluster->id, cluster_status_name(cluster->status));
	return 0;
}

/**
 * rules_modify() - may the cluster be modified? If not, the fault is that of the first refused change
 * @modifications: set of enum modification
 */
int rules_modify(const struct cluster *cluster, unsigned int modifications, struct fault *f)
{
	if (modifications & MODIFY_KEY && cluster_is_plain(cluster))
		return fault_set(f, "InvalidParameterCombination",
				 "The cluster %s is not encrypted, and cannot be encrypted. Create an encrypted cluster with that key and copy the data into it.",
				 cluster->id);
	if (modifications & MODIFY_KEY)
		return fault_set(f, "InvalidParameterCombination",
				 "The KMS key of an encrypted cluster cannot be changed: %s stays under %s. To have its data under another key create a new cluster with that key and copy the data into it.",
				 cluster->id, cluster_key(cluster));
	if (modifications & MODIFY_ENCRYPTION)
		return fault_set(f, "InvalidParameterCombination",
				 "Storage encryption is decided when a cluster is created: that of %s cannot be changed or turned off. Copy the data into a new cluster instead.",
				 cluster->id);
	if (modifications & MODIFY_REGION)
		return fault_set(f, "InvalidParameterCombination",
				 "A cluster cannot change its region, which is that of its KMS key. Create one in the other region with a key there, and copy the data.");
	if (modifications & MODIFY_DEVICE)
		return fault_set(f, "InvalidParameterCombination",
				 "A cluster keeps its volume. If the volume has moved to another device: envelope cluster relocate --db-cluster-identifier %s --device DEVICE",
				 cluster->id);
	if (modifications & (MODIFY_REACH | MODIFY_DISCARDS) && cluster_is_plain(cluster))
		return fault_set(f, "InvalidParameterCombination",
				 "The cluster %s is not encrypted: no KMS is asked for it, and its device passes all discards to the disk.",
				 cluster->id);
	if (!modifications)
		return fault_set(f, "InvalidParameterCombination",
				 "No modifications were requested. What can be changed: envelope cluster modify --help");
	if (busy(cluster, false, f) < 0)
		return -1;
	if (cluster_is_in_between(cluster))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "DbCluster %s is in %s state. Try again when it has ended.",
				 cluster->id, cluster_status_name(cluster->status));
	if (modifications & MODIFY_GROW &&
	    (cluster->status != CLUSTER_AVAILABLE || !cluster->mapping.live))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "DbCluster %s is in %s state but expected it to be one of available. A stopped cluster takes all of its disk at the next start.",
				 cluster->id, cluster_status_name(cluster->status));
	return 0;
}

/**
 * rules_same_kms() - is the KMS that answers the one that is known?
 *
 * A catalog or header of an older agent knows the id of a key store without the key of its proofs.
 */
bool rules_same_kms(const char *last, const char *now)
{
	size_t length = strlen(last);

	return !strcmp(last, now) || (length && !strncmp(last, now, length) && now[length] == ' ');
}

/**
 * rules_grant() - does a yes to a dry run speak for the key?
 * @last: who gave the key last
 * @now: who says that it would give the key
 *
 * A server can say yes without having the key. A KMS that proves its identity is therefore the only
 * one whose yes counts, once it has given the key. AWS's KMS proves none: its hosts vary with the
 * endpoint, and TLS proves each.
 *
 * Return: 0, or -1 with the reason why it is no answer.
 */
int rules_grant(const struct grant *last, const struct grant *now, struct fault *f)
{
	if (strncmp(last->kms, RULES_PROVED_KMS, strlen(RULES_PROVED_KMS)) ||
	    rules_same_kms(last->kms, now->kms))
		return 0;
	return fault_set(f, "other-kms",
			 "%s would give the key, but %s gave it last. That counts only with the key, at a start. Check KmsEndpoint=.",
			 now->kms, last->kms);
}

/**
 * rules_change() - does an answer come from the present key store of a KMS, and not from an older copy?
 * @newest: number of the newest change that was known before the question
 * @now: number of the last change of the store that answers; 0 for a KMS that proves none
 *
 * An older copy does not know which keys were made or refused since.
 *
 * Return: 0, or -1 with the reason why it is no answer.
 */
int rules_change(const char *kms, int64_t newest, int64_t now, struct fault *f)
{
	if (!now || now >= newest)
		return 0;
	return fault_set(f, "older-kms",
			 "An older copy of the key store of %s answered: it is at change %" PRId64
			 ", and this host has seen change %" PRId64
			 ". Check KmsEndpoint=, or accept the copy with envelope-kms --accept-rollback.",
			 kms, now, newest);
}

/**
 * rules_denial() - is a refusal a verdict about the key?
 * @last: who gave the key last
 * @now: who refuses it
 * @denial: the KMS's fault
 *
 * A KMS that never gave the key does not know it, so its refusal says nothing. The same KMS may
 * refuse another principal for the principal's sake. A wrapped key that the KMS cannot open is damaged
 * on this host, and so is its encryption context: the KMS has not judged the key.
 *
 * Return: 0, or -1 with the reason of the cluster's status.
 */
int rules_denial(const struct grant *last, const struct grant *now, const struct fault *denial,
		 struct fault *f)
{
	if (!rules_same_kms(last->kms, now->kms))
		return fault_set(f, "other-kms",
				 "%s refused the key (%s), but %s gave it last. Check KmsEndpoint=, then start the cluster.",
				 now->kms, denial->code, last->kms[0] ? last->kms : "no known KMS");
	if (!strcmp(denial->code, "InvalidCiphertextException"))
		return fault_set(f, "damaged-wrapped-key",
				 "The KMS cannot open the wrapped key that the catalog holds: the catalog is damaged, or the KMS's key store is older than the key's rotation. Restore a backup of the KMS that is newer than the rotation. Otherwise stop enveloped, move its catalog away and start it: it takes the clusters in from the headers of their volumes.");
	if (!strcmp(denial->code, "AccessDeniedException") &&
	    strcmp(last->principal, now->principal))
		return !last->principal[0]
			       ? fault_set(f, "other-principal",
					   "The KMS denies the key to %s, and no grant to a principal of this host is known. Check Profile= and the credentials, then start the cluster.",
					   now->principal)
			       : fault_set(f, "other-principal",
					   "The KMS gave the key last to %s, and denies it to %s. Check Profile= and the credentials, then start the cluster.",
					   last->principal, now->principal);
	return 0;
}

/**
 * rules_header_kms() - does the header know better than the catalog which KMS gave the key last?
 * @last: the grant that the catalog knows
 * @host: this host
 *
 * At a grant a host writes its catalog first, so the header of a volume of this host knows nothing
 * newer. Another host has had the volume after this one, and got the key for that. A restored header
 * names no host that is known, and may be old.
 */
bool rules_header_kms(const struct grant *last, const struct volume_header *header,
		      const char *host)
{
	if (!header->kms[0] || !strcmp(header->kms, last->kms))
		return false;
	return !last->kms[0] || (volume_owner_is_other(&header->owner, host) &&
				 !volume_owner_is_unknown(&header->owner));
}

/** rules_window_open() - is a refused key still within its recovery window? Seconds */
bool rules_window_open(uint64_t spent, unsigned int window)
{
	return spent < window;
}
