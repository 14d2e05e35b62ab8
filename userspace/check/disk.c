// SPDX-License-Identifier: MIT
/*
 * A disk: does it take a volume, or which volume does it hold? The agent's own checks of a disk are in
 * lib/header too. The disk is only read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check/check.h"
#include "check/disk_cluster.h"
#include "check/host_file.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"
#include "lib/header/device_stack.h"
#include "lib/header/device_users.h"
#include "lib/header/header.h"
#include "lib/header/volume_owner.h"

#define LEAST	  (2 * (uint64_t)VOLUME_DATA_OFFSET)
#define BLOCK_MAX VOLUME_SECTOR_SIZE
#define RESTORE	  "Restore the header: envelope header restore --db-cluster-identifier"

/* Is it there, a block device, and may this user read it? */
static int reach(const char *device, dev_t *number, struct finding *finding)
{
	struct stat st;
	int fd;

	if (stat(device, &st) == 0 && !S_ISBLK(st.st_mode)) {
		finding_set(finding, CHECK_FAILED, "Name a disk, a partition or a logical volume.",
			    "It is not a block device.");
		return -1;
	}
	fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		bool denied = errno == EACCES;

		finding_set(finding, denied ? CHECK_SKIPPED : CHECK_FAILED,
			    denied ? AS_ROOT : "Look for it: lsblk, dmesg.",
			    "It cannot be opened: %s.", strerror(errno));
		return -1;
	}
	close(fd);
	*number = st.st_rdev;
	return 0;
}

static int judge_size(const char *device, struct finding *finding, struct fault *f)
{
	uint32_t block;
	uint64_t size;

	if (block_device_size(device, -1, &size, f) ||
	    block_device_block_size(device, -1, &block, f))
		return -1;
	finding_set(finding, CHECK_OK, NULL,
		    "It has %" PRIu64 " bytes, in sectors of %" PRIu32 " bytes.", size, block);
	if (size < LEAST)
		finding_worse(finding, CHECK_FAILED,
			      "It is too small. A volume needs at least %" PRIu64 " bytes.", LEAST);
	else if (block > BLOCK_MAX)
		finding_worse(finding, CHECK_FAILED,
			      "Its sectors are too large. A volume has sectors of at most %d bytes.",
			      BLOCK_MAX);
	else if (size % VOLUME_SECTOR_SIZE)
		finding_worse(finding, CHECK_WARNING,
			      "Its size is no multiple of %d bytes: pass --sector-size 512 to envelope cluster create.",
			      VOLUME_SECTOR_SIZE);
	return 0;
}

/* Is it free? */
static void judge_users(const char *device, dev_t number, struct finding *finding)
{
	char user[400] = "See which program has it for itself: lsblk, fuser -v, /proc/swaps.";
	char between[32] = ""; /* the device that a volume is mapped on */
	struct fault f = { 0 };
	bool read_only;
	int claim = block_device_claim(device, number, &read_only, &f);

	if (claim >= 0) {
		close(claim);
	} else if (device_stack_has(number, MAPPER_UUID_PREFIX, between) && !between[0]) {
		finding_add(finding, "A volume is mapped on it.");
	} else if (between[0]) {
		finding_add(finding, "A volume is mapped on the device %s, which lies on it.",
			    between);
		finding_worse(finding, CHECK_FAILED, "Check that device, or use another one.");
	} else if (!strcmp(f.code, "VolumeInUse")) {
		device_users_find(number, user, sizeof(user));
		finding_add(finding, "It is in use.");
		finding_worse(finding, CHECK_FAILED, "%s", user);
	} else {
		finding_add(finding, "%s", f.message);
		finding_worse(finding, CHECK_FAILED, "Look at dmesg.");
	}
}

/* A partition has the queue of its disk. */
static void add_discards(dev_t number, struct finding *finding)
{
	static const char *const places[] = { "queue", "../queue" };
	char text[32];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		_cleanup_text_ char *path = text_format("/sys/dev/block/%u:%u/%s/discard_max_bytes",
							major(number), minor(number), places[i]);

		if (!path || !host_line(path, text, sizeof(text)))
			continue;
		finding_add(finding, strtoull(text, NULL, 10) ? "It takes discards."
							      : "It takes no discards.");
		return;
	}
}

/* A disk of a cluster whose header is damaged. Return: whether it is one, or may be one. */
static bool judge_lost_volume(const struct settings *settings, dev_t number,
			      enum check_status silent, struct finding *finding)
{
	char id[128];
	int r = disk_cluster(settings, number, id, sizeof(id));

	if (r > 0) {
		finding_add(finding, "It is the disk of cluster %s, whose header is damaged.", id);
		finding_worse(finding, CHECK_FAILED,
			      "Make no other cluster on it: the data are still there. " RESTORE
			      " %s, or from a backup with --file FILE",
			      id);
	} else if (r < 0) {
		finding_add(finding,
			    "Whether it is the disk of a cluster is not known: the agent does not answer.");
		finding_worse(finding, silent,
			      "Start the agent before you use the disk: systemctl start enveloped");
	}
	return r != 0;
}

static void judge_volume(const struct settings *settings, dev_t number, bool read_only,
			 struct finding *finding)
{
	const char *device = settings->device;
	struct volume_header *header = calloc(1, sizeof(*header));
	struct fault f = { 0 };

	if (!header || header_read(device, header, &f) < 0) {
		finding_add(finding, "%s", f.message);
		if (judge_lost_volume(settings, number, CHECK_FAILED, finding))
			finding_worse(finding, CHECK_FAILED,
				      RESTORE " NAME, or from a backup with --file FILE");
		else
			finding_worse(finding, CHECK_FAILED,
				      "No cluster of this host has the disk. If no other host uses it, and there is a backup of the header: cryptsetup luksHeaderRestore %s --header-backup-file FILE, then envelope cluster adopt --device %s",
				      device, device);
		free(header);
		return;
	}
	finding_add(finding, "It holds the volume %s of cluster %s.", header->volume_id,
		    header->cluster_id);
	if (volume_owner_is_unknown(&header->owner))
		finding_add(finding,
			    "Its header names no owner: it was damaged and restored, so any host may have the volume in use.");
	else if (header->owner.host[0])
		finding_add(finding, "Its owner is the host %s.", header->owner.host);
	if (header->state[0]) {
		finding_add(finding, "The header records the state %s (%s).", header->state,
			    header->state_reason);
		finding_worse(finding, CHECK_WARNING,
			      "The volume cannot be used. Restore the cluster from a backup. To make another cluster on the disk, delete this one first if the host still has it, then pass --allow-overwrite to envelope cluster create.");
	}
	if (read_only) {
		finding_add(finding, "It is write-protected.");
		finding_worse(finding, CHECK_WARNING,
			      "The cluster can be read, not written. If that is not wanted: blockdev --setrw, or the switch of the disk.");
	}
	free(header);
}

static void judge_contents(const struct settings *settings, dev_t number, bool read_only,
			   struct finding *finding, struct fault *f)
{
	struct block_device_contents contents;

	if (block_device_probe(settings->device, -1, &contents, f) < 0) {
		finding_add(finding, "%s", f->message);
		finding_worse(finding, CHECK_FAILED, "Replace the disk, or repair its path.");
		return;
	}
	if (contents.found && !strcmp(contents.subsystem, VOLUME_SUBSYSTEM)) {
		judge_volume(settings, number, read_only, finding);
		return;
	}
	if (contents.found)
		finding_add(finding, "It holds %s.", contents.what);
	if (judge_lost_volume(settings, number, CHECK_WARNING, finding))
		return;
	if (contents.found) {
		finding_worse(finding, CHECK_WARNING,
			      "envelope cluster create refuses it. If the data may be destroyed: --allow-overwrite");
	} else {
		finding_add(finding, "It is empty.");
	}
	if (read_only) {
		finding_add(finding, "It is write-protected.");
		finding_worse(finding, CHECK_FAILED,
			      "No volume can be made on it. Make it writable: blockdev --setrw, or the switch of the disk.");
	}
}

void check_disk(const struct settings *settings, struct finding *finding)
{
	const char *device = settings->device;
	struct fault f = { 0 };
	dev_t number;

	if (reach(device, &number, finding) < 0)
		return;
	if (judge_size(device, finding, &f) < 0) {
		finding_set(finding, CHECK_FAILED, "Look at dmesg.", "%s", f.message);
		return;
	}
	judge_users(device, number, finding);
	add_discards(number, finding);
	judge_contents(settings, number, block_device_is_protected(device), finding, &f);
}
