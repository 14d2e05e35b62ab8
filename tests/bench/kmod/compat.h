/* SPDX-License-Identifier: GPL-2.0 */
/*
 * envelope-bench: differences between the kernels that it builds on, 6.1 to 7.3.
 */
#ifndef _ENVELOPE_BENCH_COMPAT_H
#define _ENVELOPE_BENCH_COMPAT_H

#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/version.h>

/* Allocation by object, which newer kernels have. */
#ifndef kzalloc_obj
#define kzalloc_obj(_object) kcalloc(1, sizeof(_object), GFP_KERNEL)
#endif

/* A block device that we have open; how that is held has changed twice. */
#if KERNEL_VERSION(6, 9, 0) <= LINUX_VERSION_CODE

struct bench_device {
	struct file *file;
};

static inline struct block_device *bench_device_open(struct bench_device *device, const char *path,
						     bool write, void *holder)
{
	device->file = bdev_file_open_by_path(path, BLK_OPEN_READ | (write ? BLK_OPEN_WRITE : 0),
					      holder, NULL);
	return IS_ERR(device->file) ? ERR_CAST(device->file) : file_bdev(device->file);
}

static inline void bench_device_close(struct bench_device *device)
{
	bdev_fput(device->file);
}

#else

struct bench_device {
	struct block_device *bdev;
	fmode_t mode;
};

static inline struct block_device *bench_device_open(struct bench_device *device, const char *path,
						     bool write, void *holder)
{
	device->mode = FMODE_READ | FMODE_EXCL | (write ? FMODE_WRITE : 0);
	device->bdev = blkdev_get_by_path(path, device->mode, holder);
	return device->bdev;
}

static inline void bench_device_close(struct bench_device *device)
{
	blkdev_put(device->bdev, device->mode);
}

#endif

#endif
