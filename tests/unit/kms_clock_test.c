// SPDX-License-Identifier: MIT
/* sources: kms/store/store.c kms/store/store_upgrade.c kms/store/store_clock.c kms/store/store_key.c kms/store/store_deletion.c kms/store/store_alias.c kms/keys/cmk.c kms/keys/key_state.c kms/keys/crypto.c ../tests/unit/kms_store_fixture.c */
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
	assert_int_equal(store_open(x->folder, x->root, false, &x->store, NULL), 0);
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
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
