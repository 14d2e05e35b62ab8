// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/write_protection.c agent/volume/mapper.c agent/volume/mapper_list.c agent/volume/udev_wait.c */
/*
 * What the agent asks device mapper, with a libdevmapper of the test's own: it is never given the
 * table of a device that is not its own, and each buffer of libdevmapper is wiped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libdevmapper.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/volume/mapper.h"
#include "write_protection.h"

struct dm_task {
	int type;
	char name[128];
	bool secure, read_only;
};

static char there[16] = "envelope-db1"; /* a device of this name */
static const char *there_uuid = "";
static bool suspended;
static bool plain; /* there is a linear device */
static char last_target[32];
static bool without_table; /* as after 'dmsetup remove --force' */
static unsigned int removals;
static unsigned int unwiped, foreign_tables, read_only_devices, devices, reloads, resumes;
static unsigned int refused_resumes;
static bool refused;
static char last_table[512];
static struct fault fault; /* of load() */

static mode_t left_there; /* what is at the path of the device; 0 for nothing */

int stat(const char *restrict path, struct stat *restrict st)
{
	if (strcmp(path, "/dev/mapper/envelope-db1") != 0)
		return fstatat(AT_FDCWD, path, st, 0);
	*st = (struct stat){ .st_mode = left_there };
	return left_there ? 0 : -1;
}

static bool is_ours(const char *name)
{
	return !strcmp(name, "envelope-db1") && !without_table;
}

struct dm_task *dm_task_create(int type)
{
	struct dm_task *task = calloc(1, sizeof(*task));

	task->type = type;
	return task;
}

void dm_task_destroy(struct dm_task *task)
{
	free(task);
}

int dm_task_secure_data(struct dm_task *task)
{
	task->secure = true;
	return 1;
}

int dm_task_set_name(struct dm_task *task, const char *name)
{
	snprintf(task->name, sizeof(task->name), "%s", name);
	return 1;
}

int dm_task_set_uuid(struct dm_task *task, const char *uuid)
{
	return 1;
}

int dm_task_set_ro(struct dm_task *task)
{
	task->read_only = true;
	return 1;
}

int dm_task_skip_lockfs(struct dm_task *task)
{
	return 1;
}

int dm_task_no_flush(struct dm_task *task)
{
	return 1;
}

/* The real one asks for the names of devices only, with requests of its own. */
int dm_mknodes(const char *name)
{
	return 1;
}

int dm_task_set_cookie(struct dm_task *task, uint32_t *cookie, uint16_t flags)
{
	return 1;
}

int dm_task_add_target(struct dm_task *task, uint64_t start, uint64_t size, const char *target,
		       const char *params)
{
	snprintf(last_table, sizeof(last_table), "%s", params);
	snprintf(last_target, sizeof(last_target), "%s", target);
	return 1;
}

int dm_task_run(struct dm_task *task)
{
	unwiped += !task->secure;
	foreign_tables += task->type == DM_DEVICE_TABLE && !is_ours(task->name);
	devices += task->type == DM_DEVICE_CREATE;
	read_only_devices += task->type == DM_DEVICE_CREATE && task->read_only;
	reloads += task->type == DM_DEVICE_RELOAD;
	resumes += task->type == DM_DEVICE_RESUME;
	removals += task->type == DM_DEVICE_REMOVE;
	if (task->type == DM_DEVICE_CREATE || task->type == DM_DEVICE_RELOAD)
		return !refused;
	return task->type != DM_DEVICE_RESUME || resumes > refused_resumes;
}

int dm_task_get_info(struct dm_task *task, struct dm_info *info)
{
	*info = (struct dm_info){ .exists = !strcmp(task->name, there),
				  .suspended = suspended,
				  .major = 253,
				  .minor = 1 };
	return 1;
}

const char *dm_task_get_uuid(const struct dm_task *task)
{
	return there_uuid;
}

int dm_task_get_errno(struct dm_task *task)
{
	return 0;
}

int dm_udev_wait(uint32_t cookie)
{
	return 1;
}

void dm_task_update_nodes(void)
{
}

int dm_task_retry_remove(struct dm_task *task)
{
	return 1;
}

int dm_device_has_holders(uint32_t major, uint32_t minor)
{
	return 0;
}

int dm_device_has_mounted_fs(uint32_t major, uint32_t minor)
{
	return 0;
}

void *dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
			 char **target, char **params)
{
	static char table[] =
		"aes-xts-plain64 :64:envelope:dm-envelope:vol-0123456789abcdef0 0 8:0 2048";
	static char status[] = "live - 60 xts-aes-aesni 0 0 0 0 0 0 60";
	static char key[] = "aes-xts-plain64 00112233445566778899aabbccddeeff 0 8:16 0";
	static char none[] = "", crypt[] = "crypt", envelope[] = "envelope";
	static char linear[] = "linear", stretch[] = "8:0 2048";
	bool ours = is_ours(task->name);

	if (ours && plain) {
		*target = linear;
		*params = task->type == DM_DEVICE_TABLE ? stretch : none;
		return NULL;
	}
	*target = ours ? envelope : crypt;
	if (task->type == DM_DEVICE_TABLE)
		*params = ours ? table : key;
	else
		*params = ours ? status : none;
	return NULL;
}

/* Two devices: a dm-crypt device of another program, and a volume's. */
struct dm_names *dm_task_get_names(struct dm_task *task)
{
	static union {
		struct dm_names names;
		char bytes[128];
	} first, *second;
	static char buffer[2 * sizeof(first)] __attribute__((aligned(8)));

	second = (void *)(buffer + sizeof(first));
	first.names = (struct dm_names){ .dev = 1, .next = sizeof(first) };
	memcpy(buffer, &first, sizeof(first));
	strcpy(((struct dm_names *)(void *)buffer)->name, "luks-root");
	second->names = (struct dm_names){ .dev = 2 };
	strcpy(second->names.name, "envelope-db1");
	return (void *)buffer;
}

static void no_key_of_another_program_is_asked_for(void **state)
{
	struct mapping *list = NULL;
	size_t count = 0;
	struct fault f;

	foreign_tables = 0;
	assert_int_equal(mapper_list(&list, &count, &f), 0);
	if (foreign_tables)
		fail_msg("the table of a dm-crypt device was asked for");
	assert_int_equal(count, 1);
	assert_string_equal(list->name, "envelope-db1");
	assert_string_equal(list->volume_id, "vol-0123456789abcdef0");
	free(list);
}

static void the_target_tells_a_volumes_device(void **state)
{
	foreign_tables = 0;
	assert_true(mapper_is_mapping("envelope-db1"));
	assert_false(mapper_is_mapping("luks-root"));
	assert_int_equal(foreign_tables, 0);
}

/* @make: mapper_create() or mapper_reload(). Returns what it returns. */
static int load(int (*make)(const struct device_table *table, struct fault *f), bool read_only,
		bool allow_discards)
{
	const struct volume_header header = { .volume_id = "vol-0123456789abcdef0",
					      .data_offset = 2048,
					      .plain = plain };
	struct device_table table = { .name = "envelope-db1",
				      .header = &header,
				      .device = "/dev/loop0",
				      .read_only = read_only,
				      .allow_discards = allow_discards,
				      .description = "dm-envelope:vol-0123456789abcdef0" };
	struct stat st;

	if (stat("/dev/loop0", &st) < 0 || !S_ISBLK(st.st_mode))
		skip();
	table.number = st.st_rdev;
	return make(&table, &fault);
}

/* The uuid tells the linear device of a volume from that of another program. */
static void a_plain_volume_is_a_linear_device_with_our_uuid(void **state)
{
	char expected[64];
	struct mapping m;
	struct stat st;

	plain = true;
	foreign_tables = 0;
	for (int i = 0; i < 3; i++) {
		there_uuid = i == 0   ? "LVM-abcdefghijklmnopqrstuvwxyz"
			     : i == 1 ? "ENVELOPE-vol-short"
				      : "ENVELOPE-vol-0123456789abcdef0";
		assert_int_equal(mapper_find("envelope-db1", &m), i == 2);
	}
	assert_true(m.plain && m.live && m.allow_discards);
	assert_string_equal(m.volume_id, "vol-0123456789abcdef0");
	assert_int_equal(m.start, 2048);
	if (stat("/dev/loop0", &st) == 0 && S_ISBLK(st.st_mode)) {
		assert_int_equal(load(mapper_create, false, true), 0);
		snprintf(expected, sizeof(expected), "%u:%u 2048", major(st.st_rdev),
			 minor(st.st_rdev));
		assert_string_equal(last_target, "linear");
		assert_string_equal(last_table, expected);
	}
	there_uuid = "";
	plain = false;
	assert_int_equal(load(mapper_create, false, false), 0);
	assert_string_equal(last_target, "envelope");
}

static void a_write_protected_disk_gets_a_read_only_device(void **state)
{
	devices = read_only_devices = 0;
	assert_int_equal(load(mapper_create, false, false), 0);
	assert_int_equal(read_only_devices, 0);
	assert_int_equal(load(mapper_create, true, false), 0);
	assert_int_equal(devices, 2);
	if (read_only_devices != 1)
		fail_msg("the device can be written to");
}

static void a_file_at_the_path_is_not_taken_for_the_device(void **state)
{
	devices = 0;
	left_there = S_IFREG | 0644;
	if (load(mapper_create, false, false) != -1)
		fail_msg("the cluster's data would be written into a file");
	assert_string_equal(fault.code, "InvalidDBClusterStateFault");
	assert_non_null(strstr(fault.message, "/dev/mapper/envelope-db1 is not a device"));
	assert_int_equal(devices, 0);
	left_there = S_IFBLK | 0600;
	assert_int_equal(load(mapper_create, false, false), 0);
	left_there = 0;
}

static void a_disk_that_is_protected_by_then_is_named(void **state)
{
	refused = true;
	assert_int_equal(load(mapper_create, false, false), -1);
	assert_null(strstr(fault.message, "write-protected"));
	disks_protected = true;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(load(i ? mapper_reload : mapper_create, false, false), -1);
		if (!strstr(fault.message, "/dev/loop0 is write-protected."))
			fail_msg("%s", fault.message);
		/* The protection is no reason to refuse a read-only device. */
		assert_int_equal(load(i ? mapper_reload : mapper_create, true, false), -1);
		assert_null(strstr(fault.message, "write-protected"));
	}
	refused = disks_protected = false;
}

static void a_table_has_discards_only_if_asked_for(void **state)
{
	assert_int_equal(load(mapper_create, false, false), 0);
	if (strstr(last_table, "discards"))
		fail_msg("unasked: %s", last_table);
	assert_int_equal(load(mapper_create, false, true), 0);
	assert_non_null(strstr(last_table, " 2 sector_size:"));
	assert_non_null(strstr(last_table, " allow_discards"));
}

static void a_refused_table_leaves_no_device_suspended(void **state)
{
	resumes = reloads = 0;
	assert_int_equal(load(mapper_reload, false, true), 0);
	assert_int_equal(reloads, 1);
	assert_int_equal(resumes, 1);
	resumes = 0;
	refused_resumes = 1;
	assert_int_equal(load(mapper_reload, false, true), -1);
	refused_resumes = 0;
	if (resumes != 2)
		fail_msg("the device is suspended");
}

static void a_device_that_somebody_has_suspended_stays_so(void **state)
{
	resumes = reloads = 0;
	suspended = true;
	if (load(mapper_reload, false, true) != -1 || reloads || resumes)
		fail_msg("the device goes on while somebody holds it");
	assert_string_equal(fault.code, "InvalidDBClusterStateFault");
	assert_non_null(strstr(fault.message, "dmsetup resume envelope-db1"));
	suspended = false;
	assert_int_equal(load(mapper_reload, false, true), 0);
}

/* libdevmapper gives no errno for it. */
static void a_name_that_is_taken_is_named(void **state)
{
	refused = true;
	assert_int_equal(load(mapper_create, false, false), -1);
	if (!strstr(fault.message, "name envelope-db1 is taken"))
		fail_msg("%s", fault.message);
	there[0] = 0;
	assert_int_equal(load(mapper_create, false, false), -1);
	if (strstr(fault.message, "is taken"))
		fail_msg("%s", fault.message);
	strcpy(there, "envelope-db1");
	refused = false;
}

static void what_is_left_of_the_volumes_device_is_removed(void **state)
{
	removals = 0;
	assert_int_equal(load(mapper_create, false, false), 0);
	assert_int_equal(removals, 0);
	without_table = true;
	assert_int_equal(load(mapper_create, false, false), 0);
	if (removals)
		fail_msg("a device of another program is removed");
	there_uuid = "ENVELOPE-vol-0123456789abcdef0";
	assert_int_equal(load(mapper_create, false, false), 0);
	if (removals != 1)
		fail_msg("what is left of the volume's device keeps its name");
	without_table = false;
	assert_int_equal(load(mapper_create, false, false), 0);
	if (removals != 1)
		fail_msg("the device of a volume is removed");
	there_uuid = "";
}

static void every_buffer_is_wiped(void **state)
{
	struct fault f;

	assert_int_equal(mapper_init(&f), 0);
	assert_int_equal(mapper_remove("envelope-db1", &f), 0);
	if (unwiped)
		fail_msg("%u requests left their buffers as they were", unwiped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_of_another_program_is_asked_for),
		cmocka_unit_test(the_target_tells_a_volumes_device),
		cmocka_unit_test(a_plain_volume_is_a_linear_device_with_our_uuid),
		cmocka_unit_test(a_write_protected_disk_gets_a_read_only_device),
		cmocka_unit_test(a_file_at_the_path_is_not_taken_for_the_device),
		cmocka_unit_test(a_disk_that_is_protected_by_then_is_named),
		cmocka_unit_test(a_table_has_discards_only_if_asked_for),
		cmocka_unit_test(a_refused_table_leaves_no_device_suspended),
		cmocka_unit_test(a_device_that_somebody_has_suspended_stays_so),
		cmocka_unit_test(a_name_that_is_taken_is_named),
		cmocka_unit_test(what_is_left_of_the_volumes_device_is_removed),
		cmocka_unit_test(every_buffer_is_wiped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
