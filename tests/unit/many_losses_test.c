// SPDX-License-Identifier: MIT
/* sources: agent/work/state.c agent/work/catalog_return.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/volume/sysfs.c agent/work/loss_record.c agent/work/device_verdict.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/statement.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c */
/*
 * A thousand clusters lose their keys or their devices in one moment: the disk of the catalog is synced
 * a few times, not twice for each, so that the loop comes back to its watchdog. All keys are revoked
 * before the first write, and the header of a disk is written after the catalog.
 *
 * The test uses the real catalog and trail, and counts the syncs of their disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/catalog/cluster_list.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/lease.h"
#include "agent/lease/renewal.h"
#include "agent/volume/device_events.h"
#include "agent/volume/write_claim.h"
#include "agent/work/catalog_return.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/device_verdict.h"
#include "agent/work/fencing.h"
#include "agent/work/key_loss.h"
#include "agent/work/reconcile.h"
#include "agent/work/start_note.h"
#include "agent/work/restart.h"
#include "agent/work/state.h"
#include "dm-envelope.h"

#define CLUSTERS  1000
#define SYNCS_MAX 10

static struct {
	unsigned int syncs;
	unsigned int revoked;
	unsigned int revoked_first; /* before the first sync */
	unsigned int records;	    /* of a loss, for the disks */
	unsigned int early;	    /* of them, before the catalog had the loss */
} seen;

static struct agent agent;
static char folder[32];

static int count_sync(void)
{
	if (!seen.syncs++)
		seen.revoked_first = seen.revoked;
	return 0;
}

int fsync(int fd)
{
	return count_sync();
}

int fdatasync(int fd)
{
	return count_sync();
}

int keyring_revoke(int32_t keyring, int32_t key)
{
	seen.revoked++;
	return 0;
}

int32_t keyring_find(int32_t keyring, const char *description)
{
	return 0;
}

void restart_check(struct cluster *cluster)
{
}

void renewal_start(struct cluster *cluster, uint64_t deadline_ns, bool renewed_now)
{
}

void fencing_watch(struct cluster *cluster)
{
}

void device_events_changed(struct agent *a)
{
}

void device_events_refresh(struct agent *a)
{
}

/* No file was away: catalog_return.c takes nothing in. */
void reconcile_load_cluster(struct cluster *cluster, void *userdata)
{
}

void reconcile_load_choices(struct cluster *cluster)
{
}

void start_note(struct cluster *cluster, bool at_boot, bool read_only)
{
}

void catalog_witness(struct cluster *of, const struct fault *refusal, catalog_witness_done_t done)
{
	const struct fault none = { 0 };

	done(of, refusal, &none);
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	seen.records++;
	seen.early += !seen.syncs;
	free(job);
}

int write_claim(const char *device, dev_t number, const char *volume_id, struct fault *f)
{
	return -1;
}

json_object *kms_decrypt(const struct cluster *of, const uint8_t *wrapped, size_t size,
			 const char *header_sha256, bool dry_run)
{
	return NULL;
}

/* The second question gets no answer within this test. */
int kms_call_begin(const struct cluster *asking, const char *operation, json_object *request,
		   const char *key_arn, kms_denied_t denied, kms_worker_done_t done, void *userdata,
		   struct fault *f)
{
	fault_set(f, "KMSUnreachable", "The KMS is away.");
	return -1;
}

void kms_call_from_first(const struct cluster *cluster)
{
}

/* The KMS and the principal of the last grant. */
const char *kms_worker_kms_id(const struct kms_worker *worker)
{
	return "";
}

int64_t kms_worker_change(const struct kms_worker *worker, int64_t *newest)
{
	*newest = 0;
	return 0;
}

const char *kms_worker_endpoint(const struct kms_worker *worker)
{
	return "https://unused";
}

const char *kms_worker_principal(const struct kms_worker *worker)
{
	return "";
}

static int setup(void **state)
{
	char path[64];
	struct fault f;

	strcpy(folder, "/tmp/envelope-losses-XXXXXX");
	assert_non_null(mkdtemp(folder));
	agent = (struct agent){ .config = { .renew_seconds = 20,
					    .recovery_window_seconds = 3600,
					    .region = (char *)"us-east-1",
					    .kms_endpoint = (char *)"https://unused",
					    .max_denials = 3 } };
	snprintf(path, sizeof(path), "%s/audit", folder);
	assert_int_equal(audit_open(path, "us-east-1", "123456789012", &agent.audit, &f), 0);
	snprintf(path, sizeof(path), "%s/catalog", folder);
	assert_int_equal(catalog_open(path, &agent.catalog, &f), 0);
	assert_true(sd_event_new(&agent.event) >= 0);
	catalog_return_watch(&agent);
	for (int i = 0; i < CLUSTERS; i++) {
		struct cluster *c = calloc(1, sizeof(*c));

		snprintf(c->id, sizeof(c->id), "db%d", i);
		snprintf(c->volume_id, sizeof(c->volume_id), "vol-%017d", i);
		strcpy(c->region, "us-east-1");
		c->device = strdup("/dev/vdb");
		strcpy(c->grant.kms, "unused account ");
		snprintf(c->resource_id, sizeof(c->resource_id), "cluster-%d", i);
		c->status = CLUSTER_AVAILABLE;
		c->key = 1000 + i;
		/* At the head: the list is long. */
		c->agent = &agent;
		c->next = agent.clusters;
		agent.clusters = c;
	}
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	while (agent.clusters)
		cluster_remove(agent.clusters);
	audit_close(agent.audit);
	catalog_close(agent.catalog);
	sd_event_unref(agent.event);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void count_stored(struct cluster *cluster, void *userdata)
{
	*(unsigned int *)userdata += cluster->status == agent.clusters->status;
	cluster_free(cluster);
}

/* Clusters that the catalog has with the status that they have. */
static unsigned int count_in_catalog(void)
{
	unsigned int stored = 0;
	struct fault f;

	assert_int_equal(catalog_load(agent.catalog, count_stored, &stored, &f), 0);
	return stored;
}

static unsigned int count_windows(void)
{
	sqlite3_stmt *statement;
	unsigned int count;

	assert_int_equal(sqlite3_prepare_v2(catalog_db(agent.catalog),
					    "SELECT count(*) FROM denial", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	count = (unsigned int)sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

/* All are in the catalog with the status that they have, and each has its record. */
static void assert_saved(const char *status)
{
	unsigned int recorded = 0;
	char path[64], line[4096];
	FILE *trail;

	assert_int_equal(count_in_catalog(), CLUSTERS);
	snprintf(path, sizeof(path), "%s/audit", folder);
	trail = fopen(path, "re");
	while (fgets(line, sizeof(line), trail))
		recorded += strstr(line, "DBClusterStatusChange") && strstr(line, status);
	fclose(trail);
	assert_int_equal(recorded, CLUSTERS);
}

static int on_denial(sd_event_source *source, void *userdata)
{
	const struct fault f = { "DisabledException", "the key is disabled" };

	key_loss_denied(userdata, lease_now(), NULL, &f);
	sd_event_source_unref(source);
	return 0;
}

static void denials_in_one_moment_are_saved_together(void **state)
{
	unsigned int before, most = 0;
	sd_event_source *source;

	for (struct cluster *c = agent.clusters; c; c = c->next)
		assert_true(sd_event_add_defer(agent.event, &source, on_denial, c) >= 0);
	do {
		before = seen.syncs;
		assert_true(sd_event_run(agent.event, 0) >= 0);
		most = seen.syncs - before > most ? seen.syncs - before : most;
	} while (seen.records < CLUSTERS);
	print_message("# %u denials: %u syncs, %u in one turn\n", CLUSTERS, seen.syncs, most);
	assert_in_range(most, 1, SYNCS_MAX);
	assert_in_range(seen.syncs, 1, SYNCS_MAX);
	assert_int_equal(seen.revoked_first, CLUSTERS);
	assert_int_equal(seen.early, 0);
	assert_int_equal(agent.clusters->status, CLUSTER_RECOVERABLE);
	assert_saved("inaccessible-encryption-credentials-recoverable");
}

static void failed_devices_that_one_look_finds_are_saved_together(void **state)
{
	struct mapping *mappings = calloc(CLUSTERS, sizeof(*mappings));
	size_t n = 0;

	for (struct cluster *c = agent.clusters; c; c = c->next, n++) {
		strcpy(mappings[n].name, "envelope-db");
		memcpy(mappings[n].volume_id, c->volume_id, sizeof(c->volume_id));
		strcpy(mappings[n].reason, ENVELOPE_REASON_LEASE);
	}
	for (struct cluster *c = agent.clusters; c; c = c->next)
		device_verdict_seen(c, mappings, n);
	free(mappings);
	/* As the end of a look does. */
	state_flush(&agent);
	print_message("# %u failed devices: %u syncs in one turn\n", CLUSTERS, seen.syncs);
	assert_in_range(seen.syncs, 1, SYNCS_MAX);
	assert_int_equal(agent.clusters->status, CLUSTER_STOPPED);
	assert_saved("lease-expired");
}

/* The next agent would otherwise doubt the loss. And each would wait for the same lock. */
static void what_a_locked_catalog_does_not_take_is_stored_again(void **state)
{
	const struct fault denied = { "DisabledException", "the key is disabled" };
	char path[64];
	sqlite3 *other;

	snprintf(path, sizeof(path), "%s/catalog", folder);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	/* The agent waits two seconds for the lock. Once: a thousand times would take half an hour. */
	sqlite3_busy_timeout(catalog_db(agent.catalog), 10);
	for (struct cluster *c = agent.clusters; c; c = c->next)
		key_loss_denied(c, lease_now(), NULL, &denied);
	state_flush(&agent);
	assert_non_null(agent.catalog_timer);
	assert_int_equal(count_in_catalog(), 0);
	assert_int_equal(seen.records, CLUSTERS);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	seen.syncs = 0;
	while (agent.catalog_timer || agent.unsaved)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	print_message("# stored again: %u syncs\n", seen.syncs);
	assert_true(seen.syncs < CLUSTERS / 10);
	assert_saved("inaccessible-encryption-credentials-recoverable");
	if (count_windows() != CLUSTERS)
		fail_msg("%u of %u recovery windows are stored", count_windows(), CLUSTERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(denials_in_one_moment_are_saved_together, setup,
						teardown),
		cmocka_unit_test_setup_teardown(failed_devices_that_one_look_finds_are_saved_together,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_locked_catalog_does_not_take_is_stored_again,
						setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
