// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a real device for tests: made by dmsetup over the test disk, with a
 * key in a keyring that dmsetup's process finds.
 *
 * Tests start programs in the guest rather than fake device mapper: a fake would
 * only know what its author knew.
 */
#include <linux/file.h>
#include <linux/key.h>
#include <linux/kmod.h>
#include <linux/kthread.h>
#include <linux/scatterlist.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <keys/keyring-type.h>

#include "rig_test.h"

#define COMMAND_MAX 768
#define IO_TIMEOUT  (30 * HZ)

/**
 * rig_run() - run a shell command in the guest; its output goes to the kernel log
 * @format: the command
 *
 * Return: its exit status, or a negative error.
 */
int rig_run(const char *format, ...)
{
	static char *environment[4] = { "HOME=/", "PATH=/bin", "DM_DISABLE_UDEV=1", NULL };
	char *command = kmalloc(COMMAND_MAX, GFP_KERNEL);
	char *words[4] = { "/bin/sh", "-c", command, NULL };
	va_list arguments;
	int n, r;

	if (!command)
		return -ENOMEM;
	n = scnprintf(command, COMMAND_MAX, "exec >/dev/kmsg 2>&1; ");
	va_start(arguments, format);
	vscnprintf(command + n, COMMAND_MAX - n, format, arguments);
	va_end(arguments);
	r = call_usermodehelper(words[0], words, environment, UMH_WAIT_PROC);
	kfree(command);
	return r < 0 ? r : r >> 8;
}

/* The keyring that /init made: in root's user keyring, so all root's programs see it. */
static struct key *find_keyring(struct kunit *test)
{
	key_ref_t users = make_key_ref(init_user_ns.user_keyring_register, true);
	key_ref_t found = keyring_search(users, &key_type_keyring, "envelope-test", true);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(found), "no keyring envelope-test: %ld",
			       PTR_ERR((void *)found));
	return key_ref_to_ptr(found);
}

/**
 * rig_add_key() - add a key as add_key(2) does
 * @rig: for its keyring and key bytes
 * @description: of the key
 * @lease_ns: length of the lease, which begins now
 *
 * Return: a reference to the key, or an ERR_PTR.
 */
struct key *rig_add_key(struct rig *rig, const char *description, u64 lease_ns)
{
	struct envelope_payload payload = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.key_size = ENVELOPE_KEY_SIZE,
		.lease_ns = lease_ns,
		.deadline_ns = ktime_get_boottime_ns() + lease_ns,
	};
	key_ref_t ref;

	memcpy(payload.key, rig->key_bytes, ENVELOPE_KEY_SIZE);
	ref = key_create_or_update(make_key_ref(rig->keyring, true), ENVELOPE_KEY_TYPE, description,
				   &payload, sizeof(payload), KEY_POS_ALL | KEY_USR_ALL,
				   KEY_ALLOC_NOT_IN_QUOTA);
	return IS_ERR(ref) ? ERR_CAST(ref) : key_ref_to_ptr(ref);
}

/**
 * rig_renew() - move the end of the lease, as KEYCTL_UPDATE does
 * @rig: for its key
 * @left_ns: how long the lease lasts from now on
 *
 * Return: 0 or a negative error.
 */
int rig_renew(struct rig *rig, u64 left_ns)
{
	struct envelope_payload renewal = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.deadline_ns = ktime_get_boottime_ns() + left_ns,
	};

	return key_update(make_key_ref(rig->key, true), &renewal, ENVELOPE_RENEWAL_SIZE);
}

/**
 * rig_forget_key() - drop the rig's own reference, as no process has one
 * @rig: the rig
 */
void rig_forget_key(struct rig *rig)
{
	if (rig->key)
		key_put(rig->key);
	rig->key = NULL;
}

/**
 * rig_create() - dmsetup create, with the rig's table line
 * @rig: the rig
 * @suffix: what the device is called, after the rig's name
 *
 * Return: 0 if that worked.
 */
int rig_create(struct rig *rig, const char *suffix)
{
	char line[256];

	scnprintf(line, sizeof(line),
		  "0 %u envelope aes-xts-plain64 :64:envelope:%s %llu %s %llu %d sector_size:%u%s",
		  RIG_DATA_SECTORS, rig->name, rig->options.iv_offset, DISK_PATH,
		  (u64)rig->options.start, rig->options.allow_discards ? 2 : 1,
		  rig->options.sector_size, rig->options.allow_discards ? " allow_discards" : "");
	return rig_run("dmsetup create %s%s --table '%s'", rig->name, suffix, line);
}

/**
 * rig_remove() - dmsetup remove
 * @rig: the rig
 * @suffix: what the device is called, after the rig's name
 *
 * Return: 0 if that worked.
 */
int rig_remove(struct rig *rig, const char *suffix)
{
	return rig_run("dmsetup remove --retry %s%s", rig->name, suffix);
}

/* Opened by number: kernel threads of newer kernels do not see init's /dev. */
static void make_device(struct kunit *test, struct rig *rig)
{
	struct mapped_device *md;

	KUNIT_ASSERT_EQ(test, rig_create(rig, ""), 0);
	mutex_lock(&rig->vk->lock);
	rig->dev = list_first_entry_or_null(&rig->vk->devices, struct envelope_device, node);
	mutex_unlock(&rig->vk->lock);
	KUNIT_ASSERT_NOT_NULL(test, rig->dev);

	md = dm_table_get_md(rig->dev->ti->table);
	rig->file = bdev_file_open_by_dev(disk_devt(dm_disk(md)), BLK_OPEN_READ | BLK_OPEN_WRITE,
					  NULL, NULL);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(rig->file), "cannot open %s: %ld", rig->name,
			       PTR_ERR(rig->file));
	rig->bdev = file_bdev(rig->file);
}

/**
 * rig_new() - disk, key and device
 * @test: fails if one of them cannot be made; rig_free() must be called all the same
 * @options: of the table line
 *
 * Return: the rig, also in @test->priv.
 */
struct rig *rig_new(struct kunit *test, const struct rig_options *options)
{
	struct rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);
	static unsigned int serial;

	KUNIT_ASSERT_NOT_NULL(test, rig);
	test->priv = rig;
	rig->test = test;
	rig->options = *options;
	if (!rig->options.sector_size)
		rig->options.sector_size = 4096;
	snprintf(rig->name, sizeof(rig->name), "envelope-test-%u", ++serial);
	get_random_bytes(rig->key_bytes, sizeof(rig->key_bytes));

	rig->disk = test_disk_new(test);
	rig->keyring = find_keyring(test);
	rig->key = rig_add_key(rig, rig->name, options->lease_ns ?: 600 * (u64)NSEC_PER_SEC);
	if (IS_ERR(rig->key)) {
		KUNIT_FAIL(test, "add_key: %ld", PTR_ERR(rig->key));
		rig->key = NULL;
		KUNIT_ASSERT_NOT_NULL(test, rig->key);
	}
	rig->vk = envelope_volume_key_get(rig->key->payload.data[0]);
	make_device(test, rig);
	return rig;
}

/**
 * rig_free() - undo rig_new(), however far that came
 * @rig: the rig or NULL
 */
void rig_free(struct rig *rig)
{
	if (!rig)
		return;
	if (rig->disk)
		test_disk_release(rig->disk);
	if (!IS_ERR_OR_NULL(rig->file))
		bdev_fput(rig->file);
	if (rig->vk) {
		/* The file is closed for good when its work has run. */
		flush_delayed_fput();
		KUNIT_EXPECT_EQ(rig->test, rig_remove(rig, ""), 0);
		envelope_volume_key_put(rig->vk);
	}
	if (rig->key) {
		key_unlink(rig->keyring, rig->key);
		rig_forget_key(rig);
	}
	if (rig->keyring)
		key_put(rig->keyring);
	if (rig->disk)
		test_disk_free(rig->disk);
}

/* ---- errands ---- */

static int errand_thread(void *data)
{
	struct errand *errand = data;

	errand->result = errand->act(errand->rig);
	complete_all(&errand->done);
	return 0;
}

/**
 * errand_begin() - do something in a thread
 * @rig: what it is done to
 * @act: what is done
 *
 * Return: the errand, for which errand_end() must follow.
 */
struct errand *errand_begin(struct rig *rig, int (*act)(struct rig *rig))
{
	struct errand *errand = kunit_kzalloc(rig->test, sizeof(*errand), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(rig->test, errand);
	errand->rig = rig;
	errand->act = act;
	init_completion(&errand->done);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(rig->test,
				     kthread_run(errand_thread, errand, "envelope_errand"));
	return errand;
}

/**
 * errand_ends_within() - has it returned?
 * @errand: the errand
 * @timeout: how long to wait for that, in jiffies
 *
 * Return: false if it has not.
 */
bool errand_ends_within(struct errand *errand, unsigned long timeout)
{
	return wait_for_completion_timeout(&errand->done, timeout);
}

/**
 * errand_end() - wait for it, however long that takes
 * @errand: the errand
 *
 * Return: what it returned.
 */
int errand_end(struct errand *errand)
{
	wait_for_completion(&errand->done);
	return errand->result;
}

/* ---- sections ---- */

/* Nothing sleeps in a section, so this one keeps a CPU busy. */
static int section_thread(void *data)
{
	struct held_section *section = data;

	rcu_read_lock();
	section->live = envelope_lifecycle_is_live(section->lc);
	complete(&section->entered);
	while (!READ_ONCE(section->let_go))
		cpu_relax();
	rcu_read_unlock();
	complete(&section->left);
	return 0;
}

/**
 * held_section_begin() - open a section in a thread of its own
 * @test: fails if the lifecycle is not live
 * @lc: of this lifecycle
 *
 * Return: the section, for which held_section_end() must follow soon.
 */
struct held_section *held_section_begin(struct kunit *test, struct envelope_lifecycle *lc)
{
	struct held_section *section = kunit_kzalloc(test, sizeof(*section), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, section);
	section->lc = lc;
	init_completion(&section->entered);
	init_completion(&section->left);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, kthread_run(section_thread, section, "envelope_section"));
	wait_for_completion(&section->entered);
	KUNIT_EXPECT_TRUE(test, section->live);
	return section;
}

/**
 * held_section_end() - close it
 * @section: that is open
 */
void held_section_end(struct held_section *section)
{
	WRITE_ONCE(section->let_go, true);
	wait_for_completion(&section->left);
}

/* ---- bios ---- */

static size_t place(size_t at, const struct io_segment *segment)
{
	return round_up(at, PAGE_SIZE) + segment->offset;
}

/**
 * test_io_new() - memory for one bio
 * @rig: the device
 * @segments: must outlive the io
 * @nr: number of segments
 *
 * Return: the io.
 */
struct test_io *test_io_new(struct rig *rig, const struct io_segment *segments, unsigned int nr)
{
	struct test_io *io = kunit_kzalloc(rig->test, sizeof(*io), GFP_KERNEL);
	unsigned int i;
	size_t at = 0;

	KUNIT_ASSERT_NOT_NULL(rig->test, io);
	io->rig = rig;
	io->segments = segments;
	io->nr = nr;
	for (i = 0; i < nr; i++) {
		at = place(at, &segments[i]) + segments[i].len;
		io->size += segments[i].len;
	}
	io->arena_size = round_up(at, PAGE_SIZE);
	io->arena = alloc_pages_exact(io->arena_size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(rig->test, io->arena);
	init_completion(&io->entered);
	init_completion(&io->done);
	return io;
}

/**
 * test_io_free() - free the memory of an io that is done
 * @io: the io
 */
void test_io_free(struct test_io *io)
{
	free_pages_exact(io->arena, io->arena_size);
}

static void copy(struct test_io *io, u8 *data, bool to_arena)
{
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < io->nr; i++) {
		at = place(at, &io->segments[i]);
		if (to_arena)
			memcpy(io->arena + at, data, io->segments[i].len);
		else
			memcpy(data, io->arena + at, io->segments[i].len);
		data += io->segments[i].len;
		at += io->segments[i].len;
	}
}

/** test_io_fill() - @io->size bytes into the segments */
void test_io_fill(struct test_io *io, const u8 *data)
{
	copy(io, (u8 *)data, true);
}

/** test_io_collect() - @io->size bytes out of the segments */
void test_io_collect(struct test_io *io, u8 *data)
{
	copy(io, data, false);
}

static void end_io(struct bio *bio)
{
	struct test_io *io = bio->bi_private;

	io->status = bio->bi_status;
	complete_all(&io->entered);
	while (io->blocker && !bio->bi_status && !completion_done(io->blocker))
		cpu_relax();
	bio_put(bio);
	complete_all(&io->done);
}

/** test_io_submit() - send it; test_io_wait() must follow */
void test_io_submit(struct test_io *io, blk_opf_t opf, sector_t sector)
{
	struct bio *bio = bio_alloc(io->rig->bdev, max(io->nr, 1u), opf, GFP_KERNEL);
	unsigned int i;
	size_t at = 0;

	reinit_completion(&io->entered);
	reinit_completion(&io->done);
	bio->bi_iter.bi_sector = sector;
	bio->bi_private = io;
	bio->bi_end_io = end_io;
	for (i = 0; i < io->nr; i++) {
		at = place(at, &io->segments[i]);
		__bio_add_page(bio, virt_to_page(io->arena + at), io->segments[i].len,
			       offset_in_page(io->arena + at));
		at += io->segments[i].len;
	}
	if (opf & REQ_POLLED) {
		bio_get(bio);
		io->bio = bio;
	}
	submit_bio(bio);
}

/** test_io_wait() - Return: status of the bio; the test fails if it hangs */
blk_status_t test_io_wait(struct test_io *io)
{
	if (!wait_for_completion_timeout(&io->done, IO_TIMEOUT)) {
		KUNIT_FAIL(io->rig->test, "a bio hangs");
		/* Its memory must not go while it may come back. */
		test_disk_release(io->rig->disk);
		wait_for_completion(&io->done);
	}
	return io->status;
}

/** test_io_poll() - poll as io_uring does until it is done. Return: as test_io_wait() */
blk_status_t test_io_poll(struct test_io *io)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (!completion_done(&io->done) && time_before(jiffies, deadline)) {
		rcu_read_lock();
		bio_poll(io->bio, NULL, 0);
		rcu_read_unlock();
		cond_resched();
	}
	test_io_wait(io);
	bio_put(io->bio);
	return io->status;
}

/** test_io_run() - send and wait */
blk_status_t test_io_run(struct test_io *io, blk_opf_t opf, sector_t sector)
{
	test_io_submit(io, opf, sector);
	return test_io_wait(io);
}

/** test_simple() - one bio of one segment; @size 0: an empty flush. Return: its status */
blk_status_t test_simple(struct rig *rig, blk_opf_t opf, sector_t sector, unsigned int size)
{
	struct io_segment *segment = kunit_kzalloc(rig->test, sizeof(*segment), GFP_KERNEL);
	struct test_io *io;
	blk_status_t status;

	KUNIT_ASSERT_NOT_NULL(rig->test, segment);
	segment->len = size ?: PAGE_SIZE;
	io = test_io_new(rig, segment, 1);
	if (!size)
		io->nr = 0;
	status = test_io_run(io, opf, sector);
	test_io_free(io);
	return status;
}

/**
 * rig_starve() - from now on a write gets no page but those of its device's reserve
 *
 * Return: what envelope_pages_set_limit() ends it with.
 */
unsigned long rig_starve(void)
{
	unsigned long limit = envelope_pages_set_limit(0);

	envelope_pages_drain();
	return limit;
}

/**
 * test_oracle() - what plain data must look like on the disk
 * @rig: for key, unit and iv_offset
 * @sector: of the device
 * @data: linear kernel memory; encrypted in place
 * @size: bytes
 *
 * Shares no code with the module: a transform of its own and one request a unit.
 */
void test_oracle(struct rig *rig, sector_t sector, u8 *data, unsigned int size)
{
	struct crypto_skcipher *tfm = crypto_alloc_skcipher("xts(aes)", 0, 0);
	unsigned int at, unit = rig->options.sector_size;
	struct skcipher_request *request;
	DECLARE_CRYPTO_WAIT(wait);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(rig->test, tfm);
	KUNIT_EXPECT_EQ(rig->test, crypto_skcipher_setkey(tfm, rig->key_bytes, 64), 0);
	request = skcipher_request_alloc(tfm, GFP_KERNEL | __GFP_NOFAIL);
	skcipher_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP, crypto_req_done, &wait);
	for (at = 0; at < size; at += unit) {
		u64 number = sector + rig->options.iv_offset + (at >> SECTOR_SHIFT);
		__le64 iv[2] = { cpu_to_le64(number) };
		struct scatterlist sg;

		sg_init_one(&sg, data + at, unit);
		skcipher_request_set_crypt(request, &sg, &sg, unit, iv);
		KUNIT_EXPECT_EQ(rig->test, crypto_wait_req(crypto_skcipher_encrypt(request), &wait),
				0);
	}
	skcipher_request_free(request);
	crypto_free_skcipher(tfm);
}
