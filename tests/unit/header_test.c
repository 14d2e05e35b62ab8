// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c ../tests/unit/luks2_forge.c */
/*
 * Volume headers on image files. dm-envelope and libcryptsetup can read a written header. Writing a
 * header destroys no data unless the caller asks for it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libcryptsetup.h>
#include <linux/loop.h>

#include "header_fixture.h"
#include "lib/header/header.h"
#include "luks2_forge.h"

static void a_written_header_is_read_back(void **state)
{
	struct volume_header made = make_volume(), read;
	struct fault f = { 0 };

	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.volume_id, identity.volume_id);
	assert_string_equal(read.cluster_id, identity.cluster_id);
	assert_string_equal(read.db_cluster_resource_id, identity.db_cluster_resource_id);
	assert_string_equal(read.key_arn, KEY_ARN);
	assert_string_equal(read.region, "us-east-1");
	assert_string_equal(read.account, "123456789012");
	assert_int_equal(read.generation, 1);
	assert_int_equal(read.sector_size, 4096);
	assert_int_equal(read.data_offset, 2048);
	assert_int_equal(read.iv_offset, 0);
	assert_int_equal(read.data_sectors, (IMAGE_SIZE - (1 << 20)) / 512);
	assert_int_equal(read.wrapped_key_size, sizeof(blob));
	assert_memory_equal(read.wrapped_key, blob, sizeof(blob));
	assert_string_equal(read.state, "");
	assert_string_equal(read.uuid, made.uuid);
	assert_string_equal(read.header_sha256, made.header_sha256);
	assert_int_equal(strlen(read.header_sha256), 64);
}

static void sector_size_512_can_be_asked_for(void **state)
{
	struct volume_identity id = identity;
	struct volume_header header;
	struct fault f = { 0 };

	id.sector_size = 512;
	succeeds(header_format(image, -1, &id, key, &header, &f), &f);
	assert_int_equal(header.sector_size, 512);
	id.sector_size = 1024;
	refused(header_format(image, -1, &id, key, &header, &f), &f, "InvalidParameterValue",
		"sector size");
}

static void libcryptsetup_agrees(void **state)
{
	struct volume_header header = make_volume();
	struct crypt_device *cd;

	assert_int_equal(crypt_init(&cd, image), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_get_data_offset(cd), header.data_offset);
	assert_int_equal(crypt_get_sector_size(cd), header.sector_size);
	assert_int_equal(crypt_get_iv_offset(cd), header.iv_offset);
	assert_string_equal(crypt_get_cipher(cd), "aes");
	assert_string_equal(crypt_get_cipher_mode(cd), "xts-plain64");
	assert_string_equal(crypt_get_uuid(cd), header.uuid);
	assert_string_equal(crypt_get_label(cd), identity.cluster_id);
	assert_int_equal(crypt_volume_key_verify(cd, (char *)key->bytes, key->size), 0);
	for (int i = 0; i < crypt_keyslot_max(CRYPT_LUKS2); i++)
		assert_int_equal(crypt_keyslot_status(cd, i), CRYPT_SLOT_INACTIVE);
	crypt_free(cd);
}

static void the_key_itself_is_not_written(void **state)
{
	make_volume();
	assert_false(image_holds(key->bytes, 16));
	/* Control: the search finds bytes that are there. */
	write_at(5 << 20, key->bytes, 16);
	assert_true(image_holds(key->bytes, 16));
}

static void identities_are_checked_before_anything_is_written(void **state)
{
	static const struct {
		size_t at;
		const char *value;
		const char *reason;
	} rows[] = {
		{ offsetof(struct volume_identity, volume_id), "vol-123", "volume id" },
		{ offsetof(struct volume_identity, volume_id), "vol-0123456789ABCDEF0",
		  "volume id" },
		{ offsetof(struct volume_identity, cluster_id), "", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "a\nb", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "a--b", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "1db", "cluster identifier" },
		{ offsetof(struct volume_identity, db_cluster_resource_id), "cluster-1",
		  "resource" },
		{ offsetof(struct volume_identity, key_arn), "alias/aws/rds", "ARN" },
		{ offsetof(struct volume_identity, region), "eu-west-1", "region" },
		{ offsetof(struct volume_identity, account), "210987654321", "account" },
	};
	struct volume_header header;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct volume_identity id = identity;
		struct fault f = { 0 };

		*(const char **)((char *)&id + rows[i].at) = rows[i].value;
		refused(header_format(image, -1, &id, key, &header, &f), &f,
			"InvalidParameterValue", rows[i].reason);
	}
	assert_false(image_holds("LUKS", 4));
}

static void a_device_that_holds_data_is_left_alone(void **state)
{
	static const uint8_t mbr_entry[] = { 0, 0, 2, 0, 0x83, 0, 0, 0, 8, 0, 0, 0, 0, 8, 0, 0 };
	struct volume_identity id = identity;
	struct volume_header header;
	struct fault f = { 0 };

	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	refused(header_format(image, -1, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"swap");
	assert_true(image_holds("SWAPSPACE2", 10));

	id.overwrite = true;
	succeeds(header_format(image, -1, &id, key, &header, &f), &f);
	assert_false(image_holds("SWAPSPACE2", 10));

	id.overwrite = false;
	refused(header_format(image, -1, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"crypto_LUKS");

	drop_image(state);
	new_image(state);
	write_at(446, mbr_entry, sizeof(mbr_entry));
	write_at(510, "\x55\xaa", 2);
	refused(header_format(image, -1, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"dos partition table");
}

static void small_and_missing_devices_are_refused(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };

	assert_int_equal(truncate(image, 1 << 20), 0);
	refused(header_format(image, -1, &identity, key, &header, &f), &f, "InvalidParameterValue",
		"too small");
	assert_int_equal(truncate(image, IMAGE_SIZE + 512), 0);
	refused(header_format(image, -1, &identity, key, &header, &f), &f, "InvalidParameterValue",
		"no multiple of 4096");
	assert_int_equal(truncate(image, 1 << 20), 0);
	refused(header_format("/dev/null", -1, &identity, key, &header, &f), &f,
		"InvalidParameterValue", "not a block device");
	refused(header_format("/nonexistent", -1, &identity, key, &header, &f), &f,
		"InvalidParameterValue", "No such file");
	refused(header_read("/nonexistent", &header, &f), &f, "InvalidParameterValue",
		"No such file");
	refused(header_read(image, &header, &f), &f, "InvalidVolumeHeader", "no LUKS2 header");
}

/*
 * Attaches the image to a loop device. Returns its descriptor, or -1 on a host without loop
 * devices.
 */
static int attach_loop(char path[32])
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file, loop, number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (control >= 0)
		close(control);
	if (number < 0)
		return -1;
	snprintf(path, 32, "/dev/loop%d", number);
	loop = open(path, O_RDWR | O_CLOEXEC);
	file = open(image, O_RDWR | O_CLOEXEC);
	if (loop >= 0 && ioctl(loop, LOOP_SET_FD, file)) {
		close(loop);
		loop = -1;
	}
	close(file);
	return loop;
}

static void a_block_device_in_use_is_refused(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };
	int format, erase, after, loop, holder;
	struct fault format_fault = { 0 }, erase_fault = { 0 };
	char path[32];

	loop = attach_loop(path);
	if (loop < 0) {
		print_message("no loop devices here: needs root and the loop module\n");
		skip();
	}
	holder = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	format = header_format(path, -1, &identity, key, &header, &format_fault);
	erase = header_erase(path, -1, VOLUME_ID, &erase_fault);
	close(holder);
	after = header_format(path, -1, &identity, key, &header, &f);
	ioctl(loop, LOOP_CLR_FD);
	close(loop);

	assert_true(holder >= 0);
	refused(format, &format_fault, "VolumeInUse", "in use");
	refused(erase, &erase_fault, "VolumeInUse", "in use");
	succeeds(after, &f);
}

static void a_volume_without_wrapped_key_is_not_readable(void **state)
{
	struct volume_header header, read;
	struct fault f = { 0 };

	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", "wrapped_key");
	refused(header_set_wrapped_key(image, -1, &header, blob, 0, &f), &f,
		"InvalidParameterValue", "1 to 6144");
	refused(header_set_wrapped_key(image, -1, &header, blob, 6145, &f), &f,
		"InvalidParameterValue", "1 to 6144");
}

/* It is made in one step. A missing key does not show that it was not finished. */
static void a_plain_volume_is_whole_without_a_key_and_says_what_it_is(void **state)
{
	struct volume_identity id = identity;
	struct volume_header header, read, encrypted;
	struct fault f = { 0 };

	succeeds(header_format(image, -1, &identity, key, &encrypted, &f), &f);
	id.plain = id.overwrite = true;
	id.key_arn = NULL;
	succeeds(header_format(image, -1, &id, NULL, &header, &f), &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_true(read.plain);
	assert_string_equal(read.key_arn, "");
	assert_int_equal(read.wrapped_key_size, 0);
	assert_string_equal(read.header_sha256, header.header_sha256);
	assert_int_equal(read.data_offset, encrypted.data_offset);
	assert_int_equal(read.data_sectors, encrypted.data_sectors);
	assert_string_equal(read.state, VOLUME_STATE_CREATING);
	assert_false(image_holds("aes", 3));
	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 1);
	assert_false(image_holds("LUKS", 4));
	/* Finished: it may hold data, though it has no key. */
	succeeds(header_format(image, -1, &id, NULL, &header, &f), &f);
	succeeds(header_set_state(image, -1, VOLUME_ID, NULL, NULL, &f), &f);
	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 0);
	succeeds(header_read(image, &read, &f), &f);
}

static void the_largest_wrapped_key_fits(void **state)
{
	static uint8_t large[VOLUME_WRAPPED_KEY_MAX];
	struct volume_header header, read;
	struct fault f = { 0 };

	memset(large, 0xa5, sizeof(large));
	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
	succeeds(header_set_wrapped_key(image, -1, &header, large, sizeof(large), &f), &f);
	succeeds(header_set_state(image, -1, VOLUME_ID, "inaccessible-encryption-credentials",
				  "a reason", &f),
		 &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_memory_equal(read.wrapped_key, large, sizeof(large));
}

static void only_the_volume_key_is_verified(void **state)
{
	struct volume_header header = make_volume();
	struct secret *shorter = secret_new(32);
	struct fault f = { 0 };

	succeeds(header_verify_key(image, &header, key, &f), &f);
	refused(header_verify_key(image, &header, shorter, &f), &f, "InvalidVolumeHeader",
		"digests.0");
	key->bytes[63] ^= 1;
	refused(header_verify_key(image, &header, key, &f), &f, "InvalidVolumeHeader", "digests.0");
	secret_free(shorter);
}

static void a_header_exchanged_after_reading_is_noticed(void **state)
{
	struct volume_header header = make_volume();
	struct fault f = { 0 };

	luks2_forge(image, "/tokens/0/key_arn", "\"" OTHER_ARN "\"");
	refused(header_verify_key(image, &header, key, &f), &f, "InvalidVolumeHeader", "changed");
	refused(header_set_wrapped_key(image, -1, &header, blob, sizeof(blob), &f), &f,
		"InvalidVolumeHeader", "changed");
}

static void states_are_recorded_replaced_and_removed(void **state)
{
	struct volume_header header = make_volume(), read;
	struct fault f = { 0 };

	succeeds(header_set_state(image, -1, VOLUME_ID, "stopped", "first", &f), &f);
	succeeds(header_set_state(image, -1, VOLUME_ID, "inaccessible-encryption-credentials",
				  "DisabledException:\n\xff key is disabled", &f),
		 &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "inaccessible-encryption-credentials");
	assert_string_equal(read.state_reason, "DisabledException:?? key is disabled");
	assert_int_equal(strlen(read.state_time), strlen("2026-01-01T00:00:00Z"));
	assert_string_equal(read.header_sha256, header.header_sha256);
	assert_memory_equal(read.wrapped_key, blob, sizeof(blob));

	succeeds(header_set_state(image, -1, VOLUME_ID, NULL, NULL, &f), &f);
	succeeds(header_set_state(image, -1, VOLUME_ID, NULL, NULL, &f), &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "");

	luks2_forge(image, "subsystem", "something-else");
	refused(header_set_state(image, -1, VOLUME_ID, "stopped", "", &f), &f,
		"InvalidVolumeHeader", "not a dm-envelope volume");
}

static void erasing_leaves_nothing_of_the_header(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	assert_true(image_holds("LUKS\xba\xbe", 6));
	assert_true(image_holds("SKUL\xba\xbe", 6));
	assert_true(image_holds("wrapped_key", 11));
	succeeds(header_erase(image, -1, VOLUME_ID, &f), &f);
	assert_false(image_holds("LUKS\xba\xbe", 6));
	assert_false(image_holds("SKUL\xba\xbe", 6));
	assert_false(image_holds("wrapped_key", 11));
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", "no LUKS2 header");
	refused(header_erase(image, -1, VOLUME_ID, &f), &f, "InvalidVolumeHeader",
		"no LUKS2 header");

	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	refused(header_erase(image, -1, VOLUME_ID, &f), &f, "InvalidParameterValue",
		"Nothing was erased");
	assert_true(image_holds("SWAPSPACE2", 10));
}

/* A write to a path that now belongs to another disk must not reach that disk's header. */
static void another_volumes_header_is_not_written(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	refused(header_set_state(image, -1, OTHER_ID, "stopped", "", &f), &f, "InvalidVolumeHeader",
		" is " VOLUME_ID ", not " OTHER_ID);
	refused(header_set_state(image, -1, OTHER_ID, NULL, NULL, &f), &f, "InvalidVolumeHeader",
		"not " OTHER_ID);
	refused(header_erase(image, -1, OTHER_ID, &f), &f, "InvalidVolumeHeader",
		" is " VOLUME_ID ", not " OTHER_ID);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "");

	luks2_forge(image, "/tokens/0", NULL);
	refused(header_set_state(image, -1, VOLUME_ID, "stopped", "", &f), &f,
		"InvalidVolumeHeader", "without an id");
	refused(header_erase(image, -1, VOLUME_ID, &f), &f, "InvalidVolumeHeader", "without an id");
	assert_true(image_holds("LUKS\xba\xbe", 6));
}

/*
 * Leaves an interrupted format: after step 1 there is the LUKS2 header, after step 2 the token.
 */
static void begin_volume(const char *volume_id, int steps)
{
	struct crypt_params_luks2 luks2 = { .label = volume_id,
					    .subsystem = VOLUME_SUBSYSTEM,
					    .sector_size = 4096,
					    .data_alignment = 2048 };
	struct volume_identity id = identity;
	struct volume_header header;
	struct crypt_device *cd;
	struct fault f = { 0 };

	id.volume_id = volume_id;
	id.overwrite = true;
	if (steps == 2) {
		succeeds(header_format(image, -1, &id, key, &header, &f), &f);
		return;
	}
	assert_int_equal(crypt_init(&cd, image), 0);
	assert_int_equal(crypt_set_metadata_size(cd, 16384, (1 << 20) - 2 * 16384), 0);
	assert_int_equal(crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL,
				      (char *)key->bytes, key->size, &luks2),
			 0);
	crypt_free(cd);
}

static void only_the_unfinished_header_of_that_volume_is_erased(void **state)
{
	struct fault f = { 0 };

	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 0);
	for (int steps = 1; steps <= 2; steps++) {
		begin_volume(VOLUME_ID, steps);
		assert_int_equal(header_erase_unfinished(image, -1, OTHER_ID, &f), 0);
		assert_true(image_holds(VOLUME_ID, strlen(VOLUME_ID)));
		assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 1);
		assert_false(image_holds("LUKS", 4));
	}
	/* Torn by a power cut: neither copy of the metadata is whole. */
	begin_volume(VOLUME_ID, 1);
	write_at(4096, "torn", 4);
	write_at(16384, "torn", 4);
	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 1);
	assert_false(image_holds("LUKS", 4));
	/* Finished: a volume with a wrapped key may hold data. */
	make_volume();
	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 0);
	assert_int_equal(header_read(image, &(struct volume_header){ 0 }, &f), 0);
	/* Data of other programs. */
	succeeds(header_erase(image, -1, VOLUME_ID, &f), &f);
	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	assert_int_equal(header_erase_unfinished(image, -1, VOLUME_ID, &f), 0);
	assert_true(image_holds("SWAPSPACE2", 10));
	refused(header_erase_unfinished("/nonexistent", -1, VOLUME_ID, &f), &f,
		"InvalidParameterValue", "cannot be opened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(a_written_header_is_read_back),
		with_image(sector_size_512_can_be_asked_for),
		with_image(libcryptsetup_agrees),
		with_image(the_key_itself_is_not_written),
		with_image(identities_are_checked_before_anything_is_written),
		with_image(a_device_that_holds_data_is_left_alone),
		with_image(small_and_missing_devices_are_refused),
		with_image(a_block_device_in_use_is_refused),
		with_image(a_volume_without_wrapped_key_is_not_readable),
		with_image(a_plain_volume_is_whole_without_a_key_and_says_what_it_is),
		with_image(the_largest_wrapped_key_fits),
		with_image(only_the_volume_key_is_verified),
		with_image(a_header_exchanged_after_reading_is_noticed),
		with_image(states_are_recorded_replaced_and_removed),
		with_image(erasing_leaves_nothing_of_the_header),
		with_image(another_volumes_header_is_not_written),
		with_image(only_the_unfinished_header_of_that_volume_is_erased),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
