// SPDX-License-Identifier: MIT
/*
 * The user's path of the disk, the path where the disk was found last, and the reason why the disk is
 * not reserved. Only sysfs and the kernel's own nodes in /dev are looked at, never the user's path: a
 * disk or a file system that hangs delays no answer.
 */
#include "agent/api/disk_json.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/volume/sysfs.h"
#include "lib/base/text.h"

/* The number of the disk at @path, the kernel's own node; 0 without one. */
static dev_t number_of(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

/* Does the user's path no longer lead to the disk? */
static bool has_moved(const struct cluster *cluster)
{
	dev_t found = number_of(cluster->found);

	return !cluster->absent && found && found != cluster->at_path;
}

/* Why a disk in use has no reservation, as far as the kernel says without a question to the disk. */
static const char *disk_refuses(dev_t number)
{
	_cleanup_text_ char *name = number ? sysfs_name(number) : NULL;
	_cleanup_text_ char *read_only = name ? sysfs_read(name, "ro") : NULL;

	if (!name)
		return "the disk is not there";
	if (sysfs_has(name, "partition"))
		return "the device is a partition: only whole disks are reserved";
	if (sysfs_has(name, "dm/name"))
		return "the device is a logical volume, a multipath or another device-mapper device: only whole disks are reserved";
	if (read_only && !strcmp(read_only, "1"))
		return "the disk is write-protected";
	return "the disk has no persistent reservations, or another program has registered this host there";
}

static const char *why_unreserved(const struct cluster *cluster)
{
	const struct agent *agent = cluster->agent;

	if (!cluster->mapping.name[0])
		return "a disk is reserved while its cluster has a device";
	if (agent && !strcmp(agent->config.fencing, "no"))
		return "Fencing=no in envelope.conf";
	if (agent && !agent->host.host[0])
		return "this host has no machine id: see systemd-machine-id-setup(1)";
	if (cluster->mapping.below)
		return disk_refuses(cluster->mapping.below);
	return disk_refuses(cluster->found ? number_of(cluster->found) : cluster->at_path);
}

/**
 * disk_json_add() - add what a look at this host says about a cluster's disk
 * @o: of type Cluster or Volume
 *
 * The audit trail does not have these members: they are of the moment.
 *
 * Return: @o.
 */
json_object *disk_json_add(json_object *o, const struct cluster *cluster)
{
	if (has_moved(cluster))
		json_add_string(o, "FoundDevice", cluster->found);
	if (!cluster->reservation.held)
		json_add_string(o, "DiskReservedReason", why_unreserved(cluster));
	return o;
}
