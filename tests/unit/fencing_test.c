// SPDX-License-Identifier: MIT
/* sources: agent/work/fencing.c agent/rules/owner_rules.c agent/catalog/cluster.c */
/*
 * A host that is fenced stays fenced, whatever fails after it: the disk has lost writes of that host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/catalog/cluster_list.h"
#include "agent/catalog/reservations.h"
#include "agent/lease/held_key.h"
#include "agent/volume/device_events.h"
#include "agent/volume/reservation.h"
#include "agent/work/fencing.h"
#include "agent/work/state.h"
#include "lib/header/header_owner.h"

static struct {
	int fence, stamp, take; /* what the disk answers */
	bool held;
	unsigned int fences, ends;
	struct volume_owner expected;
} disk;

int reservation_fence(const char *device, const char *host, const char *other, struct fault *f)
{
	disk.fences++;
	return disk.fence ? fault_set(f, "VolumeInUse", "that host has not reserved %s", device)
			  : 0;
}

int reservation_take(const char *device, const char *host, const char *gone,
		     struct reservation *ret, struct fault *f)
{
	*ret = (struct reservation){ .held = disk.held };
	return disk.take;
}

bool reservation_present(const char *device, const char *host, bool *lost)
{
	return false;
}

void reservation_end(const char *device, const char *host)
{
	disk.ends++;
}

int header_set_owner(const char *device, int claim, const char *volume_id,
		     const struct volume_owner *expected, struct volume_owner *owner,
		     struct fault *f)
{
	disk.expected = *expected;
	return disk.stamp ? fault_set(f, "InvalidVolumeHeader", "It cannot be written.") : 0;
}

struct cluster *cluster_find_volume(struct agent *agent, const char *volume_id)
{
	return NULL;
}

int reservations_find(struct catalog *catalog, struct cluster *cluster, struct fault *f)
{
	return 0;
}

int reservations_record(struct catalog *catalog, const char *volume_id, const char *identity,
			bool held, struct fault *f)
{
	return 0;
}

int reservations_forget(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	return 0;
}

bool disk_identity_proves(const char *stored, const char *seen)
{
	return false;
}

void held_key_drop(struct cluster *cluster)
{
}

void device_events_refresh(struct agent *agent)
{
}

void state_set_soon(struct cluster *cluster, enum cluster_status status,
		    void (*saved)(struct cluster *cluster), const char *format, ...)
{
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
}

static const struct volume_owner self = { .host = "1", .claim = 60 };

static int expel(struct volume_owner *owner, struct fault *f)
{
	fault_set(f, "VolumeInUse", "The volume belongs to another host.");
	return fencing_expel("disk", -1, "vol-1", owner, &self, f);
}

static void the_header_names_this_host_over_any_stamp_of_the_other(void **state)
{
	struct volume_owner owner = { .host = "2", .boot = "b", .time = "t", .claim = 60 };
	struct fault f;

	memset(&disk, 0, sizeof(disk));
	assert_int_equal(expel(&owner, &f), 0);
	assert_string_equal(owner.host, "1");
	assert_string_equal(disk.expected.host, "2");
	assert_string_equal(disk.expected.time, "");
}

static void a_header_that_takes_no_owner_leaves_the_other_host_fenced(void **state)
{
	struct volume_owner owner = { .host = "2", .boot = "b", .time = "t", .claim = 60 };
	struct fault f;

	memset(&disk, 0, sizeof(disk));
	disk.stamp = -1;
	assert_int_equal(expel(&owner, &f), -1);
	assert_int_equal(disk.ends, 0);
	assert_non_null(strstr(f.message, "is fenced"));
	assert_string_equal(owner.host, "2");
}

static void a_host_that_cannot_be_fenced_is_refused_with_both_reasons(void **state)
{
	struct volume_owner owner = { .host = "2" };
	struct fault f;

	memset(&disk, 0, sizeof(disk));
	disk.fence = -1;
	assert_int_equal(expel(&owner, &f), -1);
	assert_non_null(strstr(f.message, "belongs to another host"));
	assert_non_null(strstr(f.message, "has not reserved disk"));
}

static void what_a_job_holds_it_holds_until_the_end(void **state)
{
	struct volume_job job = { .fencing = true, .owner = self, .reservation.held = true };

	memset(&disk, 0, sizeof(disk));
	/* The disk does not answer. */
	assert_int_equal(fencing_reserve(&job), 0);
	assert_true(job.reservation.held);
	/* Fencing may have been turned off since the start. */
	job.fencing = job.reservation.held = false;
	fencing_end(&job);
	assert_int_equal(disk.ends, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_names_this_host_over_any_stamp_of_the_other),
		cmocka_unit_test(a_header_that_takes_no_owner_leaves_the_other_host_fenced),
		cmocka_unit_test(a_host_that_cannot_be_fenced_is_refused_with_both_reasons),
		cmocka_unit_test(what_a_job_holds_it_holds_until_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
