// SPDX-License-Identifier: MIT
/* sources: agent/volume/mapper.c agent/volume/mapper_list.c agent/volume/udev_wait.c */
/*
 * An udev that is stopped, or in another IPC namespace, completes no cookie: a start ends in a fault, a
 * stop ends, and neither a device nor a semaphore is left behind.
 *
 * libdevmapper is played here: its devices exist, and its udev never comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libdevmapper.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume/mapper.h"

/*
 * @looks: at the cookie; @completed: calls of dm_udev_complete(); @waits: calls of dm_udev_wait();
 * @endless: such a call came before dm_udev_complete()
 */
static struct {
	bool udev, device, endless;
	unsigned int looks, completed, waits, nodes;
	uint64_t slept_us;
} seen;

struct dm_task {
	int type;
};

struct dm_task *dm_task_create(int type)
{
	struct dm_task *t = calloc(1, sizeof(*t));

	t->type = type;
	return t;
}

void dm_task_destroy(struct dm_task *t)
{
	free(t);
}

int dm_task_secure_data(struct dm_task *t)
{
	return 1;
}

int dm_task_set_name(struct dm_task *t, const char *name)
{
	return 1;
}

int dm_task_set_uuid(struct dm_task *t, const char *uuid)
{
	return 1;
}

int dm_task_add_target(struct dm_task *t, uint64_t start, uint64_t size, const char *type,
		       const char *params)
{
	return 1;
}

int dm_task_retry_remove(struct dm_task *t)
{
	return 1;
}

int dm_task_set_cookie(struct dm_task *t, uint32_t *cookie, uint16_t flags)
{
	/* Otherwise dm_task_run() itself keeps a list of nodes, without a lock. */
	assert_true(flags & DM_UDEV_DISABLE_LIBRARY_FALLBACK);
	*cookie = 0xD4D0001;
	return 1;
}

int dm_task_run(struct dm_task *t)
{
	if (t->type == DM_DEVICE_CREATE)
		seen.device = true;
	else if (t->type == DM_DEVICE_REMOVE)
		seen.device = false;
	return 1;
}

int dm_task_get_info(struct dm_task *t, struct dm_info *info)
{
	*info = (struct dm_info){ 0 };
	return 1;
}

int dm_udev_get_sync_support(void)
{
	return 1;
}

int dm_udev_wait_immediate(uint32_t cookie, int *ready)
{
	seen.looks++;
	*ready = seen.udev && seen.looks > 3;
	return 1;
}

int dm_udev_complete(uint32_t cookie)
{
	seen.completed++;
	return 1;
}

int dm_udev_wait(uint32_t cookie)
{
	/* The caller holds a lock: the test fails after the call. */
	seen.endless |= !seen.completed;
	seen.waits++;
	return 1;
}

int dm_mknodes(const char *name)
{
	seen.nodes++;
	return 1;
}

void dm_task_update_nodes(void)
{
}

int usleep(useconds_t us)
{
	seen.slept_us += us;
	return 0;
}

/* Any block device: its number is compared, and it is not opened. */
#define DISK "/dev/loop0"

static int create(struct fault *f)
{
	const struct volume_header header = { .volume_id = "vol-0123456789abcdef0",
					      .data_sectors = 8,
					      .sector_size = 4096 };
	struct device_table table = { .name = "envelope-db1",
				      .header = &header,
				      .device = DISK,
				      .description = "dm-envelope:vol-0123456789abcdef0" };
	struct stat st;

	if (stat(DISK, &st) < 0)
		skip();
	table.number = st.st_rdev;
	return mapper_create(&table, f);
}

static void a_start_without_udev_ends_in_a_fault(void **state)
{
	struct fault f = { 0 };

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(create(&f), -1);
	if (seen.endless)
		fail_msg("waits for an udev that does not come");
	assert_string_equal(f.code, "DeviceTimeout");
	assert_non_null(strstr(f.message, "systemd-udevd"));
	assert_true(seen.looks > 1 && seen.slept_us >= 10000000);
	/* The device is gone, and no semaphore is left. */
	assert_false(seen.device);
	assert_int_equal(seen.completed, 2);
	assert_int_equal(seen.waits, 2);
}

static void a_stop_without_udev_ends(void **state)
{
	struct fault f = { 0 };

	memset(&seen, 0, sizeof(seen));
	seen.device = true;
	assert_int_equal(mapper_remove("envelope-db1", &f), 0);
	assert_false(seen.endless);
	assert_false(seen.device);
	assert_int_equal(seen.completed, 1);
	assert_int_equal(seen.nodes, 1); /* of the node that udev did not remove */
}

static void udev_is_waited_for(void **state)
{
	struct fault f = { 0 };

	memset(&seen, 0, sizeof(seen));
	seen.udev = true;
	assert_int_equal(create(&f), 0);
	assert_true(seen.device && seen.looks == 4 && !seen.completed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_without_udev_ends_in_a_fault),
		cmocka_unit_test(a_stop_without_udev_ends),
		cmocka_unit_test(udev_is_waited_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
