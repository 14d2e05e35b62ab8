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
#include "agent/lease/lease.h"
#include "agent/volume/device_events.h"
#include "agent/volume/reservation.h"
#include "agent/work/fencing.h"
#include "agent/work/state.h"
#include "lib/header/header_owner.h"

static struct {
	int fence, stamp, take; /* what the disk answers */
	bool held;
	unsigned int fences, ends;
	uint32_t claim; /* in the header after the fence */
	struct volume_owner expected, written;
} disk;

static struct {
	int result;
	struct fault *trouble;
	bool row;
	uint32_t held;
} catalog;

static uint64_t now_ns;

uint64_t lease_now(void)
{
	return now_ns;
}

const struct fault *catalog_trouble(const struct catalog *unused)
{
	return catalog.trouble;
}

int header_read(const char *device, struct volume_header *header, struct fault *f)
{
	*header = (struct volume_header){ .owner = { .host = "2", .claim = disk.claim } };
	return 0;
}

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
	disk.written = *owner;
	return disk.stamp ? fault_set(f, "InvalidVolumeHeader", "It cannot be written.") : 0;
}

struct cluster *cluster_find_volume(struct agent *agent, const char *volume_id)
{
	return NULL;
}

int reservations_find(struct catalog *unused, struct cluster *cluster, struct fault *f)
{
	cluster->reservation.held = cluster->reservation.recorded = catalog.row;
	cluster->reservation.fence_s = catalog.held > 1 ? catalog.held : 0;
	return 0;
}

int reservations_record(struct catalog *unused, const char *volume_id, const char *identity,
			uint32_t held, struct fault *f)
{
	if (catalog.result < 0)
		return fault_set(f, "CatalogUnavailable", "The disk is full.");
	catalog.row = true;
	catalog.held = held;
	return 0;
}

int reservations_forget(struct catalog *unused, const char *volume_id, struct fault *f)
{
	catalog.row = false;
	catalog.held = 0;
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

static uint64_t fence_end_ns;

static int expel(struct volume_owner *owner, struct fault *f)
{
	fault_set(f, "VolumeInUse", "The volume belongs to another host.");
	fence_end_ns = 0;
	return fencing_expel("disk", -1, "vol-1", owner, &self, &fence_end_ns, f);
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
	assert_int_equal(fence_end_ns, now_ns + 60 * NS_PER_S);
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
	assert_int_equal(fence_end_ns, 0);
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

static void a_stop_keeps_the_disk_until_the_claim_of_the_fenced_host_has_ended(void **state)
{
	struct volume_owner owner = { .host = "2", .claim = 600 };
	struct volume_job job = { .owner = self, .reservation.held = true };
	struct fault f;

	memset(&disk, 0, sizeof(disk));
	now_ns = 1000 * NS_PER_S;
	assert_int_equal(expel(&owner, &f), 0);
	assert_int_equal(disk.written.claim, 600);
	job.fence_end_ns = fence_end_ns;
	now_ns += 600 * NS_PER_S - 1;
	assert_false(fencing_end(&job));
	assert_true(job.reservation.held);
	assert_int_equal(disk.ends, 0);
	assert_int_equal(fencing_claim(0, fence_end_ns), 1);
	assert_int_equal(fencing_claim(60, fence_end_ns), 60);
	now_ns++;
	assert_true(fencing_end(&job));
	assert_false(job.reservation.held);
	assert_int_equal(disk.ends, 1);
	assert_int_equal(fencing_claim(0, fence_end_ns), 0);
}

static void a_claim_that_the_fenced_host_has_written_meanwhile_counts(void **state)
{
	struct volume_owner owner = { .host = "2", .claim = 10 };
	struct fault f;

	memset(&disk, 0, sizeof(disk));
	disk.claim = 600;
	assert_int_equal(expel(&owner, &f), 0);
	assert_int_equal(fence_end_ns, now_ns + 600 * NS_PER_S);
}

static void the_catalog_knows_of_a_fence_before_the_disk(void **state)
{
	struct fault away = { .code = "CatalogUnavailable", .message = "In memory." }, f;
	struct agent agent = { 0 };

	memset(&catalog, 0, sizeof(catalog));
	assert_int_equal(fencing_announce(&agent, "vol-1", "", 600, &f), 0);
	assert_int_equal(catalog.held, 600);
	catalog.trouble = &away;
	assert_int_equal(fencing_announce(&agent, "vol-1", "", 600, &f), -1);
	catalog.trouble = NULL;
	catalog.result = -1;
	assert_int_equal(fencing_announce(&agent, "vol-1", "", 600, &f), -1);
	assert_string_equal(f.code, "CatalogUnavailable");
	assert_non_null(strstr(f.message, "The disk is full."));
}

static void an_agent_that_begins_after_a_fence_counts_the_whole_claim(void **state)
{
	struct agent agent = { 0 };
	struct cluster cluster = { .agent = &agent };
	struct volume_job job = { .fence_s = 600, .fence_end_ns = 1600 * NS_PER_S };

	memset(&catalog, 0, sizeof(catalog));
	now_ns = 1000 * NS_PER_S;
	fencing_learn(&cluster, &job);
	assert_true(cluster.reservation.held);
	assert_int_equal(catalog.held, 600);
	/* Each change of what is known of the reservation keeps the claim. */
	cluster.reservation.recorded = false;
	fencing_note(&cluster, true);
	assert_int_equal(catalog.held, 600);
	cluster = (struct cluster){ .agent = &agent };
	now_ns = 1300 * NS_PER_S;
	fencing_load(&cluster);
	assert_int_equal(cluster.reservation.fence_end_ns, 1900 * NS_PER_S);
	/* A renewal after the claim's end: the next stop ends the reservation, and so does the next agent's. */
	now_ns = 1900 * NS_PER_S;
	cluster.reservation.known = true;
	fencing_watch(&cluster);
	assert_int_equal(cluster.reservation.fence_end_ns, 0);
	assert_int_equal(catalog.held, 1);
	fencing_note(&cluster, false);
	assert_false(catalog.row);
}

/* The other host's last claim was longer than the one that was announced. */
static void a_longer_claim_of_the_fenced_host_is_in_the_catalog(void **state)
{
	struct agent agent = { 0 };
	struct cluster cluster = { .agent = &agent };
	struct volume_job job = { .fence_s = 600, .fence_end_ns = 1900 * NS_PER_S };

	memset(&catalog, 0, sizeof(catalog));
	now_ns = 1000 * NS_PER_S;
	fencing_learn(&cluster, &job);
	assert_int_equal(catalog.held, 900);
}

static void a_host_that_was_not_fenced_keeps_no_disk_reserved(void **state)
{
	struct agent agent = { 0 };
	struct cluster cluster = { .agent = &agent };
	struct volume_job job = { .fence_s = 600 };
	struct fault f;

	memset(&catalog, 0, sizeof(catalog));
	assert_int_equal(fencing_announce(&agent, "vol-1", "", 600, &f), 0);
	fencing_learn(&cluster, &job);
	assert_false(catalog.row);
	assert_int_equal(cluster.reservation.fence_end_ns, 0);
	/* An earlier fence counts on. */
	cluster.reservation.held = true;
	cluster.reservation.fence_s = 60;
	cluster.reservation.fence_end_ns = now_ns + 60 * NS_PER_S;
	job = (struct volume_job){ .fence_s = 600,
				   .fence_end_ns = cluster.reservation.fence_end_ns };
	assert_int_equal(fencing_announce(&agent, "vol-1", "", 600, &f), 0);
	fencing_learn(&cluster, &job);
	assert_int_equal(catalog.held, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_names_this_host_over_any_stamp_of_the_other),
		cmocka_unit_test(a_header_that_takes_no_owner_leaves_the_other_host_fenced),
		cmocka_unit_test(a_host_that_cannot_be_fenced_is_refused_with_both_reasons),
		cmocka_unit_test(what_a_job_holds_it_holds_until_the_end),
		cmocka_unit_test(
			a_stop_keeps_the_disk_until_the_claim_of_the_fenced_host_has_ended),
		cmocka_unit_test(a_claim_that_the_fenced_host_has_written_meanwhile_counts),
		cmocka_unit_test(the_catalog_knows_of_a_fence_before_the_disk),
		cmocka_unit_test(an_agent_that_begins_after_a_fence_counts_the_whole_claim),
		cmocka_unit_test(a_longer_claim_of_the_fenced_host_is_in_the_catalog),
		cmocka_unit_test(a_host_that_was_not_fenced_keeps_no_disk_reserved),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
