// SPDX-License-Identifier: MIT
/* sources: agent/lease/keyring.c */
/*
 * The keyring "envelope" in a user's keyring, with the kernel of this host. The user of the test has
 * a user keyring of its own. A key of type "user" plays the key of type "envelope".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <keyutils.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/lease/keyring.h"
#include "dm-envelope.h"

#define DESCRIPTION "dm-envelope:vol-0123456789abcdef0"

static const char *kernel_type(const char *type)
{
	return strcmp(type, ENVELOPE_KEY_TYPE) ? type : "user";
}

/* In place of libkeyutils' own. */
key_serial_t add_key(const char *type, const char *description, const void *payload, size_t size,
		     key_serial_t keyring)
{
	return (key_serial_t)syscall(SYS_add_key, kernel_type(type), description, payload, size,
				     keyring);
}

long keyctl_search(key_serial_t keyring, const char *type, const char *description,
		   key_serial_t destination)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, keyring, kernel_type(type), description,
		       destination);
}

static bool own_user; /* of this process: tests run beside each other */
static int32_t opened;

/* root's keyring may hold keys that are in use. */
static void open_keyring(void)
{
	struct fault f = { 0 };

	if (!own_user)
		skip();
	if (keyring_open(&opened, &f) < 0)
		fail_msg("%s", f.message);
}

static int clear(void **state)
{
	return own_user && keyctl_clear(KEY_SPEC_USER_KEYRING) < 0;
}

static int32_t in_user_keyring(void)
{
	long found = keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", "envelope", 0);

	return found > 0 ? (int32_t)found : 0;
}

static int32_t add(void)
{
	_cleanup_secret_ struct secret *key = secret_new(ENVELOPE_KEY_SIZE);
	struct fault f = { 0 };
	int32_t serial = 0;

	if (keyring_add(opened, DESCRIPTION, key, 1, 1, &serial, &f) < 0)
		fail_msg("%s", f.message);
	return serial;
}

static void unlink_it(void)
{
	assert_int_equal(keyctl_unlink(in_user_keyring(), KEY_SPEC_USER_KEYRING), 0);
}

static void clear_all(void)
{
	assert_int_equal(keyctl_clear(KEY_SPEC_USER_KEYRING), 0);
}

static void revoke_it(void)
{
	assert_int_equal(keyctl_revoke(in_user_keyring()), 0);
}

static void a_key_is_added_after_the_keyring_has_gone(void **state)
{
	static void (*const ways[])(void) = { unlink_it, clear_all, revoke_it };

	open_keyring();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		int32_t key;

		ways[i]();
		key = add();
		assert_int_not_equal(in_user_keyring(), 0);
		assert_int_equal(keyring_find(opened, DESCRIPTION), key);
		assert_int_equal(keyctl_search(KEY_SPEC_USER_KEYRING, "user", DESCRIPTION, 0), key);
	}
}

/* The kernel frees an unlinked key in the background. A key that is held is alive at the end. */
static void let_it_be_freed(int32_t key)
{
	char text[128];

	for (int i = 0; i < 100 && keyctl_describe(key, text, sizeof(text)) >= 0; i++)
		usleep(10000);
}

static void a_live_key_outlives_the_unlink_of_its_keyring(void **state)
{
	int32_t key, before;

	open_keyring();
	key = add();
	before = in_user_keyring();
	unlink_it();
	assert_int_equal(in_user_keyring(), 0);
	let_it_be_freed(key);
	assert_int_equal(keyring_renew(&opened, key, 1), 0);
	assert_int_equal(opened, before);
	assert_int_equal(keyctl_search(KEY_SPEC_USER_KEYRING, "user", DESCRIPTION, 0), key);
}

static void a_second_loss_of_the_keyring_is_repaired_too(void **state)
{
	int32_t key;

	open_keyring();
	revoke_it();
	key = add();
	assert_int_equal(keyring_renew(&opened, key, 1), 0);
	assert_int_equal(opened, in_user_keyring());
	clear_all();
	assert_int_equal(keyring_find(opened, DESCRIPTION), key);
	assert_int_not_equal(in_user_keyring(), 0);
}

static void a_key_is_revoked_without_the_keyring(void **state)
{
	int32_t key;

	open_keyring();
	key = add();
	unlink_it();
	assert_int_equal(keyring_revoke(opened, key), 0);
	assert_int_equal(keyring_find(opened, DESCRIPTION), 0);
}

static void a_used_up_quota_names_its_sysctl(void **state)
{
	_cleanup_secret_ struct secret *key = secret_new(ENVELOPE_KEY_SIZE);
	struct fault f = { 0 };
	char name[32];
	int32_t serial;
	int i = 0;

	open_keyring();
	do
		snprintf(name, sizeof(name), "filler-%d", i++);
	while (add_key("user", name, "x", 1, KEY_SPEC_USER_KEYRING) > 0);
	assert_int_equal(errno, EDQUOT);
	assert_int_equal(keyring_add(opened, DESCRIPTION, key, 1, 1, &serial, &f), -1);
	if (!strstr(f.message, "kernel.keys.maxkeys"))
		fail_msg("the fault names no quota: %s", f.message);
	assert_string_equal(f.code, "KeyQuotaExceeded");
}

#define with_keyring(function) cmocka_unit_test_teardown(function, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_keyring(a_key_is_added_after_the_keyring_has_gone),
		with_keyring(a_live_key_outlives_the_unlink_of_its_keyring),
		with_keyring(a_second_loss_of_the_keyring_is_repaired_too),
		with_keyring(a_key_is_revoked_without_the_keyring),
		with_keyring(a_used_up_quota_names_its_sysctl),
	};
	uid_t uid = 0x10000000 + (uid_t)getpid();

	cmocka_set_message_output(CM_OUTPUT_TAP);
	own_user = geteuid() == 0 && setresuid(uid, uid, uid) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
