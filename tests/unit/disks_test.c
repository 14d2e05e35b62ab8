// SPDX-License-Identifier: MIT
/* sources: agent/volume/disks.c agent/volume/disk_identity.c agent/volume/sysfs.c */
/*
 * Which block devices may hold a volume, and what identifies them, in a sysfs of the test's own: one
 * disk in a mirror, one with a volume's device on top, disks with partitions, names of any length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/volume/disk_identity.h"
#include "agent/volume/disks.h"
#include "agent/volume/mapper.h"
#include "lib/base/text.h"
#include "lib/header/device_users.h"

/* As long as the kernel takes one: DM_NAME_LEN is 128, with the final NUL. */
#define LONG_NAME                                                          \
	"vg1-pvc--3f0c1a52--9d4e--4b77--8a21--6f5e0b9c7d18-and-a-snapshot" \
	"-that-somebody-has-named-with-care-and-at-some-length-2026-11-2"

static char root[64] = "/tmp/disks-test-XXXXXX";
static bool private; /* the fake sysfs is mounted */

/* Of a group and of a volume: 32 characters each. */
#define LVM_UUID "LVM-0123456789abcdefghijABCDEFGHIJ--0123456789abcdefghijABCDEFGHIJ--"

/* The kernel's answer for a device without the agent's uuid. */
bool mapper_is_mapping(const char *name)
{
	return !strcmp(name, "by-hand");
}

/* The tables of the devices on top of sdb and sdf2: both of one volume, whatever lies below. */
bool mapper_find(const char *name, struct mapping *mapping)
{
	*mapping = (struct mapping){ .below = makedev(8, 16) };
	strcpy(mapping->volume_id, "vol-0123456789abcdef0");
	return !strcmp(name, "envelope-db1");
}

static void make_folder(const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *p = folder + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(folder, 0700);
		*p = '/';
	}
}

static void put(const char *device, const char *attribute, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tree/%s/%s", root, device, attribute);
	make_folder(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A device with its links in class/block and dev/block. @device: "sda", or "sda/sda1" */
static void add(const char *device, const char *number)
{
	const char *name = strrchr(device, '/') ? strrchr(device, '/') + 1 : device;
	char target[PATH_MAX], path[PATH_MAX];

	put(device, "size", "65536\n");
	put(device, "holders/.keep", "");
	snprintf(target, sizeof(target), "%s/tree/%s", root, device);
	snprintf(path, sizeof(path), "%s/class/%s", root, name);
	make_folder(path);
	assert_int_equal(symlink(target, path), 0);
	snprintf(path, sizeof(path), "%s/dev/%s", root, number);
	make_folder(path);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	char path[PATH_MAX];

	assert_non_null(mkdtemp(root));
	add("sda", "8:0");
	put("sda", "device/wwid", "  naa.5000c500a1b2c3d4 \n");
	put("sda", "holders/md0", "");
	add("md0", "9:0");
	add("sdb", "8:16");
	put("sdb", "holders/dm-0", "");
	add("dm-0", "253:0");
	put("dm-0", "dm/name", "envelope-db1\n");
	put("dm-0", "dm/uuid", MAPPER_UUID_PREFIX "vol-0123456789abcdef0\n");
	add("sdc", "8:32");
	put("sdc", "holders/dm-1", "");
	add("dm-1", "253:1");
	put("dm-1", "dm/name", "by-hand\n");
	put("dm-1", "dm/uuid", "\n");
	add("sdd", "8:48");
	put("sdd", "serial", "S123\n");
	add("sdd/sdd1", "8:49");
	put("sdd/sdd1", "partition", "1\n");
	add("dm-2", "253:2");
	put("dm-2", "dm/name", LONG_NAME "\n");
	put("dm-2", "dm/uuid", "LVM-abc\n");
	put("dm-2", "slaves/sdd1", "");
	/* A pool of LVM, which shows the first block of one of its volumes, and such a volume. */
	add("dm-6", "253:6");
	put("dm-6", "dm/name", "vg0-fast\n");
	put("dm-6", "dm/uuid", LVM_UUID "-pool\n");
	add("dm-7", "253:7");
	put("dm-7", "dm/name", "vg0-thin\n");
	put("dm-7", "dm/uuid", LVM_UUID "\n");
	add("dm-4", "253:4");
	put("dm-4", "slaves/sdd1", "");
	add("dm-5", "253:5");
	put("dm-5", "slaves/dm-4", "");
	/* A mirror of whole disks with a partition table in it: the leg shows the table as well. */
	add("sde", "8:64");
	put("sde", "holders/md1", "");
	add("sde/sde1", "8:65");
	put("sde/sde1", "partition", "1\n");
	add("md1", "9:1");
	add("md1/md1p1", "259:0");
	put("md1/md1p1", "partition", "1\n");
	/* One partition of a disk is LVM's, another one is a volume. */
	add("sdf", "8:80");
	add("sdf/sdf1", "8:81");
	put("sdf/sdf1", "partition", "1\n");
	put("sdf/sdf1", "holders/dm-2", "");
	add("sdf/sdf2", "8:82");
	put("sdf/sdf2", "partition", "2\n");
	put("sdf/sdf2", "holders/dm-0", "");
	/* The device of a volume on a whole disk that shows a partition. */
	add("sdg", "8:96");
	put("sdg", "holders/dm-0", "");
	add("sdg/sdg1", "8:97");
	put("sdg/sdg1", "partition", "1\n");
	add("dm-3", "253:3");
	put("dm-3", "dm/name", "sleeping\n");
	put("dm-3", "dm/suspended", "1\n");
	add("cciss!c0d0", "104:0");
	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/class", root);
	private = mount(path, "/sys/class/block", NULL, MS_BIND, NULL) == 0;
	snprintf(path, sizeof(path), "%s/dev", root);
	private = private && mount(path, "/sys/dev/block", NULL, MS_BIND, NULL) == 0;
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void need_mounts(void)
{
	if (!private) {
		print_message("needs mounts of its own\n");
		skip();
	}
}

static bool is_listed(const char *path)
{
	struct disk *disks = NULL;
	size_t count = disks_list(&disks);
	bool found = false;

	for (size_t i = 0; i < count; i++)
		found |= !strcmp(disks[i].path, path);
	disks_free(disks, count);
	return found;
}

static void a_device_below_another_one_is_no_volume(void **state)
{
	_cleanup_text_ char *holder = NULL, *other = NULL;

	need_mounts();
	assert_true(is_listed("/dev/md0"));
	if (is_listed("/dev/sda"))
		fail_msg("the leg of a mirror is listed");
	assert_int_equal(disks_holder(makedev(8, 0), &holder), 1);
	assert_string_equal(holder, "/dev/md0");
	assert_int_equal(disks_holder(makedev(9, 0), &other), 0);
	assert_null(other);
}

static void what_lvm_keeps_below_a_thin_volume_is_no_disk(void **state)
{
	need_mounts();
	if (is_listed("/dev/mapper/vg0-fast"))
		fail_msg("a pool is listed, which shows a header of one of its volumes");
	assert_true(is_listed("/dev/mapper/vg0-thin"));
}

static void a_partition_of_a_held_disk_is_no_volume(void **state)
{
	_cleanup_text_ char *holder = NULL, *other = NULL;

	need_mounts();
	assert_true(is_listed("/dev/md1p1"));
	if (is_listed("/dev/sde1"))
		fail_msg("a partition of the leg of a mirror is listed");
	assert_int_equal(disks_holder(makedev(8, 65), &holder), 1);
	assert_string_equal(holder, "/dev/md1");
	assert_int_equal(disks_holder(makedev(259, 0), &other), 0);
	assert_false(is_listed("/dev/sdg1"));
	assert_true(is_listed("/dev/sdg"));
}

static void a_disk_with_a_held_partition_is_no_volume(void **state)
{
	_cleanup_text_ char *holder = NULL, *other = NULL;

	need_mounts();
	if (is_listed("/dev/sdf"))
		fail_msg("a disk is listed, a partition of which another device holds");
	assert_int_equal(disks_holder(makedev(8, 80), &holder), 1);
	assert_false(is_listed("/dev/sdf1"));
	assert_true(is_listed("/dev/sdf2"));
	assert_int_equal(disks_holder(makedev(8, 82), &other), 0);
	assert_true(is_listed("/dev/sdd"));
}

static void a_user_of_the_same_blocks_is_named(void **state)
{
	char text[400];

	need_mounts();
	assert_true(device_users_find(makedev(8, 64), text, sizeof(text)));
	assert_string_equal(text, "The device md1 lies on top of it. Remove that device first.");
	if (!device_users_find(makedev(8, 65), text, sizeof(text)))
		fail_msg("the user of the disk of a partition is not found");
	assert_string_equal(text,
			    "The device md1 lies on top of sde, which has the same blocks. Remove that device first.");
	assert_true(device_users_find(makedev(8, 80), text, sizeof(text)));
	assert_non_null(strstr(text, "lies on top of sdf"));
}

static void the_device_of_a_volume_holds_its_disk_for_the_volume(void **state)
{
	_cleanup_text_ char *holder = NULL;

	need_mounts();
	assert_true(is_listed("/dev/sdb"));
	assert_true(is_listed("/dev/sdc"));
	assert_false(is_listed("/dev/mapper/envelope-db1"));
	assert_int_equal(disks_holder(makedev(8, 16), &holder), 0);
}

static void only_its_own_device_lets_a_volume_be_written_to(void **state)
{
	need_mounts();
	assert_true(disks_held_by_volume(makedev(8, 16), "vol-0123456789abcdef0"));
	assert_false(disks_held_by_volume(makedev(8, 16), "vol-ffffffffffffffff0"));
	if (disks_held_by_volume(makedev(8, 0), "vol-0123456789abcdef0"))
		fail_msg("the mirror on top is taken for the volume's own device");
	if (disks_held_by_volume(makedev(8, 82), "vol-0123456789abcdef0"))
		fail_msg("a device with another disk in its table is taken for the volume's own");
	assert_false(disks_held_by_volume(makedev(8, 97), "vol-0123456789abcdef0"));
	assert_false(disks_held_by_volume(makedev(8, 48), "vol-0123456789abcdef0"));
}

static void a_suspended_device_is_not_looked_at(void **state)
{
	need_mounts();
	assert_false(is_listed("/dev/mapper/sleeping"));
}

static void a_name_of_any_length_is_listed(void **state)
{
	need_mounts();
	if (!is_listed("/dev/mapper/" LONG_NAME))
		fail_msg("a long name is not listed");
}

static void an_exclamation_mark_in_a_name_is_a_slash_in_the_path(void **state)
{
	need_mounts();
	if (!is_listed("/dev/cciss/c0d0"))
		fail_msg("a disk in a folder of /dev is not listed by its path");
}

static void a_disk_and_its_partition_overlap(void **state)
{
	need_mounts();
	if (!disks_overlap(makedev(8, 48), makedev(8, 49)))
		fail_msg("a disk and its partition are taken for two devices");
	assert_true(disks_overlap(makedev(8, 49), makedev(8, 48)));
	assert_true(disks_overlap(makedev(8, 0), makedev(8, 0)));
	assert_false(disks_overlap(makedev(8, 0), makedev(8, 49)));
	assert_false(disks_overlap(makedev(8, 0), makedev(8, 16)));
}

static void a_device_overlaps_with_what_it_is_made_of(void **state)
{
	const dev_t disk = makedev(8, 48), partition = makedev(8, 49);
	const dev_t volume = makedev(253, 2), other = makedev(253, 4), on_top = makedev(253, 5);

	need_mounts();
	if (!disks_overlap(on_top, other) || !disks_overlap(disk, on_top))
		fail_msg("a device and the one below it are taken for two devices");
	assert_true(disks_overlap(partition, volume));
	assert_false(disks_overlap(volume, other));
	assert_false(disks_overlap(volume, on_top));
}

static void expect(unsigned int maj, unsigned int min, const char *expected)
{
	_cleanup_text_ char *identity = disk_identity(makedev(maj, min));

	assert_string_equal(identity, expected);
}

static void a_disk_is_what_its_number_says(void **state)
{
	need_mounts();
	expect(8, 0, "wwid:naa.5000c500a1b2c3d4");
	expect(8, 48, "serial:S123");
	expect(8, 49, "serial:S123 part:1");
	expect(253, 2, "dm-uuid:LVM-abc");
	expect(253, 1, "dm-name:by-hand");
	expect(8, 16, "none");
	expect(8, 99, "none");
}

static void a_name_is_no_proof(void **state)
{
	assert_true(disk_identity_proves("wwid:naa.5", "wwid:naa.5"));
	assert_true(disk_identity_proves("serial:S123 part:1", "serial:S123 part:1"));
	assert_true(disk_identity_proves("none partuuid:x", "none partuuid:x"));
	assert_false(disk_identity_proves("wwid:naa.5", "wwid:naa.6"));
	assert_false(disk_identity_proves("", ""));
	assert_false(disk_identity_proves("none", "none"));
	assert_false(disk_identity_proves("none part:1", "none part:1"));
	assert_false(disk_identity_proves("dm-name:lun_a", "dm-name:lun_a"));
}

static void what_is_on_the_disk_is_copied_with_it(void **state)
{
	static const char *const copied[] = {
		"dm-uuid:LVM-abc",
		"dm-uuid:CRYPT-LUKS2-abc",
		"dm-uuid:part1-LVM-abc",
		"md-uuid:1:2",
		"dm-name:by-hand",
		"none partuuid:x",
		"none part:1",
		"none",
		"dm-uuid:LVM-abc partuuid:x",
		"",
		NULL,
	};
	static const char *const not_copied[] = {
		"wwid:naa.5",	       "serial:S123 partuuid:x",     "file:17+0:/images/db1",
		"dm-uuid:mpath-36001", "dm-uuid:part12-mpath-36001",
	};

	for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
		if (!disk_identity_is_copied(copied[i]))
			fail_msg("%s proves that a disk is no copy",
				 copied[i] ? copied[i] : "nothing");
	for (size_t i = 0; i < sizeof(not_copied) / sizeof(*not_copied); i++)
		if (disk_identity_is_copied(not_copied[i]))
			fail_msg("%s is taken for a part of the disk", not_copied[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_below_another_one_is_no_volume),
		cmocka_unit_test(what_lvm_keeps_below_a_thin_volume_is_no_disk),
		cmocka_unit_test(a_partition_of_a_held_disk_is_no_volume),
		cmocka_unit_test(a_disk_with_a_held_partition_is_no_volume),
		cmocka_unit_test(a_user_of_the_same_blocks_is_named),
		cmocka_unit_test(the_device_of_a_volume_holds_its_disk_for_the_volume),
		cmocka_unit_test(only_its_own_device_lets_a_volume_be_written_to),
		cmocka_unit_test(a_suspended_device_is_not_looked_at),
		cmocka_unit_test(a_name_of_any_length_is_listed),
		cmocka_unit_test(an_exclamation_mark_in_a_name_is_a_slash_in_the_path),
		cmocka_unit_test(a_disk_and_its_partition_overlap),
		cmocka_unit_test(a_device_overlaps_with_what_it_is_made_of),
		cmocka_unit_test(a_disk_is_what_its_number_says),
		cmocka_unit_test(a_name_is_no_proof),
		cmocka_unit_test(what_is_on_the_disk_is_copied_with_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
