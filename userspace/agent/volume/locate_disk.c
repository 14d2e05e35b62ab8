// SPDX-License-Identifier: MIT
/*
 * The disk of a volume whose header is damaged. The header cannot tell, so the device at the user's
 * path must have the identity that the catalog knows, or another device must prove it.
 */
#include "agent/volume/locate_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/volume/disks.h"
#include "agent/volume/locate.h"
#include "agent/volume/scan.h"
#include "lib/base/text.h"

/* Fills @number with the device at the user's path, if it is the disk that the catalog knows. */
static bool is_at_path(struct volume_job *job, dev_t *number)
{
	_cleanup_text_ char *identity = NULL;
	struct stat st;

	if (stat(job->device, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	*number = job->at_path = st.st_rdev;
	identity = disk_identity(st.st_rdev);
	return !job->disk || (identity && !strcmp(identity, job->disk));
}

/* The same for the other devices of the host: the identity must prove itself. */
static bool is_elsewhere(const struct volume_job *job, dev_t *number)
{
	struct disk *disks = NULL;
	size_t count = disks_list(&disks);
	bool found = false;
	struct stat st;

	for (size_t i = 0; i < count && !found; i++) {
		_cleanup_text_ char *identity = NULL;

		if (stat(disks[i].path, &st) < 0)
			continue;
		*number = st.st_rdev;
		identity = disk_identity(st.st_rdev);
		found = disk_identity_proves(job->disk, identity);
	}
	disks_free(disks, count);
	return found;
}

/* Another device that holds the volume's header: the disk itself, or a copy. */
static int check_no_other(struct volume_job *job)
{
	struct scanned *volumes = NULL;
	size_t count = scan_volumes(job->volume_id, &volumes, NULL);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		if (volumes[i].number != job->number)
			r = fault_set(&job->fault, "InvalidVolumeHeader",
				      "%s has the header of the volume %s of the cluster %s. Nothing was written to %s: one of the two is a copy.",
				      volumes[i].device, job->volume_id, job->cluster_id,
				      job->found);
	scan_free(volumes, count);
	return r;
}

/**
 * locate_live_disk() - find the disk below the device of a cluster
 * @job: @mapping, as last seen; @found is filled, or @fault
 *
 * A disk that was pulled leaves the device, which fails each request.
 *
 * Return: 0, or -1 with VOLUME_NOT_FOUND.
 */
int locate_live_disk(struct volume_job *job)
{
	char *node = disk_node(job->mapping.below);

	if (!node)
		return fault_set(&job->fault, VOLUME_NOT_FOUND,
				 "The disk %s of the cluster %s has gone: it is not in /dev any more, and its device %s fails each request. Stop the cluster, attach the disk, and start the cluster again.",
				 job->found, job->cluster_id, job->mapping.name);
	text_put(&job->found, node);
	return 0;
}

/**
 * locate_disk() - find the disk of a volume without its header
 * @job: @device, @disk and @volume_id say which; @found, @number and @disk are filled, or @fault;
 * so is @at_path
 *
 * Return: 0 or -1.
 */
int locate_disk(struct volume_job *job)
{
	_cleanup_text_ char *holder = NULL, *node = NULL, *disk = NULL;
	dev_t number = 0;
	int r;

	if (!is_at_path(job, &number) && !is_elsewhere(job, &number))
		return fault_set(&job->fault, VOLUME_NOT_FOUND,
				 "The disk of the cluster %s is not at %s, nor another device of this host (%.120s). Attach that disk first. Nothing was written.",
				 job->cluster_id, job->device, job->disk ? job->disk : "unknown");
	r = disks_holder(number, &holder);
	if (r > 0)
		return fault_set(&job->fault, "VolumeInUse",
				 "%s is in use: the device %s lies on top of it. Nothing was written. Remove that device first.",
				 job->device, holder);
	disk = disk_identity(number);
	if (r < 0 || !disk)
		return fault_set(&job->fault, "InternalFailure", "Out of memory.");
	node = disk_node(number);
	if (!node)
		return fault_set(&job->fault, VOLUME_NOT_FOUND,
				 "The disk %s of the cluster %s has gone, or /dev has something else under its name. Attach that disk first. Nothing was written.",
				 job->device, job->cluster_id);
	job->number = number;
	text_put(&job->found, text_take(&node));
	text_put(&job->disk, text_take(&disk));
	return check_no_other(job);
}
