// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a real device for tests. dmsetup makes it over the test disk, with a key in a
 * keyring that the process of dmsetup finds.
 *
 * Tests start programs in the guest rather than fake device mapper: a fake knows only what
 * its author knew.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/key.h>
#include <linux/kmod.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <keys/keyring-type.h>

#include "fixture_test.h"

#define COMMAND_MAX 768

/**
 * fixture_run() - run a shell command in the guest; its output goes to the kernel log
 * @format: the command
 *
 * Return: its exit status, or a negative error.
 */
int fixture_run(const char *format, ...)
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

/* The keyring that /init made. It is in root's user keyring, so all programs of root see it. */
static struct key *find_keyring(struct kunit *test)
{
	key_ref_t users = make_key_ref(init_user_ns.user_keyring_register, true);
	key_ref_t found = keyring_search(users, &key_type_keyring, "envelope-test", true);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(found), "no keyring envelope-test: %ld",
			       PTR_ERR((void *)found));
	return key_ref_to_ptr(found);
}

static struct envelope_payload payload_of(const struct fixture *fixture, u64 lease_ns)
{
	struct envelope_payload payload = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.key_size = ENVELOPE_KEY_SIZE,
		.lease_ns = lease_ns,
		.deadline_ns = ktime_get_boottime_ns() + lease_ns,
	};

	memcpy(payload.key, fixture->key_bytes, ENVELOPE_KEY_SIZE);
	return payload;
}

/**
 * fixture_add_key() - add a key as add_key(2) does
 * @fixture: for its keyring and key bytes
 * @description: of the key
 * @lease_ns: length of the lease, which begins now
 *
 * Return: a reference to the key, or an ERR_PTR.
 */
struct key *fixture_add_key(struct fixture *fixture, const char *description, u64 lease_ns)
{
	struct envelope_payload payload = payload_of(fixture, lease_ns);
	key_ref_t ref;

	ref = key_create_or_update(make_key_ref(fixture->keyring, true), ENVELOPE_KEY_TYPE,
				   description, &payload, sizeof(payload),
				   KEY_POS_ALL | KEY_USR_ALL, KEY_ALLOC_NOT_IN_QUOTA);
	return IS_ERR(ref) ? ERR_CAST(ref) : key_ref_to_ptr(ref);
}

/**
 * fixture_renew() - move the end of the lease, as KEYCTL_UPDATE does
 * @fixture: for its key
 * @left_ns: how long the lease lasts from now on
 *
 * Return: 0 or a negative error.
 */
int fixture_renew(struct fixture *fixture, u64 left_ns)
{
	struct envelope_payload renewal = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.deadline_ns = ktime_get_boottime_ns() + left_ns,
	};

	return key_update(make_key_ref(fixture->key, true), &renewal, ENVELOPE_RENEWAL_SIZE);
}

/**
 * fixture_update_key() - give key material once more, as KEYCTL_UPDATE does
 * @fixture: for its key and key bytes
 *
 * Return: 0 or a negative error.
 */
int fixture_update_key(struct fixture *fixture)
{
	struct envelope_payload payload = payload_of(fixture, 600 * (u64)NSEC_PER_SEC);

	return key_update(make_key_ref(fixture->key, true), &payload, sizeof(payload));
}

/**
 * fixture_instantiate_key() - give key material, as KEYCTL_INSTANTIATE does
 * @fixture: for its key bytes
 * @key: a key under construction
 *
 * Return: 0 or a negative error.
 */
int fixture_instantiate_key(struct fixture *fixture, struct key *key)
{
	struct envelope_payload payload = payload_of(fixture, 600 * (u64)NSEC_PER_SEC);

	return key_instantiate_and_link(key, &payload, sizeof(payload), NULL, NULL);
}

/**
 * fixture_revoke() - revoke the key; also as an errand
 * @fixture: its key
 *
 * Return: 0.
 */
int fixture_revoke(struct fixture *fixture)
{
	key_revoke(fixture->key);
	return 0;
}

/**
 * fixture_forget_key() - drop the reference of the fixture: no process has one either
 * @fixture: the fixture
 */
void fixture_forget_key(struct fixture *fixture)
{
	if (fixture->key)
		key_put(fixture->key);
	fixture->key = NULL;
}

/**
 * fixture_create() - dmsetup create, with the table line of the fixture
 * @fixture: the fixture
 * @suffix: of the device name, after the name of the fixture
 *
 * Return: 0 if that worked.
 */
int fixture_create(struct fixture *fixture, const char *suffix)
{
	char line[256];

	scnprintf(line, sizeof(line),
		  "0 %u envelope aes-xts-plain64 :64:envelope:%s %llu %s %llu %d sector_size:%u%s",
		  FIXTURE_DATA_SECTORS, fixture->name, fixture->options.iv_offset, DISK_PATH,
		  (u64)fixture->options.start, fixture->options.allow_discards ? 2 : 1,
		  fixture->options.sector_size,
		  fixture->options.allow_discards ? " allow_discards" : "");
	return fixture_run("dmsetup create %s%s --table '%s'", fixture->name, suffix, line);
}

/**
 * fixture_remove() - dmsetup remove
 * @fixture: the fixture
 * @suffix: of the device name, after the name of the fixture
 *
 * Return: 0 if that worked.
 */
int fixture_remove(struct fixture *fixture, const char *suffix)
{
	return fixture_run("dmsetup remove --retry %s%s", fixture->name, suffix);
}

/* The device is opened by number: kernel threads of newer kernels do not see init's /dev. */
static void make_device(struct kunit *test, struct fixture *fixture)
{
	struct mapped_device *md;

	KUNIT_ASSERT_EQ(test, fixture_create(fixture, ""), 0);
	mutex_lock(&fixture->vk->lock);
	fixture->dev = list_first_entry_or_null(&fixture->vk->devices, struct envelope_device,
						node);
	mutex_unlock(&fixture->vk->lock);
	KUNIT_ASSERT_NOT_NULL(test, fixture->dev);

	md = dm_table_get_md(fixture->dev->ti->table);
	fixture->file = bdev_file_open_by_dev(disk_devt(dm_disk(md)),
					      BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(fixture->file), "cannot open %s: %ld", fixture->name,
			       PTR_ERR(fixture->file));
	fixture->bdev = file_bdev(fixture->file);
}

/**
 * fixture_new() - disk, key and device
 * @test: fails if one of them cannot be made; fixture_free() must be called all the same
 * @options: of the table line
 *
 * Return: the fixture, also in @test->priv.
 */
struct fixture *fixture_new(struct kunit *test, const struct fixture_options *options)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	static unsigned int serial;

	KUNIT_ASSERT_NOT_NULL(test, fixture);
	test->priv = fixture;
	fixture->test = test;
	fixture->options = *options;
	if (!fixture->options.sector_size)
		fixture->options.sector_size = 4096;
	snprintf(fixture->name, sizeof(fixture->name), "envelope-test-%u", ++serial);
	get_random_bytes(fixture->key_bytes, sizeof(fixture->key_bytes));

	fixture->disk = test_disk_new(test);
	fixture->keyring = find_keyring(test);
	fixture->key = fixture_add_key(fixture, fixture->name,
				       options->lease_ns ?: 600 * (u64)NSEC_PER_SEC);
	if (IS_ERR(fixture->key)) {
		KUNIT_FAIL(test, "add_key: %ld", PTR_ERR(fixture->key));
		fixture->key = NULL;
		KUNIT_ASSERT_NOT_NULL(test, fixture->key);
	}
	fixture->vk = envelope_volume_key_get(fixture->key->payload.data[0]);
	make_device(test, fixture);
	return fixture;
}

/*
 * The key holds the module until the garbage collector has come. The next test may count that. A
 * module that loses its keys is reported once, and not waited for each time.
 */
static void wait_for_destruction(struct fixture *fixture)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;
	static bool lost;

	while (kref_read(&fixture->vk->kref) > 1 && !lost && time_before(jiffies, deadline))
		msleep(20);
	if (lost)
		return;
	lost = kref_read(&fixture->vk->kref) > 1;
	KUNIT_EXPECT_FALSE_MSG(fixture->test, lost, "the key is not destroyed");
}

/**
 * fixture_free() - undo fixture_new(), also if that failed half way
 * @fixture: the fixture or NULL
 */
void fixture_free(struct fixture *fixture)
{
	if (!fixture)
		return;
	if (fixture->disk)
		test_disk_release(fixture->disk);
	if (!IS_ERR_OR_NULL(fixture->file))
		bdev_fput(fixture->file);
	if (fixture->vk) {
		/* A delayed work closes the file. */
		flush_delayed_fput();
		KUNIT_EXPECT_EQ(fixture->test, fixture_remove(fixture, ""), 0);
	}
	if (fixture->key) {
		key_unlink(fixture->keyring, fixture->key);
		fixture_forget_key(fixture);
	}
	if (fixture->vk) {
		wait_for_destruction(fixture);
		envelope_volume_key_put(fixture->vk);
	}
	if (fixture->keyring)
		key_put(fixture->keyring);
	if (fixture->disk)
		test_disk_free(fixture->disk);
}

/**
 * fixture_starve() - from now on a write gets pages only from the reserve of its device
 *
 * Return: the limit that ends this, for envelope_pages_set_limit().
 */
unsigned long fixture_starve(void)
{
	unsigned long limit = envelope_pages_set_limit(0);

	envelope_pages_drain();
	return limit;
}

/**
 * fixture_expect_dead() - the device has failed, and refuses reads, writes and flushes
 * @fixture: its device
 * @reason: why it must have failed
 */
void fixture_expect_dead(struct fixture *fixture, enum envelope_reason reason)
{
	struct kunit *test = fixture->test;
	enum envelope_reason seen;

	KUNIT_EXPECT_EQ(test, envelope_lifecycle_state(&fixture->dev->lifecycle), ENVELOPE_DEAD);
	seen = envelope_lifecycle_reason(&fixture->dev->lifecycle);
	KUNIT_EXPECT_STREQ(test, envelope_reason_name(seen), envelope_reason_name(reason));
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 0, 4096), BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_IOERR);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0),
			BLK_STS_IOERR);
}

/**
 * fixture_expect_key_gone() - the volume key is dead, and its transform is freed
 * @fixture: its key
 */
void fixture_expect_key_gone(struct fixture *fixture)
{
	struct kunit *test = fixture->test;

	mutex_lock(&fixture->vk->lock);
	KUNIT_EXPECT_EQ(test, fixture->vk->state, ENVELOPE_DEAD);
	KUNIT_EXPECT_NULL(test, fixture->vk->tfm);
	KUNIT_EXPECT_NULL(test, fixture->vk->key);
	mutex_unlock(&fixture->vk->lock);
}
