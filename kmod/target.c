// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the device-mapper target "envelope".
 *
 * Table line, status, messages: docs/kernel-interface.md.
 *
 * Must never hold a reference on the struct key, and never show key material.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "envelope.h"

/* ---- constructor and destructor ---- */

/* The parts of a device that need no disk and no key. */
static int allocate_parts(struct envelope_device *dev, const struct envelope_table *table,
			  char **error)
{
	struct mapped_device *md = dm_table_get_md(dev->ti->table);

	*error = "Out of memory";
	dev->description = kstrdup(table->description, GFP_KERNEL);
	if (!dev->description)
		return -ENOMEM;
	dev->counters = alloc_percpu(struct envelope_cpu_counters);
	if (!dev->counters)
		goto err_counters;
	if (envelope_gather_init(&dev->gather))
		goto err_gather;
	if (envelope_bounce_pool_init(&dev->bounce))
		goto err_bounce;
	/* Of normal priority, as the writers are: it encrypts for them, and waits in the disk. */
	dev->write_wq = alloc_ordered_workqueue("envelope_write/%s", WQ_MEM_RECLAIM,
						dm_device_name(md));
	if (!dev->write_wq)
		goto err_write_wq;

	envelope_lifecycle_init(&dev->lifecycle);
	spin_lock_init(&dev->queue_lock);
	bio_list_init(&dev->queue);
	INIT_WORK(&dev->write_work, envelope_write_work);
	envelope_failure_init(dev);
	return 0;

err_write_wq:
	envelope_bounce_pool_exit(&dev->bounce);
err_bounce:
	envelope_gather_exit(&dev->gather);
err_gather:
	free_percpu(dev->counters);
err_counters:
	kfree(dev->description);
	return -ENOMEM;
}

static void free_parts(struct envelope_device *dev)
{
	envelope_failure_exit(dev);
	destroy_workqueue(dev->write_wq);
	envelope_bounce_pool_exit(&dev->bounce);
	envelope_gather_exit(&dev->gather);
	free_percpu(dev->counters);
	kfree(dev->description);
}

static int open_lower(struct envelope_device *dev, const struct envelope_table *table, char **error)
{
	struct dm_target *ti = dev->ti;
	sector_t size;
	int r;

	r = dm_get_device(ti, table->device, dm_table_get_mode(ti->table), &dev->lower);
	if (r) {
		*error = "Cannot open the underlying device";
		return r;
	}
	size = bdev_nr_sectors(dev->lower->bdev);
	if (table->start > size || ti->len > size - table->start) {
		*error = "Underlying device is too small for this offset and length";
		goto err_device;
	}
	if (bdev_is_zoned(dev->lower->bdev)) {
		*error = "Zoned devices are not supported";
		goto err_device;
	}
	return 0;

err_device:
	dm_put_device(ti, dev->lower);
	return -EINVAL;
}

static int take_key(struct envelope_device *dev, char **error)
{
	struct envelope_volume_key *vk;
	int r;

	vk = envelope_key_find(dev->description, error);
	if (IS_ERR(vk))
		return PTR_ERR(vk);

	dev->vk = vk;
	dev->at_once_bytes = envelope_cipher_is_slow(vk->driver) ? ENVELOPE_AT_ONCE_SLOW_BYTES
								 : ENVELOPE_AT_ONCE_BYTES;
	dev->piece_bytes = min(vk->piece_bytes, dev->at_once_bytes);
	r = envelope_volume_key_attach(vk, dev);
	if (r) {
		*error = r == -EKEYEXPIRED ? "Key has failed: its lease or timeout has expired"
					   : "Key has failed: it has been revoked";
		envelope_volume_key_put(vk);
	}
	return r;
}

static void set_target_features(struct dm_target *ti, const struct envelope_table *table)
{
	ti->per_io_data_size = sizeof(struct envelope_bio);
	ti->num_flush_bios = 1;
	if (table->allow_discards)
		ti->num_discard_bios = 1;
	/* Bounce pages are limited. Swapping must not use up all of them. */
	ti->limit_swap_bios = true;
	/* The write worker and helpers submit bios with dm_submit_bio_remap(). */
	ti->accounts_remapped_io = true;
}

static int envelope_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct envelope_table table;
	struct envelope_device *dev;
	int r;

	r = envelope_table_parse(argc, argv, ti->len, &table, &ti->error);
	if (r)
		return r;

	dev = kzalloc_obj(*dev);
	if (!dev) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	dev->ti = ti;
	dev->start = table.start;
	dev->iv_offset = table.iv_offset;
	dev->iv_shift = table.iv_offset - table.start;
	dev->sector_size = table.sector_size;
	dev->allow_discards = table.allow_discards;

	r = allocate_parts(dev, &table, &ti->error);
	if (r)
		goto err_parts;
	r = open_lower(dev, &table, &ti->error);
	if (r)
		goto err_lower;
	/* After this the key may fail the device at any time. */
	r = take_key(dev, &ti->error);
	if (r)
		goto err_key;

	set_target_features(ti, &table);
	ti->private = dev;
	ti->error = NULL;
	return 0;

err_key:
	dm_put_device(ti, dev->lower);
err_lower:
	free_parts(dev);
err_parts:
	kfree(dev);
	return r;
}

/*
 * All bios are back. First wait for the sections in which they completed: those may still run
 * our code. After that only a kill can know the device, and detaching waits for a kill.
 */
static void envelope_dtr(struct dm_target *ti)
{
	struct envelope_device *dev = ti->private;

	envelope_lifecycle_begin_kill(&dev->lifecycle, ENVELOPE_REMOVED);
	envelope_lifecycle_drain(&dev->lifecycle);
	envelope_volume_key_detach(dev);
	envelope_volume_key_put(dev->vk);
	dm_put_device(ti, dev->lower);
	free_parts(dev);
	kfree(dev);
}

/* The key may have failed before this table was resumed. Announce the failure now. */
static void envelope_resume(struct dm_target *ti)
{
	struct envelope_device *dev = ti->private;

	WRITE_ONCE(dev->activated, true);
	/* Pairs with envelope_failure_announce(). */
	smp_mb();
	envelope_failure_announce(dev);
}

/* ---- status and messages ---- */

static void emit_info(struct envelope_device *dev, char *result, unsigned int maxlen)
{
	struct envelope_counters sum;
	enum envelope_reason reason;
	unsigned int sz = 0;
	u64 left = 0, length;

	/* The watchdog may be a second late: an idle device must not show as live until then. */
	envelope_volume_key_check(dev->vk);
	reason = envelope_lifecycle_reason(&dev->lifecycle);
	if (reason == ENVELOPE_NOT_FAILED)
		left = envelope_lease_left_seconds(&dev->vk->lease, ktime_get_boottime_ns());
	length = div_u64(dev->vk->lease.lease_ns, NSEC_PER_SEC);
	envelope_io_counters(dev, &sum);
	DMEMIT("%s %s %llu %s", reason == ENVELOPE_NOT_FAILED ? "live" : "failed",
	       envelope_reason_name(reason), left, dev->vk->driver);
	DMEMIT(" %llu %llu %llu %llu %llu %llu %llu", sum.reads, sum.writes, sum.discards,
	       sum.flushes, sum.errors, envelope_refusals(&sum), length);
}

static void emit_table(struct envelope_device *dev, char *result, unsigned int maxlen)
{
	unsigned int options = dev->allow_discards + (dev->sector_size != 4096);
	unsigned int sz = 0;

	DMEMIT("aes-xts-plain64 :%u:%s:%s %llu %s %llu", ENVELOPE_KEY_SIZE, ENVELOPE_KEY_TYPE,
	       dev->description, dev->iv_offset, dev->lower->name, (unsigned long long)dev->start);
	if (!options)
		return;
	DMEMIT(" %u", options);
	if (dev->sector_size != 4096)
		DMEMIT(" sector_size:%u", dev->sector_size);
	if (dev->allow_discards)
		DMEMIT(" allow_discards");
}

/*
 * Nothing needs an escape: the description has no separator (table.c), the device is major:minor,
 * and all else is a number or a word of ours.
 */
static void emit_ima(struct envelope_device *dev, char *result, unsigned int maxlen)
{
	unsigned int sz = 0;

	DMEMIT_TARGET_NAME_VERSION(dev->ti->type);
	DMEMIT(",cipher=aes-xts-plain64,key_size=%u,key_type=%s,key_description=%s",
	       ENVELOPE_KEY_SIZE, ENVELOPE_KEY_TYPE, dev->description);
	DMEMIT(",iv_offset=%llu,device_name=%s,start=%llu,sector_size=%u,allow_discards=%c;",
	       dev->iv_offset, dev->lower->name, (unsigned long long)dev->start, dev->sector_size,
	       dev->allow_discards ? 'y' : 'n');
}

static void envelope_status(struct dm_target *ti, status_type_t type, unsigned int status_flags,
			    char *result, unsigned int maxlen)
{
	struct envelope_device *dev = ti->private;

	switch (type) {
	case STATUSTYPE_INFO:
		emit_info(dev, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		emit_table(dev, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		emit_ima(dev, result, maxlen);
		break;
	}
}

/* One line of words: a reader looks for the name, so more may come. */
static void emit_stats(struct envelope_device *dev, char *result, unsigned int maxlen)
{
	struct envelope_counters sum;
	unsigned int event, sz = 0;

	envelope_io_counters(dev, &sum);
	for (event = 0; event < ENVELOPE_NR_EVENTS; event++)
		DMEMIT("%s=%llu ", envelope_event_name(event), sum.events[event]);
	DMEMIT("reserve_free=%u pages=%ld", READ_ONCE(dev->bounce.nr_pages),
	       envelope_share_used(&dev->bounce.share));
}

static int envelope_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			    unsigned int maxlen)
{
	if (argc == 1 && !strcasecmp(argv[0], "fail")) {
		envelope_failure_now(ti->table, ENVELOPE_MESSAGE);
		return 0;
	}
	if (argc == 1 && !strcasecmp(argv[0], "stats")) {
		emit_stats(ti->private, result, maxlen);
		return 1;
	}
	DMWARN("unrecognised message %s: there are \"fail\" and \"stats\", without arguments",
	       argv[0]);
	return -EINVAL;
}

/* ---- the lower device ---- */

/*
 * An ioctl reaches the disk below the cipher, whatever the state of the key. So an open device is
 * not enough: returning 1 makes dm core require CAP_SYS_RAWIO.
 */
ENVELOPE_PREPARE_IOCTL(envelope_prepare_ioctl)
{
	struct envelope_device *dev = ti->private;

	if (!envelope_lifecycle_is_live(&dev->lifecycle))
		return -EIO;
	*bdev = dev->lower->bdev;
	return 1;
}

static int envelope_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct envelope_device *dev = ti->private;

	return fn(ti, dev->lower, dev->start, ti->len, data);
}

static void envelope_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct envelope_device *dev = ti->private;
	unsigned int size = dev->sector_size;

	limits->logical_block_size = max_t(unsigned int, limits->logical_block_size, size);
	limits->physical_block_size = max_t(unsigned int, limits->physical_block_size, size);
	limits->io_min = max_t(unsigned int, limits->io_min, size);
	/* Data units that straddle segments work, but cost a copy. */
	limits->dma_alignment = max_t(unsigned int, limits->dma_alignment, size - 1);
	/* Otherwise the block layer could split a discard within a data unit. */
	if (dev->allow_discards)
		limits->discard_granularity = max(limits->discard_granularity, size);
	/* An atomic write must fit into one set of bounce pages. */
	envelope_limits_cap_atomic_writes(limits, dev->lower->bdev,
					  ENVELOPE_MAX_SECTORS << SECTOR_SHIFT);
}

struct target_type envelope_target = {
	.name = ENVELOPE_TARGET_NAME,
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | ENVELOPE_TARGET_ATOMIC_WRITES,
	.ctr = envelope_ctr,
	.dtr = envelope_dtr,
	.map = envelope_map,
	.resume = envelope_resume,
	.status = envelope_status,
	.message = envelope_message,
	.prepare_ioctl = envelope_prepare_ioctl,
	.iterate_devices = envelope_iterate_devices,
	.io_hints = envelope_io_hints,
};
