// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c */
/*
 * The header names the KMS that gave the volume's key last. No host writes that to a volume of another
 * host.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "header_fixture.h"
#include "lib/header/header_backup.h"
#include "lib/header/header_kms.h"
#include "lib/header/header_owner.h"

#define HERE  "00000000000000000000000000000001"
#define THERE "00000000000000000000000000000002"

static struct volume_header header_of_image(void)
{
	struct volume_header header;
	struct fault f = { 0 };

	succeeds(header_read(image, &header, &f), &f);
	return header;
}

static void set(const char *kms)
{
	struct fault f = { 0 };

	succeeds(header_set_kms(image, -1, VOLUME_ID, HERE, kms, &f), &f);
	assert_string_equal(header_of_image().kms, kms);
}

static void the_kms_is_read_back_and_is_in_no_hash(void **state)
{
	struct volume_header before = make_volume();
	char longest[VOLUME_KMS_MAX];
	struct fault f = { 0 };

	assert_string_equal(header_of_image().kms, "");
	set("envelope-kms 5b1fa0e4-1f4a-4f0d-9a53-6e0c8f6c4c11");
	succeeds(header_set_state(image, -1, VOLUME_ID, "stopped", "for a test", &f), &f);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	set(longest);
	set("kms.us-east-1.amazonaws.com account 123456789012");
	assert_false(image_holds(longest, sizeof(longest) - 1));
	assert_string_equal(header_of_image().header_sha256, before.header_sha256);
	assert_memory_equal(header_of_image().wrapped_key, blob, sizeof(blob));
	assert_string_equal(header_of_image().state, "stopped");
}

static uint8_t *whole_image(void)
{
	static uint8_t bytes[HEADER_BACKUP_BYTES];
	struct volume_header header;
	struct fault f = { 0 };

	succeeds(header_backup_make(image, bytes, &header, &f), &f);
	return bytes;
}

static void the_same_kms_is_not_written_again(void **state)
{
	uint8_t before[HEADER_BACKUP_BYTES];

	make_volume();
	set("kms A");
	memcpy(before, whole_image(), sizeof(before));
	set("kms A");
	assert_memory_equal(whole_image(), before, sizeof(before));
	set("kms B");
	assert_memory_not_equal(whole_image(), before, sizeof(before));
}

static void a_volume_of_another_host_is_left_alone(void **state)
{
	struct volume_owner there = { .host = THERE, .boot = THERE, .claim = 120 };
	struct fault f = { 0 };

	make_volume();
	set("kms A");
	succeeds(header_set_owner(image, -1, VOLUME_ID, NULL, &there, &f), &f);
	refused(header_set_kms(image, -1, VOLUME_ID, HERE, "kms B", &f), &f, "VolumeInUse", THERE);
	assert_string_equal(header_of_image().kms, "kms A");
	refused(header_set_kms(image, -1, OTHER_ID, HERE, "kms B", &f), &f, "InvalidVolumeHeader",
		"Nothing was written");
}

static void a_backup_has_the_kms_of_its_day(void **state)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];
	struct volume_header header;
	struct fault f = { 0 };

	make_volume();
	set("kms A");
	memcpy(bytes, whole_image(), sizeof(bytes));
	set("kms B");
	succeeds(header_backup_read(bytes, &header, &f), &f);
	assert_string_equal(header.kms, "kms A");
	succeeds(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f);
	assert_string_equal(header_of_image().kms, "kms A");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(the_kms_is_read_back_and_is_in_no_hash),
		with_image(the_same_kms_is_not_written_again),
		with_image(a_volume_of_another_host_is_left_alone),
		with_image(a_backup_has_the_kms_of_its_day),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
