// SPDX-License-Identifier: MIT
/* sources: agent/volume/locate.c agent/volume/scan.c agent/volume/thin_name.c agent/volume/sysfs.c ../tests/unit/header_fixture.c */
/*
 * The disk of a volume with a block that cannot be read, outside the header: a look at the disks and a
 * start say that the disk cannot be read. Neither says that the volume is not there, nor that the disk is
 * part of another device. read(2) of the libraries is the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/volume/disks.h"
#include "agent/volume/locate.h"
#include "agent/volume/scan.h"
#include "header_fixture.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "lib/header/block_device.h"

static off_t bad; /* the first of 512 bytes of the image that cannot be read; 0 for none */

ssize_t read(int fd, void *bytes, size_t size)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (bad && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == IMAGE_SIZE &&
	    at < bad + 512 && at + (off_t)size > bad) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_read, fd, bytes, size);
}

/* The host has one disk, which is known by its identity. */
size_t disks_list(struct disk **ret)
{
	*ret = calloc(1, sizeof(**ret));
	assert_non_null(*ret);
	(*ret)->path = strdup(image);
	assert_non_null((*ret)->path);
	return 1;
}

int disks_holder(dev_t number, char **holder)
{
	*holder = NULL;
	return 0;
}

char *disk_identity(dev_t number)
{
	return strdup("serial:1");
}

bool disk_identity_proves(const char *stored, const char *seen)
{
	return stored && seen && !strcmp(stored, seen);
}

bool disk_identity_is_copied(const char *seen)
{
	return !seen;
}

static int locate(struct fault *f)
{
	struct volume_job job = { .device = strdup(image), .disk = strdup("serial:1") };
	int r;

	assert_true(job.device && job.disk);
	strcpy(job.volume_id, VOLUME_ID);
	r = locate_volume(&job);
	*f = job.fault;
	text_freep(&job.found);
	text_freep(&job.disk);
	text_freep(&job.device);
	return r;
}

static size_t look(json_object *unreadable)
{
	struct scanned *volumes;
	size_t count = scan_volumes(NULL, &volumes, unreadable);

	scan_free(volumes, count);
	return count;
}

static int new_disk(void **state)
{
	bad = 0;
	return new_image(state);
}

static void a_disk_with_a_bad_block_cannot_be_read(void **state)
{
	/* Where the member of an array has what tells it from a volume. */
	static const off_t blocks[] = { IMAGE_SIZE - 64 * 1024, IMAGE_SIZE - 4096 };
	struct fault f = { 0 };

	make_volume();
	assert_int_equal(look(NULL), 1);
	succeeds(locate(&f), &f);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		struct json_object _cleanup_json_ *unreadable = json_object_new_object();
		const char *said;

		bad = blocks[i];
		if (look(unreadable))
			fail_msg("a volume with a bad block at %lld is listed", (long long)bad);
		said = json_get_string(unreadable, image);
		if (!said || !strstr(said, "cannot be read: Input/output error"))
			fail_msg("the look says: %s", said ? said : "nothing");
		refused(locate(&f), &f, BLOCK_DEVICE_ERROR, "cannot be read: Input/output error");
	}
	bad = 0;
	succeeds(locate(&f), &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_disk_with_a_bad_block_cannot_be_read, new_disk,
						drop_image),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
