// SPDX-License-Identifier: MIT
/*
 * Who uses a block device, in a sysfs of the test's own: a mount and a process on the device itself, and
 * on what lies on it. The mounts and processes are real ones of this host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/header/device_stack.h"
#include "lib/header/device_users.h"

#define DISK makedev(8, 16)

static char root[64] = "/tmp/device-users-test-XXXXXX";
static bool private;	   /* the fake sysfs is mounted */
static dev_t mounted;	   /* a block device that this host has mounted, 0 for none */
static dev_t opened;	   /* a block device that this process has open, 0 for none */
static int opened_fd = -1; /* of it */

static void put(const char *name, const char *attribute, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tree/%s/%s", root, name, attribute);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A device with its link in dev/block. @name: "sdb", or "sdb/sdb1" for a partition */
static void add(const char *name, dev_t number)
{
	char target[256], path[PATH_MAX], text[32];

	snprintf(target, sizeof(target), "%s/tree/%s", root, name);
	assert_int_equal(mkdir(target, 0700), 0);
	snprintf(path, sizeof(path), "%s/holders", target);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(text, sizeof(text), "%u:%u", major(number), minor(number));
	put(name, "dev", text);
	if (strchr(name, '/'))
		put(name, "partition", "1\n");
	snprintf(path, sizeof(path), "%s/dev/%s", root, text);
	assert_int_equal(symlink(target, path), 0);
}

static void make_uuid(const char *name, const char *uuid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/tree/%s/dm", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
	put(name, "dm/uuid", uuid);
}

/* @upper lies on @lower. */
static void hold(const char *lower, const char *upper)
{
	char target[256], path[PATH_MAX];

	snprintf(target, sizeof(target), "%s/tree/%s", root, upper);
	snprintf(path, sizeof(path), "%s/tree/%s/holders/%s", root, lower, upper);
	assert_int_equal(symlink(target, path), 0);
}

/* The number of a block device that is mounted in the namespace of process 1. */
static dev_t find_mounted(void)
{
	FILE *file = fopen("/proc/1/mountinfo", "re");
	unsigned int maj = 0, min = 0;
	char line[4096];

	while (file && !maj && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*d %*d %u:%u", &maj, &min) != 2)
			maj = 0;
	if (file)
		fclose(file);
	return maj ? makedev(maj, min) : 0;
}

static int setup(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", root, i ? "dev" : "tree");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	mounted = find_mounted();
	opened_fd = open("/dev/loop0", O_RDONLY | O_CLOEXEC);
	if (opened_fd >= 0 && fstat(opened_fd, &st) == 0)
		opened = st.st_rdev;
	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/dev", root);
	private = mount(path, "/sys/dev/block", NULL, MS_BIND, NULL) == 0;
	return 0;
}

static int clear(void **state)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s/tree/* %s/dev/*", root, root);
	return system(command);
}

static int teardown(void **state)
{
	char command[128];

	if (opened_fd >= 0)
		close(opened_fd);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void need(bool it, const char *what)
{
	if (!private || !it) {
		print_message("needs %s\n", private ? what : "mounts of its own");
		skip();
	}
}

static void expect(const char *start, const char *end)
{
	char text[400] = "";

	if (!device_users_find(DISK, text, sizeof(text)))
		fail_msg("no user is found, expected: %s", start);
	if (strncmp(text, start, strlen(start)) || !strstr(text, end))
		fail_msg("expected '%s...%s', seen '%s'", start, end, text);
}

/* The other end of the stack is found, and a device on two others once: no end otherwise. */
static void all_that_lies_on_a_device_is_in_its_stack(void **state)
{
	struct stacked_device *list;

	need(true, "");
	add("sdb", DISK);
	add("sdb/sdb1", makedev(8, 17));
	add("sdb/sdb2", makedev(8, 18));
	add("md0", makedev(9, 0));
	add("dm-3", makedev(253, 3));
	hold("sdb/sdb1", "md0");
	hold("sdb/sdb2", "md0");
	hold("md0", "dm-3");
	assert_int_equal(device_stack_list(DISK, &list), 5);
	assert_true(list[0].number == DISK && !list[0].name[0]);
	assert_string_equal(list[1].name, "sdb1");
	assert_string_equal(list[4].name, "dm-3");
	assert_string_equal(list[list[4].below].name, "md0");
	free(list);
}

static void a_mount_of_the_device_is_found(void **state)
{
	char text[400];

	need(mounted, "a mounted block device");
	assert_true(device_users_find(mounted, text, sizeof(text)));
	assert_memory_equal(text, "It is mounted on /", strlen("It is mounted on /"));
}

static void a_mount_of_a_partition_is_found(void **state)
{
	need(mounted, "a mounted block device");
	add("sdb", DISK);
	add("sdb/sdb1", mounted);
	expect("The device sdb1 on it is mounted on /", ". Unmount it first.");
}

/* As with LVM: the physical volume is the device, and the logical one is mounted. */
static void a_mount_above_two_layers_is_found_before_the_layers(void **state)
{
	need(mounted, "a mounted block device");
	add("sdb", DISK);
	add("sdb/sdb1", makedev(8, 17));
	add("dm-3", makedev(253, 3));
	add("dm-4", mounted);
	hold("sdb/sdb1", "dm-3");
	hold("dm-3", "dm-4");
	expect("The device dm-4 on it is mounted on /", ". Unmount it first.");
}

static void a_process_that_has_a_device_on_top_open_is_found(void **state)
{
	need(opened, "/dev/loop0");
	add("sdb", DISK);
	add("dm-3", opened);
	hold("sdb", "dm-3");
	expect("The process ", " has the device dm-3 on it open. Stop the process first.");
}

static void without_a_user_the_device_on_top_is_named(void **state)
{
	need(true, "");
	add("sdb", DISK);
	add("dm-3", makedev(253, 3));
	hold("sdb", "dm-3");
	expect("The device dm-3 lies on top of it. Remove that device first.", "");
}

static void a_device_on_a_partition_or_a_layer_is_on_the_disk(void **state)
{
	char between[32] = "";

	need(true, "");
	add("sdb", DISK);
	add("sdb/sdb1", makedev(8, 17));
	add("dm-3", makedev(253, 3));
	add("dm-4", makedev(253, 4));
	hold("sdb/sdb1", "dm-3");
	hold("dm-3", "dm-4");
	make_uuid("dm-3", "LVM-abc\n");
	assert_false(device_stack_has(DISK, "ENVELOPE-", between));
	make_uuid("dm-4", "ENVELOPE-vol-1\n");
	if (!device_stack_has(DISK, "ENVELOPE-", between))
		fail_msg("the device of a volume is not found above two layers");
	assert_string_equal(between, "dm-3");
	assert_true(device_stack_has(makedev(253, 3), "ENVELOPE-", between));
	assert_string_equal(between, "");
	assert_false(device_stack_has(makedev(253, 4), "ENVELOPE-", between));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_that_lies_on_a_device_is_in_its_stack, clear),
		cmocka_unit_test_teardown(a_mount_of_the_device_is_found, clear),
		cmocka_unit_test_teardown(a_mount_of_a_partition_is_found, clear),
		cmocka_unit_test_teardown(a_mount_above_two_layers_is_found_before_the_layers,
					  clear),
		cmocka_unit_test_teardown(a_process_that_has_a_device_on_top_open_is_found, clear),
		cmocka_unit_test_teardown(a_device_on_a_partition_or_a_layer_is_on_the_disk, clear),
		cmocka_unit_test_teardown(without_a_user_the_device_on_top_is_named, clear),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
