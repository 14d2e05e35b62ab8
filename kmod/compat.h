/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: differences between the kernels that it builds on, 6.1 to 7.3.
 *
 * The only file that may look at LINUX_VERSION_CODE. The rest of the module is
 * written for the newest kernel.
 */
#ifndef _DM_ENVELOPE_COMPAT_H
#define _DM_ENVELOPE_COMPAT_H

#include <asm/simd.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* crypto_memneq() moved to a header of its own. */
#if KERNEL_VERSION(6, 4, 0) <= LINUX_VERSION_CODE
#include <crypto/utils.h>
#else
#include <crypto/algapi.h>
#endif

/* Allocation by object, which newer kernels have. */
#ifndef kzalloc_obj
#define kzalloc_obj(_object) kcalloc(1, sizeof(_object), GFP_KERNEL)
#endif

/* Work queues are bound to CPUs by default where the flag does not exist. */
#if KERNEL_VERSION(6, 17, 0) <= LINUX_VERSION_CODE
#define ENVELOPE_WQ_PERCPU WQ_PERCPU
#else
#define ENVELOPE_WQ_PERCPU 0
#endif

/* Writes that may not be torn. */
#ifdef DM_TARGET_ATOMIC_WRITES
#define ENVELOPE_TARGET_ATOMIC_WRITES DM_TARGET_ATOMIC_WRITES
#else
#define ENVELOPE_TARGET_ATOMIC_WRITES 0
#endif

#ifndef REQ_ATOMIC
#define REQ_ATOMIC 0
#endif

/*
 * Limits atomic writes to @bytes and to the size that @lower takes in one piece. @lower may have
 * smaller blocks than our device, and then it counts more segments.
 */
static inline void envelope_limits_cap_atomic_writes(struct queue_limits *limits,
						     struct block_device *lower, unsigned int bytes)
{
#ifdef DM_TARGET_ATOMIC_WRITES
	unsigned int unit = min(bytes, bdev_atomic_write_unit_max_bytes(lower));

	limits->atomic_write_hw_max = min(limits->atomic_write_hw_max, bytes);
	limits->atomic_write_hw_unit_max = min(limits->atomic_write_hw_unit_max, unit);
#endif
}

/* For a warning: the module with the fastest driver of AES-XTS. */
#ifdef CONFIG_ARM64
#define ENVELOPE_AES_MODULE "aes-ce-blk"
#else
#define ENVELOPE_AES_MODULE "aesni-intel"
#endif

/*
 * Before 6.16 the only synchronous AES-XTS of x86 that uses the FPU is the internal driver below
 * the wrapper that checks the FPU. A caller of the internal driver checks the FPU itself. The
 * drivers of arm64 have no wrapper: a bottom half may use NEON whatever it interrupted.
 */
#if KERNEL_VERSION(6, 16, 0) > LINUX_VERSION_CODE && defined(CONFIG_X86)
#define ENVELOPE_XTS_IS_INTERNAL
#include <crypto/internal/simd.h>
#endif

/*
 * May the cipher run here? Context: interrupts are on. Not in a bottom half that interrupted
 * an FPU section, on kernels whose FPU sections leave bottom halves on.
 */
static inline bool envelope_cipher_may_run(void)
{
#ifdef ENVELOPE_XTS_IS_INTERNAL
	return crypto_simd_usable();
#else
	return true;
#endif
}

/*
 * May a transform get another key here? The drivers of arm64 use NEON for a key schedule, and the
 * kernel stops with a BUG where NEON must not be used. The drivers of x86 look at the FPU first.
 */
static inline bool envelope_cipher_may_set_key(void)
{
	return !IS_ENABLED(CONFIG_ARM64) || may_use_simd();
}

/* Newer kernels distinguish creating a worker from creating and starting it. */
#if KERNEL_VERSION(6, 14, 0) <= LINUX_VERSION_CODE
#define envelope_kthread_run_worker(...) kthread_run_worker(0, __VA_ARGS__)
#else
#define envelope_kthread_run_worker(...) kthread_create_worker(0, __VA_ARGS__)
#endif

/* A shrinker whose caches are those of each node. Newer kernels allocate it. */
static inline struct shrinker *envelope_shrinker_new(const char *name,
						     typeof_member(struct shrinker, count_objects)
							     count,
						     typeof_member(struct shrinker, scan_objects)
							     scan)
{
	struct shrinker *shrinker;

#if KERNEL_VERSION(6, 7, 0) <= LINUX_VERSION_CODE
	shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "%s", name);
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
#else
	shrinker = kzalloc_obj(*shrinker);
	if (!shrinker)
		return NULL;
	shrinker->flags = SHRINKER_NUMA_AWARE;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
#endif
	return shrinker;
}

static inline void envelope_shrinker_free(struct shrinker *shrinker)
{
#if KERNEL_VERSION(6, 7, 0) <= LINUX_VERSION_CODE
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
	kfree(shrinker);
#endif
}

/* A disk whose bios can be polled. Newer kernels set this in the queue limits. */
static inline struct gendisk *envelope_alloc_poll_disk(void)
{
#if KERNEL_VERSION(6, 11, 0) <= LINUX_VERSION_CODE
	struct queue_limits limits = { .features = BLK_FEAT_POLL };
	struct gendisk *disk = blk_alloc_disk(&limits, NUMA_NO_NODE);

	return IS_ERR(disk) ? NULL : disk;
#else
#if KERNEL_VERSION(6, 9, 0) <= LINUX_VERSION_CODE
	struct gendisk *disk = blk_alloc_disk(NULL, NUMA_NO_NODE);
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);
#endif

	if (IS_ERR_OR_NULL(disk))
		return NULL;
	blk_queue_flag_set(QUEUE_FLAG_POLL, disk->queue);
	return disk;
#endif
}

/*
 * Head of a ->prepare_ioctl function, whose parameters are called ti and bdev. Newer kernels pass
 * the ioctl too.
 */
#if KERNEL_VERSION(6, 15, 0) <= LINUX_VERSION_CODE
#define ENVELOPE_PREPARE_IOCTL(_name)                                                        \
	static int _name(struct dm_target *ti, struct block_device **bdev, unsigned int cmd, \
			 unsigned long arg, bool *forward)
#else
#define ENVELOPE_PREPARE_IOCTL(_name) \
	static int _name(struct dm_target *ti, struct block_device **bdev)
#endif

#endif
