// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the promise. After the key has ended no bio succeeds, nothing hangs,
 * and the transform is gone: with bios in every stage, and for every way a key can end.
 */
#include <linux/delay.h>
#include <linux/key.h>
#include <linux/sched.h>

#include "fixture_test.h"

static void revoke_exit(struct kunit *test)
{
	fixture_free(test->priv);
}

/* ---- the ways a key can end, on an idle device ---- */

struct way {
	const char *name;
	int (*end)(struct fixture *fixture);
	enum envelope_reason reason;
	bool at_once;	/* dead when the call returns */
	bool key_lives; /* only the device fails */
};

static int by_invalidate(struct fixture *fixture)
{
	key_invalidate(fixture->key);
	return 0;
}

static int by_timeout(struct fixture *fixture)
{
	key_set_timeout(fixture->key, 1);
	return 0;
}

static int by_unlink(struct fixture *fixture)
{
	int r = key_unlink(fixture->keyring, fixture->key);

	fixture_forget_key(fixture);
	return r;
}

static int by_clear(struct fixture *fixture)
{
	int r = keyring_clear(fixture->keyring);

	fixture_forget_key(fixture);
	return r;
}

/* The lease outlasts the next run of the watchdog, which has to run again in time. */
static int by_lease(struct fixture *fixture)
{
	return fixture_renew(fixture, 1200 * (u64)NSEC_PER_MSEC);
}

static int by_message(struct fixture *fixture)
{
	return fixture_run("dmsetup message %s 0 fail", fixture->name);
}

static const struct way ways[] = {
	{ "revoke", fixture_revoke, ENVELOPE_KEY_REVOKED, .at_once = true },
	{ "invalidate", by_invalidate, ENVELOPE_KEY_INVALIDATED },
	{ "timeout", by_timeout, ENVELOPE_KEY_TIMEOUT },
	{ "unlink", by_unlink, ENVELOPE_KEY_UNLINKED },
	{ "keyring clear", by_clear, ENVELOPE_KEY_UNLINKED },
	{ "lease runs out", by_lease, ENVELOPE_LEASE_EXPIRED },
	{ "message", by_message, ENVELOPE_MESSAGE, .at_once = true, .key_lives = true },
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

/* Ends the key in a thread of its own. No bio in any stage may delay the end. */
static struct errand *expect_end(struct fixture *fixture, const struct way *way)
{
	struct kunit *test = fixture->test;
	struct errand *errand = errand_begin(fixture, way->end);
	unsigned long deadline = jiffies + LONG_ENOUGH;

	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(errand, LONG_ENOUGH), "the call hangs");
	KUNIT_EXPECT_EQ(test, errand->result, 0);
	while (!way->at_once && time_before(jiffies, deadline) &&
	       envelope_lifecycle_state(&fixture->dev->lifecycle) != ENVELOPE_DEAD)
		msleep(20);
	KUNIT_EXPECT_EQ_MSG(test, envelope_lifecycle_state(&fixture->dev->lifecycle), ENVELOPE_DEAD,
			    "the device lives on");
	if (way->key_lives)
		KUNIT_EXPECT_EQ(test, READ_ONCE(fixture->vk->state), ENVELOPE_LIVE);
	else
		fixture_expect_key_gone(fixture);
	return errand;
}

static void idle_device_fails(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct errand *errand;

	KUNIT_ASSERT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	errand = expect_end(fixture, way);
	fixture_expect_dead(fixture, way->reason);
	errand_end(errand);
}

/* ---- ends of the key that the watchdog has not seen yet ---- */

struct event {
	const char *name;
	void (*happen)(struct fixture *fixture);
};

static void lease_has_ended(struct fixture *fixture)
{
	WRITE_ONCE(fixture->vk->lease.deadline_ns, 1);
}

static void timeout_has_come(struct fixture *fixture)
{
	WRITE_ONCE(fixture->key->expiry, 1);
}

static void is_marked_revoked(struct fixture *fixture)
{
	set_bit(KEY_FLAG_REVOKED, &fixture->key->flags);
}

static void is_marked_invalidated(struct fixture *fixture)
{
	set_bit(KEY_FLAG_INVALIDATED, &fixture->key->flags);
}

static const struct event events[] = {
	{ "lease", lease_has_ended },
	{ "timeout", timeout_has_come },
	{ "revoked", is_marked_revoked },
	{ "invalidated", is_marked_invalidated },
};

KUNIT_ARRAY_PARAM_DESC(event, events, name);

/* The watchdog sleeps for up to a second. The very next bio is refused. */
static void next_bio_is_refused(struct kunit *test)
{
	const struct event *event = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

	KUNIT_ASSERT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
	event->happen(fixture);
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_READ, 0, 4096), BLK_STS_IOERR);
}

static void key_ends_once(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});

	KUNIT_EXPECT_EQ(test, fixture_renew(fixture, 60 * (u64)NSEC_PER_SEC), 0);
	key_revoke(fixture->key);
	key_revoke(fixture->key);
	key_invalidate(fixture->key);
	envelope_volume_key_kill(fixture->vk, ENVELOPE_LEASE_EXPIRED);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
	fixture_expect_key_gone(fixture);
}

/* ---- bios at the disk ---- */

struct held_row {
	const char *name;
	blk_opf_t opf;
	unsigned int len;
	enum disk_context context;
};

static const struct held_row held_rows[] = {
	{ "read", REQ_OP_READ, 16384, DISK_PROCESS },
	{ "read, back in hardirq", REQ_OP_READ, 16384, DISK_HARDIRQ },
	{ "write", REQ_OP_WRITE, 16384, DISK_PROCESS },
	{ "read, back in softirq", REQ_OP_READ, 65536, DISK_SOFTIRQ },
	{ "large read", REQ_OP_READ, 524288, DISK_PROCESS },
	{ "large read, back in hardirq", REQ_OP_READ, 524288, DISK_HARDIRQ },
	{ "write, back in softirq", REQ_OP_WRITE, 16384, DISK_SOFTIRQ },
	{ "large write", REQ_OP_WRITE, 524288, DISK_HARDIRQ },
	{ "write, back in hardirq", REQ_OP_WRITE | REQ_FUA, 16384, DISK_HARDIRQ },
	{ "flush", REQ_OP_WRITE | REQ_PREFLUSH, 0, DISK_HARDIRQ },
};

KUNIT_ARRAY_PARAM_DESC(held, held_rows, name);

/* The disk hangs. The revoke does not, and a bio that comes back later fails. */
static void hung_disk_holds_up_nothing(struct kunit *test)
{
	const struct held_row *row = test->param_value;
	struct io_segment segment = { 0, row->len ?: 4096 };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct errand *revoke;

	if (!row->len)
		io->nr = 0;
	fixture->disk->context = row->context;
	test_disk_hold(fixture->disk);
	test_io_submit(io, row->opf, 0);
	KUNIT_ASSERT_TRUE(test, test_disk_wait_held(fixture->disk, 1));

	revoke = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_TRUE_MSG(test, errand_ends_within(revoke, LONG_ENOUGH), "the revoke hangs");
	fixture_expect_key_gone(fixture);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));

	/* The disk reports success too late. */
	test_disk_release(fixture->disk);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	if (row->opf == REQ_OP_READ)
		KUNIT_EXPECT_NULL(test, memchr_inv(io->arena, 0, row->len));
	errand_end(revoke);
	test_io_free(io);
}

/* A disk that hangs with a bio of each kind delays no end of the key. */
static void hung_disk_delays_no_end(struct kunit *test)
{
	static const struct {
		blk_opf_t opf;
		unsigned int nr;
	} kinds[] = { { REQ_OP_READ, 1 }, { REQ_OP_WRITE, 1 }, { REQ_OP_WRITE | REQ_PREFLUSH, 0 } };
	static const struct io_segment segment = { 0, 8192 };
	const struct way *way = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *ios[ARRAY_SIZE(kinds)];
	struct errand *errand;
	unsigned int i;

	fixture->disk->context = DISK_HARDIRQ;
	test_disk_hold(fixture->disk);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ios[i] = test_io_new(fixture, &segment, 1);
		ios[i]->nr = kinds[i].nr;
		test_io_submit(ios[i], kinds[i].opf, i * 16);
	}
	KUNIT_EXPECT_TRUE(test, test_disk_wait_held(fixture->disk, ARRAY_SIZE(kinds)));

	errand = expect_end(fixture, way);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		KUNIT_EXPECT_FALSE(test, completion_done(&ios[i]->done));
	test_disk_release(fixture->disk);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		KUNIT_EXPECT_EQ(test, test_io_wait(ios[i]), BLK_STS_IOERR);
		test_io_free(ios[i]);
	}
	fixture_expect_dead(fixture, way->reason);
	errand_end(errand);
}

/* ---- bios inside a section ---- */

static int release_disk(struct fixture *fixture)
{
	test_disk_release(fixture->disk);
	return 0;
}

struct inside_row {
	const char *name;
	blk_opf_t opf;
	unsigned int len;
};

static const struct inside_row inside_rows[] = {
	{ "read", REQ_OP_READ, 4096 },
	{ "read in a worker", REQ_OP_READ, 262144 },
	{ "write", REQ_OP_WRITE, 4096 },
};

KUNIT_ARRAY_PARAM_DESC(inside, inside_rows, name);

/* A completion with success has begun: the revoke waits until it has ended. */
static void revoke_waits_for_a_completion(struct kunit *test)
{
	const struct inside_row *row = test->param_value;
	struct io_segment segment = { 0, row->len };
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct completion *blocker = kunit_kzalloc(test, sizeof(*blocker), GFP_KERNEL);
	struct errand *release, *revoke;

	KUNIT_ASSERT_NOT_NULL(test, blocker);
	init_completion(blocker);
	io->blocker = blocker;
	test_disk_hold(fixture->disk);
	test_io_submit(io, row->opf, 0);
	release = errand_begin(fixture, release_disk);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&io->entered, LONG_ENOUGH), 0);

	revoke = errand_begin(fixture, fixture_revoke);
	KUNIT_EXPECT_FALSE_MSG(test, errand_ends_within(revoke, A_WHILE),
			       "the revoke returned while a bio was reporting success");
	KUNIT_EXPECT_NOT_NULL(test, READ_ONCE(fixture->vk->tfm));
	complete_all(blocker);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_OK);
	errand_end(release);
	errand_end(revoke);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
	fixture_expect_key_gone(fixture);
	test_io_free(io);
}

/* ---- suspended and shared ---- */

static void suspended_device_fails_too(struct kunit *test)
{
	static const struct io_segment segment = { 0, 4096 };
	const struct way *way = test->param_value;
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct test_io *io = test_io_new(fixture, &segment, 1);
	struct errand *errand;

	KUNIT_ASSERT_EQ(test, fixture_run("dmsetup suspend %s", fixture->name), 0);
	test_io_submit(io, REQ_OP_WRITE, 0);
	errand = expect_end(fixture, way);
	KUNIT_EXPECT_FALSE(test, completion_done(&io->done));
	KUNIT_EXPECT_EQ(test, fixture_run("dmsetup resume %s", fixture->name), 0);
	KUNIT_EXPECT_EQ(test, test_io_wait(io), BLK_STS_IOERR);
	fixture_expect_dead(fixture, way->reason);
	errand_end(errand);
	test_io_free(io);
}

static void shared_key_ends_all_its_devices(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_device *other;

	KUNIT_ASSERT_EQ(test, fixture_create(fixture, "-other"), 0);
	mutex_lock(&fixture->vk->lock);
	other = list_last_entry(&fixture->vk->devices, struct envelope_device, node);
	mutex_unlock(&fixture->vk->lock);
	KUNIT_EXPECT_PTR_NE(test, other, fixture->dev);

	/* A message ends only one device. */
	KUNIT_EXPECT_EQ(test, fixture_run("dmsetup message %s-other 0 fail", fixture->name), 0);
	KUNIT_EXPECT_FALSE(test, envelope_lifecycle_is_live(&other->lifecycle));
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);

	key_revoke(fixture->key);
	fixture_expect_dead(fixture, ENVELOPE_KEY_REVOKED);
	fixture_expect_key_gone(fixture);
	/* The reason of the first failure stays. */
	KUNIT_EXPECT_EQ(test, envelope_lifecycle_reason(&other->lifecycle), ENVELOPE_MESSAGE);
	KUNIT_EXPECT_EQ(test, fixture_remove(fixture, "-other"), 0);
}

static struct envelope_device *only_device(struct envelope_volume_key *vk)
{
	struct envelope_device *dev;

	mutex_lock(&vk->lock);
	dev = list_first_entry_or_null(&vk->devices, struct envelope_device, node);
	mutex_unlock(&vk->lock);
	return dev;
}

static bool is_live(const struct envelope_device *dev)
{
	return envelope_lifecycle_is_live(&dev->lifecycle);
}

/* Two targets, two keys, one table: the message fails the device, whichever sector it names. */
static void message_fails_all_targets(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct envelope_device *devs[2];
	struct envelope_volume_key *vk;
	struct key *keys[2];
	char lines[2][96];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		const char *name = i ? "upper" : "lower";

		keys[i] = fixture_add_key(fixture, name, 600 * (u64)NSEC_PER_SEC);
		KUNIT_ASSERT_FALSE(test, IS_ERR(keys[i]));
		scnprintf(lines[i], sizeof(lines[i]),
			  "%u 8 envelope aes-xts-plain64 :64:envelope:%s %u %s %u", i * 8, name,
			  i * 8, DISK_PATH, i * 8);
	}
	KUNIT_ASSERT_EQ(test,
			fixture_run("printf '%%s\\n' '%s' '%s' | dmsetup create two", lines[0],
				    lines[1]),
			0);
	for (i = 0; i < 2; i++) {
		vk = keys[i]->payload.data[0];
		devs[i] = only_device(vk);
		KUNIT_EXPECT_NOT_NULL(test, devs[i]);
	}
	if (devs[0] && devs[1]) {
		KUNIT_EXPECT_EQ(test, fixture_run("dmsetup message two 8 fail"), 0);
		KUNIT_EXPECT_FALSE_MSG(test, is_live(devs[0]), "the first target lives on");
		KUNIT_EXPECT_FALSE_MSG(test, is_live(devs[1]), "the second target lives on");
	}
	/* Another device, with another table, goes on. */
	KUNIT_EXPECT_TRUE(test, is_live(fixture->dev));
	KUNIT_EXPECT_EQ(test, fixture_run("dmsetup remove --retry two"), 0);
	for (i = 0; i < 2; i++) {
		key_unlink(fixture->keyring, keys[i]);
		key_put(keys[i]);
	}
}

static struct kunit_case revoke_cases[] = {
	KUNIT_CASE_PARAM(idle_device_fails, way_gen_params),
	KUNIT_CASE_PARAM(next_bio_is_refused, event_gen_params),
	KUNIT_CASE(key_ends_once),
	KUNIT_CASE_PARAM(hung_disk_holds_up_nothing, held_gen_params),
	KUNIT_CASE_PARAM(hung_disk_delays_no_end, way_gen_params),
	KUNIT_CASE_PARAM(revoke_waits_for_a_completion, inside_gen_params),
	KUNIT_CASE_PARAM(suspended_device_fails_too, way_gen_params),
	KUNIT_CASE(shared_key_ends_all_its_devices),
	KUNIT_CASE(message_fails_all_targets),
	{}
};

static struct kunit_suite revoke_suite = {
	.name = "envelope_revoke",
	.exit = revoke_exit,
	.test_cases = revoke_cases,
};

kunit_test_suite(revoke_suite);
