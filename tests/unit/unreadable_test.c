// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c */
/*
 * A disk with blocks that cannot be read: the fault says that the disk cannot be read. It does not say
 * that the disk holds data, or that the header is damaged. read(2) of the libraries is the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "header_fixture.h"
#include "lib/header/block_device.h"

static off_t bad_from, bad_to; /* bytes of the image that cannot be read */

ssize_t read(int fd, void *bytes, size_t size)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (bad_to && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == IMAGE_SIZE &&
	    at < bad_to && at + (off_t)size > bad_from) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_read, fd, bytes, size);
}

static void break_blocks(off_t from, off_t to)
{
	bad_from = from;
	bad_to = to;
}

static int new_disk(void **state)
{
	break_blocks(0, 0);
	return new_image(state);
}

#define with_disk(function) cmocka_unit_test_setup_teardown(function, new_disk, drop_image)

static void an_empty_disk_with_a_bad_block_holds_no_data(void **state)
{
	static const off_t blocks[] = {
		0, 1024, 4096, 64 * 1024, IMAGE_SIZE - 64 * 1024, IMAGE_SIZE - 4096
	};
	struct volume_header header;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		struct volume_identity id = identity;
		struct fault f = { 0 };

		break_blocks(blocks[i], blocks[i] + 512);
		refused(header_format(image, -1, &id, key, &header, &f), &f, BLOCK_DEVICE_ERROR,
			"cannot be read: Input/output error");
		assert_null(strstr(f.message, "allow-overwrite"));
		/* Nor does the option make the disk readable. */
		id.overwrite = true;
		refused(header_format(image, -1, &id, key, &header, &f), &f, BLOCK_DEVICE_ERROR,
			"cannot be read: Input/output error");
	}
}

static void a_header_that_cannot_be_read_is_not_called_damaged(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };

	make_volume();
	break_blocks(0, 32 * 1024);
	refused(header_read(image, &header, &f), &f, BLOCK_DEVICE_ERROR,
		"cannot be read: Input/output error");
	assert_int_equal(header_set_state(image, -1, VOLUME_ID, "deleted", "x", &f), -1);
	assert_string_equal(f.code, BLOCK_DEVICE_ERROR);
	break_blocks(0, 0);
	succeeds(header_read(image, &header, &f), &f);
}

static void a_damaged_header_is_still_called_damaged(void **state)
{
	static const uint8_t zeros[32 * 1024];
	struct volume_header header;
	struct fault f = { 0 };

	make_volume();
	write_at(0, zeros, sizeof(zeros));
	refused(header_read(image, &header, &f), &f, "InvalidVolumeHeader",
		"holds no LUKS2 header");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_disk(an_empty_disk_with_a_bad_block_holds_no_data),
		with_disk(a_header_that_cannot_be_read_is_not_called_damaged),
		with_disk(a_damaged_header_is_still_called_damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
