// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c agent/volume/host.c */
/*
 * The header names the host that a volume belongs to. No host overwrites the stamp of another that it
 * has not seen.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/volume/host.h"
#include "header_fixture.h"
#include "lib/header/header_owner.h"
#include "lib/header/volume_owner.h"

#define HERE  "00000000000000000000000000000001"
#define THERE "00000000000000000000000000000002"
#define BOOT  "0000000000000000000000000000000b"

static const struct volume_owner here = { .host = HERE, .boot = BOOT, .claim = 120 };
static const struct volume_owner there = { .host = THERE, .boot = BOOT, .claim = 120 };

static struct volume_owner owner_of_image(void)
{
	struct volume_header header;
	struct fault f = { 0 };

	succeeds(header_read(image, &header, &f), &f);
	return header.owner;
}

static void a_stamp_is_read_back_and_is_in_no_hash(void **state)
{
	struct volume_header before = make_volume(), after;
	struct volume_owner owner = owner_of_image();
	struct fault f = { 0 };

	assert_string_equal(owner.host, "");
	assert_false(volume_owner_is_other(&owner, HERE));
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &here, &f), &f);
	owner = owner_of_image();
	assert_string_equal(owner.host, HERE);
	assert_string_equal(owner.boot, BOOT);
	assert_int_equal(owner.claim, 120);
	assert_int_equal(strlen(owner.time), 20);
	assert_false(volume_owner_is_other(&owner, HERE));
	assert_true(volume_owner_is_other(&owner, THERE));
	assert_true(volume_owner_is_other(&owner, ""));
	succeeds(header_read(image, &after, &f), &f);
	assert_string_equal(after.header_sha256, before.header_sha256);
}

static void another_stamp_is_not_overwritten(void **state)
{
	struct volume_owner seen, older;
	struct fault f = { 0 };

	make_volume();
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &there, &f), &f);
	seen = older = owner_of_image();
	older.claim = 60;
	refused(header_set_owner(image, -1, VOLUME_ID, NULL, &here, &f), &f, "VolumeInUse", THERE);
	refused(header_set_owner(image, -1, VOLUME_ID, &older, &here, &f), &f, "VolumeInUse",
		THERE);
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &there, &f), &f);
	seen = owner_of_image();
	succeeds(header_set_owner(image, -1, VOLUME_ID, &seen, &here, &f), &f);
	seen = owner_of_image();
	assert_string_equal(seen.host, HERE);
	refused(header_set_owner(image, -1, OTHER_ID, NULL, &here, &f), &f, "InvalidVolumeHeader",
		"Nothing was written");
}

/* After a fence: whatever that host has written meanwhile counts no more. */
static void any_stamp_of_a_fenced_host_is_overwritten(void **state)
{
	const struct volume_owner fenced = { .host = THERE }, third = { .host = HERE };
	struct fault f = { 0 };

	make_volume();
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &there, &f), &f);
	refused(header_set_owner(image, -1, VOLUME_ID, &third, &here, &f), &f, "VolumeInUse",
		THERE);
	succeeds(header_set_owner(image, -1, VOLUME_ID, &fenced, &here, &f), &f);
	assert_string_equal(owner_of_image().host, HERE);
}

static void this_host_has_one_id(void **state)
{
	struct volume_owner first = { 0 }, second = { 0 };

	if (host_identify(&first) < 0)
		skip();
	assert_int_equal(host_identify(&second), 0);
	assert_int_equal(strspn(first.host, "0123456789abcdef"), 32);
	assert_int_equal(strspn(first.boot, "0123456789abcdef"), 32);
	assert_string_equal(first.host, second.host);
	assert_string_not_equal(first.host, first.boot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(a_stamp_is_read_back_and_is_in_no_hash),
		with_image(another_stamp_is_not_overwritten),
		with_image(any_stamp_of_a_fenced_host_is_overwritten),
		cmocka_unit_test(this_host_has_one_id),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
