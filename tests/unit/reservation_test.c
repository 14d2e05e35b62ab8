// SPDX-License-Identifier: MIT
/* sources: agent/volume/reservation.c */
/*
 * The reservation of a disk that two hosts can reach, against a disk that is an array: who may write,
 * and whose registrations stay as they are.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/volume/reservation.h"
#include "agent/volume/reservation_call.h"

#define HERE	  "00000000000000000000000000000001"
#define THERE	  "00000000000000000000000000000002"
#define PACEMAKER 0xabcd0001

/* Two paths to the disk, and the key that is registered on each. The calls come over path 0. */
static uint64_t keys[2];
static int holder; /* path, -1 for none */
static bool supported;
static bool nvme; /* registers a key a second time without a word */

enum reservation_answer reservation_register(const char *device, uint64_t old, uint64_t key)
{
	if (!supported)
		return RESERVATION_UNKNOWN;
	if (keys[0] != old && !(nvme && !old && keys[0] == key))
		return RESERVATION_CONFLICT;
	keys[0] = key;
	if (!key && holder == 0)
		holder = -1;
	return RESERVATION_DONE;
}

enum reservation_answer reservation_reserve(const char *device, uint64_t key)
{
	if (keys[0] != key || holder == 1)
		return RESERVATION_CONFLICT;
	holder = 0;
	return RESERVATION_DONE;
}

enum reservation_answer reservation_preempt(const char *device, uint64_t key, uint64_t other)
{
	if (keys[0] != key || keys[1] != other)
		return RESERVATION_CONFLICT;
	keys[1] = 0;
	if (holder == 1)
		holder = 0;
	return RESERVATION_DONE;
}

enum reservation_answer reservation_release(const char *device, uint64_t key)
{
	if (!supported)
		return RESERVATION_UNKNOWN;
	if (keys[0] != key)
		return RESERVATION_CONFLICT;
	if (holder == 0)
		holder = -1;
	return RESERVATION_DONE;
}

static void disk_with(uint64_t mine, uint64_t others, int whose)
{
	supported = true;
	keys[0] = mine;
	keys[1] = others;
	holder = whose;
}

static void each_host_has_a_key_of_its_own(void **state)
{
	assert_int_equal(reservation_key(HERE), reservation_key(HERE));
	assert_int_not_equal(reservation_key(HERE), reservation_key(THERE));
	assert_int_not_equal(reservation_key(HERE), 0);
	/* Another number would be another host to the disks in use. */
	assert_int_equal(reservation_key(HERE), 0xc39fd98e8b8ffb09);
}

static void a_free_disk_is_reserved_and_released(void **state)
{
	struct reservation r;
	struct fault f;
	bool lost;

	disk_with(0, 0, -1);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_true(r.held && r.fresh && holder == 0);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_true(r.held && !r.fresh);
	assert_true(reservation_present("disk", HERE, &lost) && !lost);
	reservation_end("disk", HERE);
	assert_true(holder == -1 && keys[0] == 0);
	assert_false(reservation_present("disk", HERE, &lost));
	assert_true(lost);
}

static void a_second_registration_is_not_fresh_on_nvme(void **state)
{
	struct reservation r;
	struct fault f;

	disk_with(0, 0, -1);
	nvme = true;
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_true(r.held && r.fresh);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_true(r.held && !r.fresh);
	nvme = false;
}

static void a_disk_without_reservations_goes_on_without(void **state)
{
	struct reservation r;
	struct fault f;
	bool lost;

	disk_with(0, 0, -1);
	supported = false;
	assert_int_equal(reservation_take("disk", HERE, THERE, &r, &f), 0);
	assert_false(r.held || r.fresh);
	assert_int_equal(reservation_fence("disk", HERE, THERE, &f), -1);
	assert_false(reservation_present("disk", HERE, &lost) || lost);
	reservation_end("disk", HERE);
}

static void another_programs_registrations_stay(void **state)
{
	struct reservation r;
	struct fault f;
	bool lost;

	/* It has registered this host: it decides who may write. */
	disk_with(PACEMAKER, PACEMAKER + 1, 1);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_false(r.held || r.fresh);
	assert_int_equal(reservation_fence("disk", HERE, THERE, &f), -1);
	reservation_end("disk", HERE);
	assert_false(reservation_present("disk", HERE, &lost));
	assert_true(keys[0] == PACEMAKER && keys[1] == PACEMAKER + 1 && holder == 1);
	/* It has not: the disk is not this host's, and nothing of this host remains there. */
	disk_with(0, PACEMAKER, 1);
	assert_int_equal(reservation_take("disk", HERE, THERE, &r, &f), -1);
	assert_string_equal(f.code, "VolumeInUse");
	assert_non_null(strstr(f.message, "has reserved the disk"));
	assert_true(!r.held && !r.fresh && keys[0] == 0 && keys[1] == PACEMAKER && holder == 1);
}

static void only_a_host_that_was_registered_is_fenced(void **state)
{
	struct reservation r;
	struct fault f;

	disk_with(0, reservation_key(THERE), 1);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), -1);
	assert_int_equal(reservation_fence("disk", HERE, THERE, &f), 0);
	assert_true(holder == 0 && keys[0] == reservation_key(HERE) && keys[1] == 0);
	/* That host is not known to the disk: a write of it may be under way. */
	disk_with(0, 0, -1);
	assert_int_equal(reservation_fence("disk", HERE, THERE, &f), -1);
	assert_true(holder == -1 && keys[0] == 0);
}

static void a_host_takes_over_its_own_reservation_and_that_of_a_host_that_is_gone(void **state)
{
	struct reservation r;
	struct fault f;

	disk_with(0, reservation_key(HERE), 1);
	assert_int_equal(reservation_take("disk", HERE, "", &r, &f), 0);
	assert_true(r.held && holder == 0 && keys[1] == 0);
	disk_with(0, reservation_key(THERE), 1);
	assert_int_equal(reservation_take("disk", HERE, THERE, &r, &f), 0);
	assert_true(r.held && holder == 0 && keys[1] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_host_has_a_key_of_its_own),
		cmocka_unit_test(a_free_disk_is_reserved_and_released),
		cmocka_unit_test(a_second_registration_is_not_fresh_on_nvme),
		cmocka_unit_test(a_disk_without_reservations_goes_on_without),
		cmocka_unit_test(another_programs_registrations_stay),
		cmocka_unit_test(only_a_host_that_was_registered_is_fenced),
		cmocka_unit_test(
			a_host_takes_over_its_own_reservation_and_that_of_a_host_that_is_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
