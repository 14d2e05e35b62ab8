// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c */
/*
 * A backup of a volume header puts the same header back, over a damaged one or over its own, and over
 * nothing else.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "header_fixture.h"
#include "lib/base/hex.h"
#include "lib/header/header_backup.h"

static uint8_t bytes[HEADER_BACKUP_BYTES];

static struct volume_header backed_up(void)
{
	struct volume_header made = make_volume(), header;
	struct fault f = { 0 };

	succeeds(header_backup_make(image, bytes, &header, &f), &f);
	assert_string_equal(header.header_sha256, made.header_sha256);
	assert_memory_equal(header.wrapped_key, blob, sizeof(blob));
	return header;
}

static void damage(size_t size)
{
	uint8_t *zeros = calloc(1, size);

	write_at(0, zeros, size);
	free(zeros);
}

static void a_wiped_header_is_put_back(void **state)
{
	struct volume_header before = backed_up(), after;
	struct fault f = { 0 };
	const char data[] = "data of the database";

	write_at(VOLUME_DATA_OFFSET, data, sizeof(data));
	damage(VOLUME_DATA_OFFSET);
	refused(header_read(image, &after, &f), &f, "InvalidVolumeHeader", "holds no LUKS2 header");
	succeeds(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f);
	succeeds(header_read(image, &after, &f), &f);
	assert_string_equal(after.header_sha256, before.header_sha256);
	assert_memory_equal(after.wrapped_key, blob, sizeof(blob));
	assert_true(image_holds(data, sizeof(data)));
}

static void a_changed_header_is_put_back(void **state)
{
	struct volume_header before = backed_up(), after;
	struct fault f = { 0 };

	succeeds(header_set_state(image, -1, VOLUME_ID, "deleted", "by mistake", &f), &f);
	succeeds(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f);
	succeeds(header_read(image, &after, &f), &f);
	assert_string_equal(after.state, "");
	assert_string_equal(after.header_sha256, before.header_sha256);
}

static void other_data_stays(void **state)
{
	static const char swap[] = "SWAPSPACE2";
	static const uint8_t version[] = { 1, 0, 0, 0, 255, 0, 0, 0 };
	struct fault f = { 0 };

	backed_up();
	damage(VOLUME_DATA_OFFSET);
	write_at(1024, version, sizeof(version));
	write_at(4096 - 10, swap, 10);
	refused(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f,
		"InvalidParameterCombination", "holds other data (swap)");
	assert_true(image_holds(swap, 10));
}

/* LUKS of another program, whose header cannot be read as a volume's: nothing says that it is damaged. */
static void other_luks_stays(void **state)
{
	static const uint8_t luks1[] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1, 'a', 'e', 's' };
	struct fault f = { 0 };

	backed_up();
	damage(VOLUME_DATA_OFFSET);
	write_at(0, luks1, sizeof(luks1));
	refused(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f,
		"InvalidParameterCombination", "holds other data (LUKS, but no volume)");
	assert_true(image_holds(luks1, sizeof(luks1)));
}

/* The same header with the name of the subsystem is a damaged one, and put back. */
static void luks_without_our_name_stays(void **state)
{
	const uint64_t subsystem = 6 + 2 + 8 + 8 + 48 + 32 + 64 + 40, copy = 16384;
	const char none[48] = "", other[48] = "dm-envelopf";
	struct fault f = { 0 };

	backed_up();
	write_at(subsystem + 40, "x", 1);
	write_at(copy + subsystem + 40, "x", 1);
	succeeds(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f);
	write_at(subsystem, none, sizeof(none));
	write_at(copy + subsystem, none, sizeof(none));
	refused(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f,
		"InvalidParameterCombination", "holds other data (LUKS, but no volume)");
	write_at(subsystem, other, sizeof(other));
	refused(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f,
		"InvalidParameterCombination", "holds other data (LUKS, but no volume)");
}

static void another_volume_stays(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };

	backed_up();
	refused(header_backup_restore(image, -1, OTHER_ID, bytes, &f), &f, "InvalidVolumeHeader",
		"holds the header of " VOLUME_ID);
	succeeds(header_read(image, &header, &f), &f);
}

static void a_damaged_backup_is_refused(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };

	backed_up();
	for (size_t at = 0; at < sizeof(bytes); at += sizeof(bytes) / 2)
		bytes[at + 5000] ^= 1;
	refused(header_backup_read(bytes, &header, &f), &f, "InvalidVolumeHeader",
		"The backup holds no LUKS2 header");
	memset(bytes, 0, sizeof(bytes));
	refused(header_backup_read(bytes, &header, &f), &f, "InvalidVolumeHeader",
		"The backup holds no LUKS2 header");
}

/* The catalog's copy: half as long at most, and libcryptsetup makes the second copy of the metadata. */
static void a_packed_backup_is_a_backup_again(void **state)
{
	struct volume_header before = backed_up(), after;
	struct packed_header packed;
	struct fault f = { 0 };

	assert_int_equal(header_backup_pack(bytes, &packed), 0);
	assert_true(packed.size < HEADER_BACKUP_BYTES / 2);
	assert_int_not_equal(packed.bytes[packed.size - 1], 0);
	memset(bytes, 0xff, sizeof(bytes));
	succeeds(header_backup_unpack(&packed, bytes, &f), &f);
	succeeds(header_backup_read(bytes, &after, &f), &f);
	assert_string_equal(after.header_sha256, before.header_sha256);
	assert_memory_equal(after.wrapped_key, blob, sizeof(blob));
	damage(VOLUME_DATA_OFFSET);
	succeeds(header_backup_restore(image, -1, VOLUME_ID, bytes, &f), &f);
	/* Either copy on the disk is enough. */
	damage(HEADER_BACKUP_BYTES / 2);
	succeeds(header_read(image, &after, &f), &f);
	assert_string_equal(after.header_sha256, before.header_sha256);
	header_backup_free(&packed);
}

static void a_damaged_packed_backup_is_refused(void **state)
{
	struct packed_header packed;
	struct fault f = { 0 };

	backed_up();
	assert_int_equal(header_backup_pack(bytes, &packed), 0);
	packed.bytes[packed.size - 1] ^= 1;
	refused(header_backup_unpack(&packed, bytes, &f), &f, "InvalidVolumeHeader",
		"holds no LUKS2 header");
	packed.size = HEADER_BACKUP_BYTES / 2 + 1;
	refused(header_backup_unpack(&packed, bytes, &f), &f, "InvalidVolumeHeader", "too long");
	header_backup_free(&packed);
}

static void a_backup_gets_the_present_state(void **state)
{
	struct volume_header before = backed_up(), after;
	struct fault f = { 0 };

	succeeds(header_backup_set_state(bytes, VOLUME_ID, "lost", "the KMS said so", &f), &f);
	succeeds(header_backup_read(bytes, &after, &f), &f);
	assert_string_equal(after.state, "lost");
	assert_string_equal(after.state_reason, "the KMS said so");
	assert_string_equal(after.header_sha256, before.header_sha256);
	succeeds(header_backup_set_state(bytes, VOLUME_ID, NULL, NULL, &f), &f);
	succeeds(header_backup_read(bytes, &after, &f), &f);
	assert_string_equal(after.state, "");
}

static void hex_is_strict(void **state)
{
	uint8_t out[4];
	char *text = hex_encode((const uint8_t *)"\x00\x9f\xa0\xff", 4);

	assert_string_equal(text, "009fa0ff");
	assert_int_equal(hex_decode(text, out, 4), 0);
	assert_memory_equal(out, "\x00\x9f\xa0\xff", 4);
	free(text);
	assert_true(hex_decode("009fa0f", out, 4) < 0);
	assert_true(hex_decode("009fa0ff0", out, 4) < 0);
	assert_true(hex_decode("009fA0ff", out, 4) < 0);
	assert_true(hex_decode("009f 0ff", out, 4) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(a_wiped_header_is_put_back),
		with_image(a_changed_header_is_put_back),
		with_image(other_data_stays),
		with_image(other_luks_stays),
		with_image(luks_without_our_name_stays),
		with_image(another_volume_stays),
		with_image(a_damaged_backup_is_refused),
		with_image(a_packed_backup_is_a_backup_again),
		with_image(a_damaged_packed_backup_is_refused),
		with_image(a_backup_gets_the_present_state),
		cmocka_unit_test(hex_is_strict),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
