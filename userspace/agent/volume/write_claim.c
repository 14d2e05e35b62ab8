// SPDX-License-Identifier: MIT
/*
 * The disk of a volume, opened once: it is checked and written through that descriptor. Other users
 * are kept from it meanwhile, and a link that is exchanged leads nowhere.
 *
 * A volume's own device holds its disk, and the kernel refuses a second exclusive open beside it. Then
 * the agent makes sure that this device is the only holder, and opens the disk beside it.
 *
 * Must never write beside any other holder: a mirror whose leg is written to alone has two contents.
 */
#include "agent/volume/write_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume/disks.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"

/*
 * A program that looks at new disks may have the disk for a moment, as mdadm and multipath do, or an
 * operation of the agent that is about to end.
 */
#define BUSY_LOOKS   20
#define BUSY_WAIT_US 100000

/*
 * Opens the disk beside the volume's own device. The jobs of a volume run one after the other, but for
 * the removal of its device: a stop waits for no disk. So a write that a disk holds up may come after
 * another program has taken the disk.
 *
 * The descriptor is for libcryptsetup's small writes, which opens it again. A header below its device
 * cannot be erased through it.
 *
 * @being_made: the kernel asks for the key of a device that it is about to make. The device has the
 * disk, but is not in sysfs yet.
 */
static int open_beside(const char *device, const char *volume_id, bool being_made)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_text_ char *holder = NULL;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (disks_held_by_volume(st.st_rdev, volume_id) ||
				    (being_made && !disks_holder(st.st_rdev, &holder))))
		return fd;
	close(fd);
	return -1;
}

static int take(const char *device, const char *volume_id, bool being_made, struct fault *f)
{
	for (unsigned int look = 0;; look++) {
		struct fault why = { 0 };
		int fd = block_device_take(device, &why);
		bool busy = fd < 0 && !strcmp(why.code, "VolumeInUse");

		if (busy)
			fd = open_beside(device, volume_id, being_made);
		/* A caller may have a fault of its own in @f. */
		if (fd < 0 && (!busy || look == BUSY_LOOKS))
			*f = why;
		if (fd >= 0 || !busy || look == BUSY_LOOKS)
			return fd;
		usleep(BUSY_WAIT_US);
	}
}

static int take_number(const char *device, dev_t number, const char *volume_id, bool being_made,
		       struct fault *f)
{
	int fd = take(device, volume_id, being_made, f);
	bool protected;

	if (fd < 0 || !number || block_device_check_claim(fd, device, number, &protected, f) == 0)
		return fd;
	close(fd);
	return -1;
}

/**
 * write_claim() - have the disk of a volume for a write to its header
 * @number: of the disk, refused if @device is another one by now; 0: any that holds the volume
 * @volume_id: its own device may be on the disk
 * @f: as it was on success; VolumeInUse when another user has the disk, InvalidParameterValue when it is
 *	write-protected, InvalidVolumeHeader when it is another device
 *
 * Return: the descriptor, to be closed by the caller, or -1.
 */
int write_claim(const char *device, dev_t number, const char *volume_id, struct fault *f)
{
	return take_number(device, number, volume_id, false, f);
}

/**
 * write_claim_job() - write_claim() of the disk that an operation has found, or its own claim
 * @number: as for write_claim()
 * @own: the descriptor if it is not the operation's, to be closed by the caller; else -1
 *
 * Return: the descriptor, or -1 with the job's fault.
 */
int write_claim_job(struct volume_job *job, dev_t number, int *own)
{
	*own = -1;
	if (job->claim >= 0)
		return job->claim;
	return *own = take_number(job->found, number, job->volume_id, job->key_only, &job->fault);
}
