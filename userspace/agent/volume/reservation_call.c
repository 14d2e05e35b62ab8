// SPDX-License-Identifier: MIT
/*
 * The ioctls of <linux/pr.h>. Only whole disks: a reservation is of the whole disk, and a partition
 * or a logical volume may be one of several, of several hosts. Device mapper passes the ioctls through
 * to the disk below. A path that a multipath device gets later would not be registered, and would
 * refuse writes.
 */
#include "agent/volume/reservation_call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pr.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume/sysfs.h"
#include "lib/base/text.h"

/* Of SCSI; the kernel translates NVMe's. Before 6.3 an answer has more in its higher bytes. */
#define STATUS_CONFLICT 0x18
#define STATUS_MASK	0xff
#define TRIES		3

static bool is_conflict(int answer)
{
	return answer > 0 ? (answer & STATUS_MASK) == STATUS_CONFLICT
			  : answer < 0 && errno == EBADE;
}

static bool is_whole_disk(dev_t number)
{
	_cleanup_text_ char *name = sysfs_name(number);

	return name && !sysfs_has(name, "partition") && !sysfs_has(name, "dm/name");
}

/*
 * The first answer after a reset, or after another host's preemption, reports that event and nothing
 * else. The disk answers the question when it is asked again.
 */
static enum reservation_answer call(const char *device, unsigned long request, void *argument)
{
	enum reservation_answer answer = RESERVATION_UNKNOWN;
	int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = -1;
	struct stat st;

	if (fd < 0)
		return RESERVATION_UNKNOWN;
	if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && is_whole_disk(st.st_rdev)) {
		for (int i = 0; i < TRIES; i++) {
			r = ioctl(fd, request, argument);
			if (r <= 0 || is_conflict(r))
				break;
		}
	}
	if (r == 0)
		answer = RESERVATION_DONE;
	else if (is_conflict(r))
		answer = RESERVATION_CONFLICT;
	close(fd);
	return answer;
}

/**
 * reservation_register() - register a key for this host's path to a disk, or end a registration
 * @old: the key that is registered; 0 for none
 * @key: 0 ends the registration
 */
enum reservation_answer reservation_register(const char *device, uint64_t old, uint64_t key)
{
	struct pr_registration registration = { .old_key = old, .new_key = key };

	return call(device, IOC_PR_REGISTER, &registration);
}

/** reservation_reserve() - only registered hosts may write, all hosts may read */
enum reservation_answer reservation_reserve(const char *device, uint64_t key)
{
	struct pr_reservation reservation = { .key = key, .type = PR_WRITE_EXCLUSIVE_REG_ONLY };

	return call(device, IOC_PR_RESERVE, &reservation);
}

/**
 * reservation_preempt() - end all other registrations with a key, and take over their reservation
 * @key: registered by this host
 * @other: of the registrations that end. If it is not @key, their writes under way are aborted
 *
 * The kernel calls the key of the caller "old" and the one that goes "new", whatever its documentation
 * says. With its own key, an abort would abort itself.
 */
enum reservation_answer reservation_preempt(const char *device, uint64_t key, uint64_t other)
{
	struct pr_preempt preempt = { .old_key = key,
				      .new_key = other,
				      .type = PR_WRITE_EXCLUSIVE_REG_ONLY };

	return call(device, key == other ? IOC_PR_PREEMPT : IOC_PR_PREEMPT_ABORT, &preempt);
}

/** reservation_release() - end the reservation, if this host holds it */
enum reservation_answer reservation_release(const char *device, uint64_t key)
{
	struct pr_reservation reservation = { .key = key, .type = PR_WRITE_EXCLUSIVE_REG_ONLY };

	return call(device, IOC_PR_RELEASE, &reservation);
}
