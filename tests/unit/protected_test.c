// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/write_protection.c ../tests/unit/header_fixture.c */
/*
 * A write-protected disk: each function that writes to a header names the disk and the protection,
 * before the first write and after a write that the protection refused. The image is a file: its
 * write protection, and write(2) of the libraries, are the test's own.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "header_fixture.h"
#include "lib/base/file.h"
#include "lib/header/header_backup.h"
#include "lib/header/header_owner.h"
#include "write_protection.h"

static bool protected_by_a_write;
static unsigned int writes;
static int claim = -1; /* of the writer; -1: it takes the disk for itself */

ssize_t write(int fd, const void *bytes, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size != IMAGE_SIZE)
		return syscall(SYS_write, fd, bytes, size);
	writes++;
	disks_protected |= protected_by_a_write;
	if (disks_protected) {
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_write, fd, bytes, size);
}

static int new_disk(void **state)
{
	disks_protected = protected_by_a_write = false;
	return new_image(state);
}

#define with_disk(function) cmocka_unit_test_setup_teardown(function, new_disk, drop_image)

/* ---- each function that writes ---- */

static struct volume_header header;
static uint8_t backup[HEADER_BACKUP_BYTES];
static struct volume_owner owner = {
	.host = "0123456789abcdef0123456789abcdef",
	.boot = "0123456789abcdef0123456789abcdef",
	.claim = 60,
};

static void nothing(void)
{
}

static void old_data(void)
{
	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
}

static int format(struct fault *f)
{
	struct volume_identity overwriting = identity;

	overwriting.overwrite = true;
	return header_format(image, claim, &overwriting, key, &header, f);
}

static void unfinished(void)
{
	struct fault f = { 0 };

	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
}

static void finished(void)
{
	struct fault f = { 0 };

	header = make_volume();
	succeeds(header_backup_make(image, backup, &header, &f), &f);
}

static int set_wrapped_key(struct fault *f)
{
	return header_set_wrapped_key(image, claim, &header, blob, sizeof(blob), f);
}

static int set_state(struct fault *f)
{
	return header_set_state(image, claim, VOLUME_ID, "deleted", "a test", f);
}

static void with_state(void)
{
	struct fault f = { 0 };

	finished();
	succeeds(set_state(&f), &f);
}

static int remove_state(struct fault *f)
{
	return header_set_state(image, claim, VOLUME_ID, NULL, NULL, f);
}

static int set_owner(struct fault *f)
{
	return header_set_owner(image, claim, VOLUME_ID, NULL, &owner, f);
}

static int erase(struct fault *f)
{
	return header_erase(image, claim, VOLUME_ID, f);
}

static int erase_unfinished(struct fault *f)
{
	return header_erase_unfinished(image, claim, VOLUME_ID, f) < 0 ? -1 : 0;
}

static int restore(struct fault *f)
{
	return header_backup_restore(image, claim, VOLUME_ID, backup, f);
}

static const struct {
	const char *what;
	void (*before)(void);
	int (*write)(struct fault *f);
} writers[] = {
	{ "format", nothing, format },
	{ "format over other data", old_data, format },
	{ "wrapped key", unfinished, set_wrapped_key },
	{ "state", finished, set_state },
	{ "no state", with_state, remove_state },
	{ "owner", finished, set_owner },
	{ "erasure", finished, erase },
	{ "erasure of an unfinished header", unfinished, erase_unfinished },
	{ "restored header", finished, restore },
};

static void each_refused(bool before_the_write, bool claimed, const char *said)
{
	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
		struct fault f = { 0 };

		/* An erasure with a claim relies on the check when the disk was taken. */
		if (claimed && !strncmp(writers[i].what, "erasure", 7))
			continue;
		disks_protected = protected_by_a_write = false;
		write_at(0, (uint8_t[1 << 20]){ 0 }, 1 << 20);
		writers[i].before();
		claim = claimed ? open(image, O_RDWR | O_CLOEXEC) : -1;
		disks_protected = before_the_write;
		protected_by_a_write = !before_the_write;
		writes = 0;
		if (!writers[i].write(&f))
			fail_msg("%s: no fault", writers[i].what);
		file_close(&claim);
		refused(-1, &f, "InvalidParameterValue", said);
		refused(-1, &f, "InvalidParameterValue", image);
		refused(-1, &f, "InvalidParameterValue", "blockdev --setrw");
		if (before_the_write && writes)
			fail_msg("%s: %u writes to a protected disk", writers[i].what, writes);
		if (!before_the_write && !writes)
			fail_msg("%s: nothing was written", writers[i].what);
	}
}

static void a_protected_disk_is_named_before_the_first_write(void **state)
{
	each_refused(true, false, "is write-protected. Nothing was written.");
	each_refused(true, true, "is write-protected. Nothing was written.");
}

static void a_disk_that_becomes_protected_is_named_after_the_write(void **state)
{
	each_refused(false, false, "is write-protected. The last write may be missing.");
}

static void a_protected_disk_is_read_as_any_other(void **state)
{
	struct volume_header seen;
	struct fault f = { 0 };

	finished();
	disks_protected = true;
	succeeds(header_read(image, &seen, &f), &f);
	succeeds(header_verify_key(image, &seen, key, &f), &f);
	succeeds(header_backup_make(image, backup, &seen, &f), &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_disk(a_protected_disk_is_named_before_the_first_write),
		with_disk(a_disk_that_becomes_protected_is_named_after_the_write),
		with_disk(a_protected_disk_is_read_as_any_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
