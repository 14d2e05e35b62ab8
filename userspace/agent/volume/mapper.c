// SPDX-License-Identifier: MIT
/*
 * Makes, changes and removes the devices of volumes: of target "envelope", or "linear" for a plain
 * volume. A table is built only from a verified copy of the header in memory. No key material passes
 * through here. mapper_list.c reads what devices there are.
 */
#include "agent/volume/mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdevmapper.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/volume/mapper_task.h"
#include "agent/volume/udev_wait.h"
#include "dm-envelope.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"

/* libdevmapper's warnings and errors; its debug messages are dropped. */
__attribute__((format(printf, 5, 6))) static void on_log(int level, const char *file, int line,
							 int dm_errno, const char *format, ...)
{
	char text[512];
	va_list args;

	if ((level & 0x7) > 4)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_warning("libdevmapper: %s", text);
}

/** mapper_path() - path of the device @name, for free(); NULL without memory */
char *mapper_path(const char *name)
{
	return text_format("/dev/mapper/%s", name);
}

/**
 * mapper_init() - check that the kernel has the target, which loads its module
 *
 * Return: 0, or -1 with the fault KernelModuleMissing.
 */
int mapper_init(struct fault *f)
{
	_cleanup_task_ struct dm_task *task = NULL;

	dm_log_with_errno_init(on_log);
	/* The threads share the descriptor: no thread may close it. */
	dm_hold_control_dev(1);
	task = new_task(DM_DEVICE_GET_TARGET_VERSION);
	if (!task || !dm_task_set_name(task, ENVELOPE_TARGET_NAME) || !dm_task_run(task))
		return fault_set(f, "KernelModuleMissing",
				 "The kernel has no device-mapper target 'envelope'. Load its module with 'modprobe dm-envelope'.");
	return 0;
}

/**
 * mapper_events() - a descriptor that is readable once a device has had an event
 *
 * /dev/mapper/control is readable after any event since it was opened, so it is opened anew after
 * each. Only this function is for the event loop.
 *
 * Return: the descriptor, to be closed by the caller, or a negative errno.
 */
int mapper_events(void)
{
	int fd = open(MAPPER_CONTROL, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Adds the table to a request. */
static int set_table(struct dm_task *task, const struct device_table *table, struct fault *f)
{
	const struct volume_header *header = table->header;
	char params[512];
	struct stat st;

	if (stat(table->device, &st) < 0 || !S_ISBLK(st.st_mode))
		return fault_set(f, "InvalidParameterValue",
				 "%s is not a block device. Name the block device of the volume.",
				 table->device);
	if (st.st_rdev != table->number)
		return fault_set(f, "InvalidVolumeHeader",
				 "%s has become another device since the volume's header was read there. Start the cluster again.",
				 table->device);
	if (header->plain)
		snprintf(params, sizeof(params), "%u:%u %" PRIu64, major(table->number),
			 minor(table->number), header->data_offset);
	else
		snprintf(params, sizeof(params),
			 VOLUME_CIPHER " :%d:" ENVELOPE_KEY_TYPE ":%s %" PRIu64 " %u:%u %" PRIu64
				       " %d sector_size:%" PRIu32 "%s",
			 VOLUME_KEY_SIZE, table->description, header->iv_offset,
			 major(table->number), minor(table->number), header->data_offset,
			 table->allow_discards ? 2 : 1, header->sector_size,
			 table->allow_discards ? " " MAPPER_DISCARDS : "");
	if (!task || !dm_task_set_name(task, table->name) ||
	    !dm_task_add_target(task, 0, header->data_sectors,
				header->plain ? MAPPER_PLAIN_TARGET : ENVELOPE_TARGET_NAME,
				params) ||
	    (table->read_only && !dm_task_set_ro(task)))
		return fault_set(f, "InternalFailure",
				 "The device %s cannot be prepared: out of memory or a bad name.",
				 table->name);
	return 0;
}

/* The disk has become write-protected since the table was chosen. Return: true with @f. */
static bool is_protected(const struct device_table *table, struct fault *f)
{
	return !table->read_only && block_device_check_writable(table->device, -1, f) < 0;
}

/*
 * A program that wrote to the path while there was no device has left a file. udev makes no link in
 * its place, and the next program would write its data into the file: in clear, and in memory.
 */
static int check_path(const char *name, struct fault *f)
{
	_cleanup_text_ char *path = mapper_path(name);
	struct stat st;

	if (!path || stat(path, &st) < 0 || S_ISBLK(st.st_mode))
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "%s is not a device: a program has written there while the cluster had none. Look at what it holds, remove it with rm, and start the cluster again.",
			 path);
}

/* Is there a device @name? @uuid: only one that has this uuid; NULL for any */
static bool exists(const char *name, const char *uuid)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_INFO);
	struct dm_info info;
	const char *found;

	if (!task || !dm_task_set_name(task, name) || !dm_task_run(task) ||
	    !dm_task_get_info(task, &info) || !info.exists)
		return false;
	found = uuid ? dm_task_get_uuid(task) : NULL;
	return !uuid || (found && !strcmp(found, uuid));
}

/*
 * 'dmsetup remove --force' and 'dmsetup wipe_table' leave a device with errors in place of its
 * table, for
 * as long as somebody has it open. It has the volume's name and uuid, and is in no list of devices.
 *
 * Return: 0, also without such a device, or -1 when it is in use.
 */
static int remove_remains(const char *name, const char *uuid, struct fault *f)
{
	if (!exists(name, uuid) || mapper_is_mapping(name))
		return 0;
	log_warning("The device %s has lost its table. It is removed.", name);
	return mapper_remove(name, f);
}

/**
 * mapper_create() - make a volume's device
 * @f: InternalFailure, InvalidDBClusterStateFault when the name or the path is taken,
 *	InvalidParameterValue when the disk has become write-protected, or DeviceTimeout when udev does
 *	not come
 *
 * Return: 0 or -1.
 */
int mapper_create(const struct device_table *table, struct fault *f)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_CREATE);
	char uuid[64];
	struct fault ignored;
	uint32_t cookie = 0;
	bool known;
	int ok;

	snprintf(uuid, sizeof(uuid), MAPPER_UUID_PREFIX "%s", table->header->volume_id);
	if (set_table(task, table, f) < 0 || remove_remains(table->name, uuid, f) < 0 ||
	    check_path(table->name, f) < 0)
		return -1;
	if (!dm_task_set_uuid(task, uuid) ||
	    !dm_task_set_cookie(task, &cookie, DM_UDEV_DISABLE_LIBRARY_FALLBACK))
		return fault_set(f, "InternalFailure",
				 "The device %s cannot be prepared: out of memory or a bad name.",
				 table->name);
	ok = dm_task_run(task);
	known = udev_await(cookie, table->name);
	if (!ok && is_protected(table, f))
		return -1;
	/* libdevmapper has no errno for a name that is taken. */
	if (!ok && (dm_task_get_errno(task) == EBUSY || exists(table->name, NULL)))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The device name %s is taken, or something else uses %s. Look: dmsetup table; lsblk %s",
				 table->name, table->device, table->device);
	if (!ok)
		return fault_set(f, block_device_fault_code(dm_task_get_errno(task)),
				 "The kernel refused to make the device %s on %s: %s. Read the reason with 'dmesg | tail'.",
				 table->name, table->device, strerror(dm_task_get_errno(task)));
	if (known)
		return 0;
	mapper_remove(table->name, &ignored);
	return fault_set(f, "DeviceTimeout",
			 "udev did not confirm the device %s within %d seconds, and it was removed. systemd-udevd must run in the same IPC namespace as enveloped: systemctl status systemd-udevd.",
			 table->name, UDEV_SECONDS);
}

/* Runs a request. Return: 0 or an errno. */
static int run(struct dm_task *task)
{
	if (dm_task_run(task))
		return 0;
	return dm_task_get_errno(task) ? dm_task_get_errno(task) : EIO;
}

/* Puts a loaded table in force, or without one the old table again. Return: 0 or an errno. */
static int resume(const char *name)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_RESUME);
	uint32_t cookie = 0;
	int r;

	/* The data stay where they are: nothing need be frozen or flushed. */
	if (!task || !dm_task_set_name(task, name) || !dm_task_skip_lockfs(task) ||
	    !dm_task_no_flush(task) ||
	    !dm_task_set_cookie(task, &cookie, DM_UDEV_DISABLE_LIBRARY_FALLBACK))
		return ENOMEM;
	r = run(task);
	udev_await(cookie, name);
	return r;
}

/*
 * A new table is put in force with a resume, and the kernel has one state of a device for all who
 * suspend it: the program that suspended it would lose its hold.
 */
static int check_running(const char *name, struct fault *f)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_INFO);
	struct dm_info info;

	if (!task || !dm_task_set_name(task, name) || !dm_task_run(task) ||
	    !dm_task_get_info(task, &info) || !info.exists || !info.suspended)
		return 0;
	return fault_set(f, "InvalidDBClusterStateFault",
			 "The device %s is suspended: somebody holds its I/O, and a new table would let it go on. The device has its old table. When that work has ended, run 'dmsetup resume %s', then try again.",
			 name, name);
}

/**
 * mapper_reload() - give a volume's device another table, while it is in use
 * @f: InvalidDBClusterStateFault when it is suspended, and stays so. InternalFailure, or
 *	InvalidParameterValue when the disk has become write-protected; the device then has its old table
 *	and is not suspended
 *
 * Requests that come meanwhile wait, and end without an error.
 *
 * Return: 0 or -1.
 */
int mapper_reload(const struct device_table *table, struct fault *f)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_RELOAD);
	int r;

	if (set_table(task, table, f) < 0 || check_running(table->name, f) < 0)
		return -1;
	r = run(task);
	if (!r)
		r = resume(table->name);
	if (!r)
		return 0;
	/* The kernel drops the new table, but leaves the device suspended. */
	resume(table->name);
	if (is_protected(table, f))
		return -1;
	return fault_set(f, block_device_fault_code(r),
			 "The kernel refused the new table of the device %s on %s: %s. The device has its old table. Read the reason with 'dmesg | tail'.",
			 table->name, table->device, strerror(r));
}

/* Is a lasting user on the device: a mounted file system, another device? */
static bool in_use(const char *name)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_INFO);
	struct dm_info info;

	if (!task || !dm_task_set_name(task, name) || !dm_task_run(task) ||
	    !dm_task_get_info(task, &info) || !info.exists)
		return false;
	return dm_device_has_holders(info.major, info.minor) ||
	       dm_device_has_mounted_fs(info.major, info.minor);
}

/**
 * mapper_remove() - remove a device
 * @name: of the device; a missing device is fine
 * @f: InvalidDBClusterStateFault when it is in use
 *
 * A device with a file system or a device on top is refused at once. Another opener may be a udev
 * worker that reads the device after a write: libdevmapper tries again for five seconds.
 *
 * Return: 0 or -1.
 */
int mapper_remove(const char *name, struct fault *f)
{
	_cleanup_task_ struct dm_task *task = new_task(DM_DEVICE_REMOVE);
	uint32_t cookie = 0;
	int ok;

	if (in_use(name))
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The device %s is in use. Stop its users first: lsblk, fuser -vm.",
				 name);
	if (!task || !dm_task_set_name(task, name) || !dm_task_retry_remove(task) ||
	    !dm_task_set_cookie(task, &cookie, DM_UDEV_DISABLE_LIBRARY_FALLBACK))
		return fault_set(f, "InternalFailure",
				 "The removal of %s cannot be prepared: out of memory.", name);
	ok = dm_task_run(task);
	if (!udev_await(cookie, name))
		log_warning("udev did not confirm the removal of %s within %d seconds. Is systemd-udevd running?",
			    name, UDEV_SECONDS);
	if (ok || dm_task_get_errno(task) == ENXIO)
		return 0;
	if (dm_task_get_errno(task) == EBUSY)
		return fault_set(f, "InvalidDBClusterStateFault",
				 "The device %s is in use. Stop its users first: lsblk, fuser -vm.",
				 name);
	return fault_set(f, "InternalFailure",
			 "The kernel did not remove %s: %s. Read the reason with 'dmesg'.", name,
			 strerror(dm_task_get_errno(task)));
}
