// SPDX-License-Identifier: MIT
/* sources: agent/volume/scan.c agent/volume/thin_name.c agent/volume/sysfs.c ../tests/unit/header_fixture.c */
/*
 * A link that leads to another disk from the moment on when it was opened for the first time: each write
 * to a header goes to the disk that was checked. The other disk is a copy, with the same header, so that
 * no check of the header notices the exchange. open(2) of the libraries is the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/volume/disks.h"
#include "agent/volume/scan.h"
#include "header_fixture.h"
#include "lib/header/block_device.h"
#include "lib/header/header_backup.h"
#include "lib/header/header_kms.h"
#include "lib/header/header_owner.h"

static char link_path[80], other[80];
static bool armed; /* the link is exchanged after it was opened */
static uint8_t before[IMAGE_SIZE], after[IMAGE_SIZE];

/* The host has one disk, under the link. */
size_t disks_list(struct disk **ret)
{
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	(*ret)->path = strdup(link_path);
	assert_non_null((*ret)->path);
	return 1;
}

char *disk_identity(dev_t number)
{
	return strdup("none");
}

static void point_to(const char *target)
{
	unlink(link_path);
	assert_int_equal(symlink(target, link_path), 0);
}

static int open_and_exchange(const char *path, int flags, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);

	if (armed && !strcmp(path, link_path)) {
		armed = false;
		point_to(other);
	}
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_and_exchange(path, flags, mode_of(flags, args));
	va_end(args);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_and_exchange(path, flags, mode_of(flags, args));
	va_end(args);
	return fd;
}

static void read_disk(const char *path, uint8_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, bytes, IMAGE_SIZE), IMAGE_SIZE);
	close(fd);
}

/* The other disk becomes a copy of the disk, and the link is about to be exchanged. */
static void arm(void)
{
	int fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	read_disk(image, before);
	assert_int_equal(pwrite(fd, before, IMAGE_SIZE, 0), IMAGE_SIZE);
	close(fd);
	point_to(image);
	armed = true;
}

/* The write has succeeded. Is it on the disk that was opened first, and on no other? */
static void check(int r, const struct fault *f)
{
	succeeds(r, f);
	if (armed)
		fail_msg("the link was not opened");
	read_disk(other, after);
	if (memcmp(before, after, IMAGE_SIZE))
		fail_msg("the other disk was written to");
	read_disk(image, after);
	if (!memcmp(before, after, IMAGE_SIZE))
		fail_msg("the disk was not written to");
}

static int new_disks(void **state)
{
	int r = new_image(state);

	snprintf(link_path, sizeof(link_path), "%s.link", image);
	snprintf(other, sizeof(other), "%s.other", image);
	armed = false;
	return r;
}

static int drop_disks(void **state)
{
	unlink(link_path);
	unlink(other);
	return drop_image(state);
}

#define with_disks(function) cmocka_unit_test_setup_teardown(function, new_disks, drop_disks)

static void a_state_goes_to_the_disk_that_was_checked(void **state)
{
	struct fault f = { 0 };

	make_volume();
	arm();
	check(header_set_state(link_path, -1, VOLUME_ID, "deleted", "x", &f), &f);
	arm();
	check(header_set_state(link_path, -1, VOLUME_ID, NULL, NULL, &f), &f);
}

static void an_owner_goes_to_the_disk_that_was_checked(void **state)
{
	struct volume_owner self = { .host = "a", .boot = "b", .claim = 60 };
	struct fault f = { 0 };

	make_volume();
	arm();
	check(header_set_owner(link_path, -1, VOLUME_ID, NULL, &self, &f), &f);
}

static void a_kms_goes_to_the_disk_that_was_checked(void **state)
{
	struct fault f = { 0 };

	make_volume();
	arm();
	check(header_set_kms(link_path, -1, VOLUME_ID, "", "embedded:1", &f), &f);
}

static void a_wrapped_key_goes_to_the_disk_that_was_checked(void **state)
{
	struct volume_header header = make_volume();
	struct fault f = { 0 };

	arm();
	check(header_set_wrapped_key(link_path, -1, &header, blob, sizeof(blob) - 1, &f), &f);
}

static void an_erasure_goes_to_the_disk_that_was_checked(void **state)
{
	struct fault f = { 0 };

	make_volume();
	arm();
	check(header_erase(link_path, -1, VOLUME_ID, &f), &f);
}

static void a_new_volume_goes_to_the_disk_that_was_checked(void **state)
{
	struct volume_identity id = identity;
	struct volume_header header;
	struct fault f = { 0 };

	make_volume();
	id.overwrite = true;
	arm();
	check(header_format(link_path, -1, &id, key, &header, &f), &f);
}

static void a_restored_header_goes_to_the_disk_that_was_checked(void **state)
{
	uint8_t bytes[HEADER_BACKUP_BYTES];
	struct volume_header header;
	struct fault f = { 0 };

	make_volume();
	succeeds(header_backup_make(image, bytes, &header, &f), &f);
	succeeds(header_set_state(image, -1, VOLUME_ID, "deleted", "x", &f), &f);
	arm();
	check(header_backup_restore(link_path, -1, VOLUME_ID, bytes, &f), &f);
}

/* The first look takes no claim: the check is done again on the disk that is taken. */
static void an_unfinished_header_is_erased_where_it_was_checked(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };
	int claim, fd;

	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
	arm();
	claim = open(link_path, O_RDWR | O_CLOEXEC);
	check(header_erase_unfinished(link_path, claim, VOLUME_ID, &f) - 1, &f);
	close(claim);

	/* Without a claim, where the other disk holds a finished volume. */
	drop_image(state);
	new_image(state);
	make_volume();
	arm();
	fd = open(image, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
	point_to(image);
	armed = true;
	assert_int_equal(header_erase_unfinished(link_path, -1, VOLUME_ID, &f), 0);
	read_disk(other, after);
	if (memcmp(before, after, IMAGE_SIZE))
		fail_msg("the other disk was written to");
}

static void a_read_is_of_one_disk(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };
	int fd;

	make_volume();
	arm();
	fd = open(other, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	succeeds(header_read(link_path, &header, &f), &f);
	assert_false(armed);
}

/* A mixture of two disks would have the number of one and the header of the other. */
static void a_look_at_all_disks_opens_each_once(void **state)
{
	struct scanned *volumes = NULL;
	int fd;

	make_volume();
	arm();
	fd = open(other, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	if (scan_volumes(VOLUME_ID, &volumes, NULL) != 1)
		fail_msg("a look at one disk was of two disks");
	assert_string_equal(volumes[0].header.volume_id, VOLUME_ID);
	assert_false(armed);
	scan_free(volumes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_disks(a_state_goes_to_the_disk_that_was_checked),
		with_disks(an_owner_goes_to_the_disk_that_was_checked),
		with_disks(a_kms_goes_to_the_disk_that_was_checked),
		with_disks(a_wrapped_key_goes_to_the_disk_that_was_checked),
		with_disks(an_erasure_goes_to_the_disk_that_was_checked),
		with_disks(a_new_volume_goes_to_the_disk_that_was_checked),
		with_disks(a_restored_header_goes_to_the_disk_that_was_checked),
		with_disks(an_unfinished_header_is_erased_where_it_was_checked),
		with_disks(a_read_is_of_one_disk),
		with_disks(a_look_at_all_disks_opens_each_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
