// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the events that leave the memory to another reader. No key material
 * outlives them.
 */
#include <crypto/internal/skcipher.h>
#include <linux/irq_work.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "fixture_test.h"

static void machine_exit(struct kunit *test)
{
	envelope_wipe_at_hibernation = false;
	envelope_live_keys_open();
	if (test->priv)
		fixture_free(test->priv);
}

static int notify(struct notifier_block *nb, unsigned long action)
{
	return notifier_to_errno(nb->notifier_call(nb, action, NULL));
}

/* A key that no device uses ends too. */
struct idle_key {
	struct key *key;
	struct envelope_volume_key *vk;
};

static struct idle_key idle_key_new(struct fixture *fixture)
{
	struct idle_key idle;

	idle.key = fixture_add_key(fixture, "no-device", 600 * (u64)NSEC_PER_SEC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(fixture->test, idle.key);
	idle.vk = idle.key->payload.data[0];
	return idle;
}

static void expect_idle_key_dead(struct fixture *fixture, struct idle_key idle)
{
	KUNIT_EXPECT_EQ(fixture->test, READ_ONCE(idle.vk->state), ENVELOPE_DEAD);
	key_unlink(fixture->keyring, idle.key);
	key_put(idle.key);
}

static int add_another(struct fixture *fixture)
{
	struct key *key = fixture_add_key(fixture, "another", 600 * (u64)NSEC_PER_SEC);

	if (IS_ERR(key))
		return PTR_ERR(key);
	key_unlink(fixture->keyring, key);
	key_put(key);
	return 0;
}

static void copied_machine_has_no_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct idle_key idle = idle_key_new(fixture);

	KUNIT_EXPECT_EQ(test, notify(&envelope_machine_copied, 0), 0);
	fixture_expect_dead(fixture, ENVELOPE_MACHINE_COPIED);
	fixture_expect_key_gone(fixture);
	expect_idle_key_dead(fixture, idle);
	KUNIT_EXPECT_EQ(test, add_another(fixture), 0);
}

static const unsigned long prepare_actions[] = { PM_HIBERNATION_PREPARE, PM_RESTORE_PREPARE };
static const unsigned long post_actions[] = { PM_POST_HIBERNATION, PM_POST_RESTORE };

static void hibernation_is_refused_for_a_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prepare_actions); i++) {
		KUNIT_EXPECT_EQ(test, notify(&envelope_machine_power, prepare_actions[i]), -EBUSY);
		KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_OK);
		KUNIT_EXPECT_EQ(test, add_another(fixture), 0);
	}
	/* Suspend to RAM is not hibernation. */
	KUNIT_EXPECT_EQ(test, notify(&envelope_machine_power, PM_SUSPEND_PREPARE), 0);
}

static void no_key_comes_into_the_image(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	unsigned int i;

	fixture_revoke(fixture);
	for (i = 0; i < ARRAY_SIZE(prepare_actions); i++) {
		KUNIT_EXPECT_EQ(test, notify(&envelope_machine_power, prepare_actions[i]), 0);
		KUNIT_EXPECT_EQ(test, add_another(fixture), -EBUSY);
		KUNIT_EXPECT_EQ(test, notify(&envelope_machine_power, post_actions[i]), 0);
		KUNIT_EXPECT_EQ(test, add_another(fixture), 0);
		/* The garbage collector of the keys core removes that key. */
		envelope_live_keys_kill(ENVELOPE_KEY_UNLINKED);
	}
}

static void hibernation_wipes_if_asked(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct idle_key idle = idle_key_new(fixture);

	envelope_wipe_at_hibernation = true;
	KUNIT_EXPECT_EQ(test, notify(&envelope_machine_power, PM_HIBERNATION_PREPARE), 0);
	fixture_expect_dead(fixture, ENVELOPE_HIBERNATION);
	fixture_expect_key_gone(fixture);
	expect_idle_key_dead(fixture, idle);
}

static void stopping_machine_has_no_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct idle_key idle = idle_key_new(fixture);

	/* The same for a reboot, a power off and kexec. */
	KUNIT_EXPECT_EQ(test, notify(&envelope_machine_stops, SYS_RESTART), 0);
	fixture_expect_dead(fixture, ENVELOPE_MACHINE_STOPS);
	fixture_expect_key_gone(fixture);
	expect_idle_key_dead(fixture, idle);
	KUNIT_EXPECT_EQ(test, add_another(fixture), -EBUSY);
}

/* Does the transform encrypt as the key does? */
static bool has_key(struct fixture *fixture, struct page *page, u8 *expected)
{
	int r;

	memset(page_address(page), 0x5a, 4096);
	memset(expected, 0x5a, 4096);
	test_oracle(fixture, 0, expected, 4096);
	envelope_section_enter(&fixture->dev->lifecycle);
	r = envelope_cipher_unit(fixture->vk->tfm, fixture->options.iv_offset, 4096, page, 0, page);
	envelope_section_leave();
	KUNIT_EXPECT_EQ(fixture->test, r, 0);
	return !memcmp(page_address(page), expected, 4096);
}

/* The kernel's own chain of notifiers, as panic() calls it. */
static void panic_overwrites_the_key(struct kunit *test)
{
	struct fixture *fixture = fixture_new(test, &(struct fixture_options){});
	struct page *page = alloc_page(GFP_KERNEL);
	u8 *expected = kunit_kmalloc(test, 4096, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_NOT_NULL(test, expected);
	KUNIT_EXPECT_TRUE(test, has_key(fixture, page, expected));
	atomic_notifier_call_chain(&panic_notifier_list, 0, "a test");
	KUNIT_EXPECT_FALSE(test, has_key(fixture, page, expected));
	/* Nothing is written with the wrong key. */
	KUNIT_EXPECT_EQ(test, test_simple(fixture, REQ_OP_WRITE, 0, 4096), BLK_STS_IOERR);
	__free_page(page);
}

/* ---- a panic in an interrupt ---- */

/**
 * struct driver_row - a driver that keeps its key schedule in the transform
 * @name: as in /proc/crypto
 * @flags: the same
 */
struct driver_row {
	const char *name;
	u32 flags;
};

/* The processor decides which of these there are. */
static const struct driver_row driver_rows[] = {
	{ "xts-aes-ce" },
	{ "xts-aes-neonbs" },
	{ "xts-aes-neon" },
	{ "xts-aes-aesni" },
	{ "__xts-aes-aesni", CRYPTO_ALG_INTERNAL },
};

/**
 * struct overwriting - a transform that an interrupt overwrites
 * @work: the interrupt
 * @tfm: the transform
 * @done: completed by the interrupt
 */
struct overwriting {
	struct irq_work work;
	struct crypto_sync_skcipher *tfm;
	struct completion done;
};

static void overwrite(struct irq_work *work)
{
	struct overwriting *o = container_of(work, struct overwriting, work);

	if (in_hardirq())
		envelope_cipher_overwrite(o->tfm);
	complete(&o->done);
}

/* Return: number of 16-byte pieces of the key in the memory of the transform. */
static unsigned int pieces_of_key(struct crypto_sync_skcipher *tfm, const u8 *key)
{
	unsigned int size = crypto_skcipher_alg(&tfm->base)->base.cra_ctxsize, at, piece, nr = 0;
	const u8 *memory = crypto_skcipher_ctx(&tfm->base);

	for (piece = 0; piece < ENVELOPE_KEY_SIZE; piece += 16)
		for (at = 0; at + 16 <= size; at++)
			nr += !memcmp(memory + at, key + piece, 16);
	return nr;
}

/* Each driver that the kernel has: some need the FPU for a new key, which an interrupt has not. */
static void panic_in_an_interrupt_overwrites_the_key(struct kunit *test)
{
	u8 key[ENVELOPE_KEY_SIZE];
	unsigned int i, tried = 0;

	for (i = 0; i < ARRAY_SIZE(driver_rows); i++) {
		struct overwriting o = { .work = IRQ_WORK_INIT_HARD(overwrite) };
		u32 flags = driver_rows[i].flags;

		o.tfm = crypto_alloc_sync_skcipher(driver_rows[i].name, flags, flags);
		if (IS_ERR(o.tfm))
			continue;
		tried++;
		get_random_bytes(key, sizeof(key));
		init_completion(&o.done);
		KUNIT_EXPECT_EQ(test, crypto_sync_skcipher_setkey(o.tfm, key, sizeof(key)), 0);
		KUNIT_EXPECT_GT_MSG(test, pieces_of_key(o.tfm, key), 0, "%s", driver_rows[i].name);
		irq_work_queue(&o.work);
		wait_for_completion(&o.done);
		irq_work_sync(&o.work);
		KUNIT_EXPECT_EQ_MSG(test, pieces_of_key(o.tfm, key), 0, "%s", driver_rows[i].name);
		crypto_free_sync_skcipher(o.tfm);
	}
	KUNIT_EXPECT_GT(test, tried, 0);
}

static struct kunit_case machine_cases[] = { KUNIT_CASE(copied_machine_has_no_key),
					     KUNIT_CASE(hibernation_is_refused_for_a_key),
					     KUNIT_CASE(no_key_comes_into_the_image),
					     KUNIT_CASE(hibernation_wipes_if_asked),
					     KUNIT_CASE(stopping_machine_has_no_key),
					     KUNIT_CASE(panic_overwrites_the_key),
					     KUNIT_CASE(panic_in_an_interrupt_overwrites_the_key),
					     {} };

static struct kunit_suite machine_suite = {
	.name = "envelope_machine",
	.exit = machine_exit,
	.test_cases = machine_cases,
};

kunit_test_suite(machine_suite);
