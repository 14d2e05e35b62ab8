// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_disk.c kms/store/store_counter.c kms/store/store_head.c kms/store/store_set.c kms/store/store_count.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_material.c kms/store/store_due.c kms/store/store_rotation.c kms/store/store_deletion.c kms/store/store_alias.c kms/store/store_grant.c kms/store/store_user.c kms/store/store_token.c kms/grants/grant.c kms/grants/grant_groups.c kms/users/user.c kms/keys/cmk.c kms/keys/materials.c kms/keys/tags.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
/*
 * The clock of waiting periods counts the time that the host is up. A wall clock that jumps moves it
 * neither while the KMS runs nor when the KMS starts again, in this boot or in the next.
 *
 * The test sets the wall clock, the time since the boot, and the id of the boot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#include "kms_store_fixture.h"

#define DAY 86400

static struct {
	int64_t wall;
	int64_t up;
	uint8_t boot;
} host = { .wall = NOW, .up = 1000, .boot = 1 };

time_t time(time_t *out)
{
	if (out)
		*out = host.wall;
	return host.wall;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, clock, out);
	*out = (struct timespec){ .tv_sec = host.up };
	return 0;
}

int sd_id128_get_boot(sd_id128_t *out)
{
	*out = (sd_id128_t){ .bytes = { host.boot } };
	return 0;
}

static void reopen(struct store_fixture *x)
{
	store_close(x->store);
	assert_int_equal(store_fixture_open(x, x->root, &x->store, NULL), 0);
}

static void passes(int64_t seconds)
{
	host.wall += seconds;
	host.up += seconds;
}

static void reboot(int64_t down)
{
	host.wall += down;
	host.up = 0;
	host.boot++;
}

static void a_jump_of_the_wall_clock_ends_no_waiting_period(void **state)
{
	struct store_fixture *x = *state;
	int64_t begun = store_clock(x->store);

	assert_int_equal(store_save_clock(x->store, NULL), 0);
	passes(DAY);
	host.wall += 8 * DAY;
	assert_int_equal(store_clock(x->store), begun + DAY);
	reopen(x);
	if (store_clock(x->store) != begun + DAY)
		fail_msg("a start takes the wall clock: %lld s ahead",
			 (long long)(store_clock(x->store) - begun - DAY));
	host.wall -= 30 * DAY;
	passes(60);
	assert_int_equal(store_clock(x->store), begun + DAY + 60);
}

static void a_reboot_keeps_what_was_saved(void **state)
{
	struct store_fixture *x = *state;
	int64_t begun = store_clock(x->store);

	passes(DAY);
	assert_int_equal(store_save_clock(x->store, NULL), 0);
	passes(600); /* not saved */
	reboot(5 * DAY);
	passes(30); /* until the KMS starts */
	reopen(x);
	assert_int_equal(store_clock(x->store), begun + DAY);
	passes(DAY);
	assert_int_equal(store_clock(x->store), begun + 2 * DAY);
	/* Another start in the same boot loses nothing of the boot. */
	assert_int_equal(store_save_clock(x->store, NULL), 0);
	passes(DAY);
	reopen(x);
	assert_int_equal(store_clock(x->store), begun + 3 * DAY);
}

static int note_end(const struct cmk *cmk, void *userdata, struct fault *f)
{
	return 0;
}

/* Number of keys whose waiting period is over. */
static int destroyed(struct store_fixture *x)
{
	int64_t next;

	return store_destroy_due(x->store, store_clock(x->store), note_end, NULL, &next, NULL);
}

static void pend(struct store_fixture *x, int64_t due)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };

	assert_int_equal(store_get_key(x->store, A, &cmk, NULL, NULL), 0);
	cmk.state = KEY_PENDING_DELETION;
	cmk.pending_days = 7;
	cmk.deletion = host.wall + 7 * DAY;
	cmk.due = due;
	assert_int_equal(store_update_key(x->store, &cmk, NULL), 0);
}

/* A host without a clock of its own, before it has asked a time server; then the clock is set. */
static void a_wrong_clock_at_boot_destroys_no_key(void **state)
{
	static const int64_t wrong[] = { 0, NOW + 20LL * 365 * DAY, NOW - 9 * DAY };
	struct store_fixture *x = *state;

	pend(x, store_clock(x->store) + 7 * DAY);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		passes(2 * DAY);
		assert_int_equal(store_save_clock(x->store, NULL), 0);
		reboot(DAY);
		host.wall = wrong[i];
		reopen(x);
		assert_int_equal(store_begin_waiting(x->store, NULL), 0);
		assert_int_equal(destroyed(x), 0);
		host.wall = NOW + 1000 * DAY;
		assert_int_equal(destroyed(x), 0);
	}
	passes(DAY - 1);
	assert_int_equal(destroyed(x), 0);
	passes(1);
	assert_int_equal(destroyed(x), 1);
}

/*
 * The record has the date of the deletion alone. The clock of the store has begun with a wall clock that
 * was ahead of the date.
 */
static void a_date_of_an_older_version_destroys_no_key(void **state)
{
	struct store_fixture *x = *state;

	host.wall = NOW - 30 * DAY;
	pend(x, CMK_DUE_UNKNOWN);
	store_fixture_tamper(x, "UPDATE keys SET deletion = 1 WHERE key_id = '" A "'");
	reboot(30 * DAY);
	reopen(x);
	/* Even if the KMS cannot write what follows. */
	if (destroyed(x))
		fail_msg("the wall clock has destroyed a key");
	assert_int_equal(store_begin_waiting(x->store, NULL), 1);
	assert_int_equal(destroyed(x), 0);
	passes(7 * DAY - 1);
	reopen(x);
	assert_int_equal(store_begin_waiting(x->store, NULL), 0);
	assert_int_equal(destroyed(x), 0);
	passes(1);
	assert_int_equal(destroyed(x), 1);
}

static int start(void **state)
{
	host.wall = NOW;
	host.up = 1000;
	return store_fixture_set_up(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_jump_of_the_wall_clock_ends_no_waiting_period,
						start, store_fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_reboot_keeps_what_was_saved, start,
						store_fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_clock_at_boot_destroys_no_key, start,
						store_fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_date_of_an_older_version_destroys_no_key, start,
						store_fixture_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
