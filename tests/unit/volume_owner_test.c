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

static struct volume_owner here = { .host = HERE, .boot = BOOT, .claim = 120 };
static struct volume_owner there = { .host = THERE, .boot = BOOT, .claim = 120 };

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

/* A clock that goes back, two stamps in one second, a stamp that only the caller knows of. */
static void each_stamp_is_later_than_those_before(void **state)
{
	struct volume_owner ahead = { .host = HERE, .boot = BOOT, .time = "2099-12-31T23:59:59Z" };
	struct volume_owner self = { .host = HERE, .boot = BOOT }, other = there, before;
	struct fault f = { 0 };

	make_volume();
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &ahead, &f), &f);
	assert_string_equal(ahead.time, "2100-01-01T00:00:00Z");
	assert_string_equal(owner_of_image().time, ahead.time);
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &self, &f), &f);
	assert_string_equal(self.time, "2100-01-01T00:00:01Z");
	assert_true(volume_owner_is_older(&ahead, &self));
	assert_false(volume_owner_is_older(&self, &ahead));
	assert_false(volume_owner_is_older(&self, &self));
	/* Another host's stamp is no measure: its clock may differ. */
	before = owner_of_image();
	memset(other.time, 0, sizeof(other.time));
	succeeds(header_set_owner(image, -1, VOLUME_ID, &before, &other, &f), &f);
	assert_true(strcmp(owner_of_image().time, ahead.time) < 0);
	assert_false(volume_owner_is_older(&other, &self));
}

static void a_stamp_that_is_no_time_is_no_measure(void **state)
{
	static const char *const texts[] = { "9999-12-31T23:59:59Z", "T", "2099-12-31T23:59:59Z-" };
	struct fault f = { 0 };

	make_volume();
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct volume_owner self = { .host = HERE, .boot = BOOT };

		strcpy(self.time, texts[i]);
		succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &self, &f), &f);
		assert_int_equal(strlen(self.time), 20);
		assert_true(strcmp(self.time, "2099") < 0);
	}
}

static void a_header_without_a_stamp_is_older_than_a_known_one(void **state)
{
	const struct volume_owner none = { .host = "" };
	const struct volume_owner known = { .host = HERE, .time = "2026-01-31T12:00:00Z" };

	assert_true(volume_owner_is_older(&none, &known));
	assert_false(volume_owner_is_older(&known, &none));
	assert_false(volume_owner_is_older(&none, &none));
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
		with_image(each_stamp_is_later_than_those_before),
		with_image(a_stamp_that_is_no_time_is_no_measure),
		cmocka_unit_test(a_header_without_a_stamp_is_older_than_a_known_one),
		cmocka_unit_test(this_host_has_one_id),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
