// SPDX-License-Identifier: MIT
/*
 * Which device is a cluster's volume: the device at the user's path, if it is the disk that it was;
 * another device, if it is provably the same disk; otherwise none. A device that merely holds the
 * volume's header may be a copy, or a layer below the device that the volume was made on: its data
 * may be old.
 */
#include "agent/volume/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/volume/disks.h"
#include "agent/volume/scan.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/volume_owner.h"

#define RELOCATE "envelope cluster relocate --db-cluster-identifier"

/* What the device at the user's path is, when it is not the volume. */
static void explain_path(const struct volume_job *job, struct fault *f)
{
	struct block_device_contents ignored;
	struct volume_header header;
	struct stat st;

	*f = (struct fault){ 0 };
	if (stat(job->device, &st) < 0)
		fault_set(f, "InvalidParameterValue",
			  "%s cannot be opened: %s. Check the path of the cluster's device.",
			  job->device, strerror(errno));
	else if (header_read(job->device, &header, f) < 0 ||
		 block_device_probe(job->device, -1, &ignored, f) < 0)
		return; /* as @f says */
	else if (!strcmp(header.volume_id, job->volume_id))
		fault_set(f, "InvalidVolumeHeader",
			  "%s has its header, but is part of another device, which is not there. Assemble that device first.",
			  job->device);
	else
		fault_set(f, "InvalidVolumeHeader",
			  "%s holds the volume %s of the cluster %s. Give the cluster's own device that name, or start that cluster.",
			  job->device, header.volume_id, header.cluster_id);
}

/* Has the device at the path something else than a volume on it, as far as libblkid knows? */
static bool holds_other_data(const char *device)
{
	struct block_device_contents contents;
	struct fault ignored;

	return block_device_probe(device, -1, &contents, &ignored) == 0 && contents.found &&
	       strcmp(contents.subsystem, VOLUME_SUBSYSTEM);
}

/*
 * Is the device at the path the disk that the catalog knows, without a header that can be read? A disk
 * that nothing identifies may be another one, which has the path now.
 * @proved: the identity proves that it is the disk
 */
static bool header_is_damaged(const struct volume_job *job, const struct stat *at_path,
			      bool *proved, struct fault *why)
{
	_cleanup_text_ char *identity = NULL;
	struct volume_header header;

	if (!job->disk || !S_ISBLK(at_path->st_mode))
		return false;
	identity = disk_identity(at_path->st_rdev);
	*proved = disk_identity_proves(job->disk, identity);
	return identity && !strcmp(identity, job->disk) &&
	       header_read(job->device, &header, why) < 0 &&
	       !strcmp(why->code, "InvalidVolumeHeader") && !holds_other_data(job->device);
}

/*
 * The device at the path does not hold the volume, as far as a volume may be on it.
 * @elsewhere: a device that holds the volume, or NULL
 */
static int refuse_missing(struct volume_job *job, const struct stat *at_path, const char *elsewhere)
{
	_cleanup_text_ char *holder = NULL;
	struct fault why;
	bool proved = false;
	int r = S_ISBLK(at_path->st_mode) ? disks_holder(at_path->st_rdev, &holder) : 0;

	if (r < 0)
		return fault_set(&job->fault, "InternalFailure", "Out of memory.");
	if (r > 0)
		return fault_set(&job->fault, "VolumeInUse",
				 "%s is in use: the device %s lies on top of it. Remove that device, or if it is the volume: " RELOCATE
				 " %s --device %s",
				 job->device, holder, job->cluster_id, holder);
	if (!elsewhere && header_is_damaged(job, at_path, &proved, &why))
		return fault_set(&job->fault, "InvalidVolumeHeader",
				 "%s is %sthe disk of the cluster %s, but its volume header is damaged (%.250s) Put the header back: envelope header restore --db-cluster-identifier %s, or from a backup with --file FILE",
				 job->device, proved ? "" : "by its path, which proves nothing, ",
				 job->cluster_id, why.message, job->cluster_id);
	explain_path(job, &why);
	/* Whether the volume is there cannot be said. */
	if (!strcmp(why.code, BLOCK_DEVICE_ERROR))
		return fault_set(&job->fault, why.code,
				 "The volume %s of the cluster %s cannot be read. (%.300s)",
				 job->volume_id, job->cluster_id, why.message);
	if (elsewhere)
		return fault_set(&job->fault, why.code,
				 "The volume %s of the cluster %s is not on %s, but on %s. (%.250s)",
				 job->volume_id, job->cluster_id, job->device, elsewhere,
				 why.message);
	return fault_set(&job->fault, VOLUME_NOT_FOUND,
			 "The volume %s of the cluster %s is not on %s, nor on another device of this host. (%.250s)",
			 job->volume_id, job->cluster_id, job->device, why.message);
}

/**
 * locate_is_older_copy() - does the stamp in a header show that its disk is not the cluster's?
 * @disk: identity of the cluster's disk, NULL if it is not known; @seen: that of the disk
 * @owner: as the header names it
 * @stamp: the last stamp of the cluster's volume that this host knows; host "" for none
 *
 * Asks the stamp if the identity proves nothing, or is on the disk itself, as LVM's: such a disk and a
 * copy of it look the same. A copy that was made after the last stamp has the same one.
 */
bool locate_is_older_copy(const char *disk, const char *seen, const struct volume_owner *owner,
			  const struct volume_owner *stamp)
{
	return (!disk_identity_proves(disk, seen) || disk_identity_is_copied(seen)) &&
	       volume_owner_is_older(owner, stamp);
}

/* @device: path of the copy */
static int refuse_older(struct volume_job *job, const char *device,
			const struct volume_owner *owner)
{
	return fault_set(&job->fault, "InvalidVolumeHeader",
			 "%s holds the volume %s of the cluster %s as it was earlier: this host's stamp in its header is %s (boot %s), but the last one is %s (boot %s). It is an older copy, or was put back. Attach the volume's own disk. If the copy is meant: " RELOCATE
			 " %s --device %s",
			 device, job->volume_id, job->cluster_id,
			 owner->host[0] ? owner->time : "missing",
			 owner->host[0] ? owner->boot : "none", job->stamp.time, job->stamp.boot,
			 job->cluster_id, device);
}

/* The one device that holds the volume: is it the disk that the catalog knows? */
static int check_disk(struct volume_job *job, const struct scanned *volume, bool at_path)
{
	bool known = at_path ? !job->disk || !strcmp(job->disk, volume->disk)
			     : disk_identity_proves(job->disk, volume->disk);

	if (known &&
	    locate_is_older_copy(job->disk, volume->disk, &volume->header.owner, &job->stamp))
		return refuse_older(job, at_path ? job->device : volume->device,
				    &volume->header.owner);
	if (known && !at_path)
		log_info("Cluster %s: its volume has moved from %s to %s.", job->cluster_id,
			 job->device, volume->device);
	if (known)
		return 0;
	if (at_path)
		return fault_set(&job->fault, "InvalidVolumeHeader",
				 "%s holds the volume %s of the cluster %s, but it is another disk than the volume was on (%.120s, not %.120s): it may be a copy. If it is the volume: " RELOCATE
				 " %s --device %s",
				 job->device, job->volume_id, job->cluster_id, volume->disk,
				 job->disk, job->cluster_id, job->device);
	return fault_set(&job->fault, VOLUME_NOT_FOUND,
			 "The volume %s of the cluster %s is not on %s. %s has its header, but may be a copy or the disk below %s: attach that device first. If %s is the volume: " RELOCATE
			 " %s --device %s",
			 job->volume_id, job->cluster_id, job->device, volume->device, job->device,
			 volume->device, job->cluster_id, volume->device);
}

/* @missing_ok: no device with the volume is no fault, and @job stays as it is */
static int locate(struct volume_job *job, bool missing_ok)
{
	struct scanned *volumes = NULL;
	struct scanned *taken;
	size_t count = scan_volumes(job->volume_id, &volumes, NULL), at = 0;
	struct stat st = { 0 };
	bool is_at_path;
	int r = 0;

	if (!count && missing_ok)
		return 0;
	if (stat(job->device, &st) < 0)
		st = (struct stat){ 0 };
	job->at_path = S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	while (at < count && (!S_ISBLK(st.st_mode) || volumes[at].number != st.st_rdev))
		at++;
	is_at_path = at < count;
	taken = is_at_path ? &volumes[at] : volumes;
	if (!count || (job->chosen && !is_at_path))
		r = refuse_missing(job, &st, count ? volumes[0].device : NULL);
	else if (!job->chosen && count > 1)
		r = fault_set(&job->fault, "InvalidVolumeHeader",
			      "The volume %s of the cluster %s is on %s and on %s: one of them is a copy. Take the copy away, then try again.",
			      job->volume_id, job->cluster_id, volumes[0].device,
			      volumes[1].device);
	else if (!job->chosen)
		r = check_disk(job, taken, is_at_path);
	if (r == 0) {
		text_put(&job->found, text_take(&taken->device));
		text_put(&job->disk, text_take(&taken->disk));
		job->number = taken->number;
		job->header = taken->header;
	}
	scan_free(volumes, count);
	return r;
}

/**
 * locate_volume() - find the device with the volume of @job, and read its header
 * @job: @device, @disk, @volume_id and @chosen say which; @found, @number, @disk and @header are
 *	filled, or @fault
 *
 * If two devices hold the volume, refuses both: nothing tells which one is the copy. Only with @chosen
 * the device at the path is taken whatever else there is.
 *
 * Return: 0 or -1.
 */
int locate_volume(struct volume_job *job)
{
	return locate(job, false);
}

/**
 * locate_to_erase() - refuse to erase a header of which there is a copy, or the header of a copy
 *
 * A header that is damaged, or is nowhere, is no reason: then header_erase() decides.
 *
 * Return: 0 or -1.
 */
int locate_to_erase(struct volume_job *job)
{
	return locate(job, true);
}
