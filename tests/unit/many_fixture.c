// SPDX-License-Identifier: MIT
/* See many_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "many_fixture.h"

#include "agent/catalog/cluster_list.h"
#include "agent/lease/keyring.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/renewal.h"
#include "agent/volume/device_events.h"
#include "agent/volume/locate.h"
#include "agent/volume/scan.h"
#include "agent/volume/write_claim.h"
#include "agent/work/catalog_return.h"
#include "agent/work/catalog_witness.h"
#include "agent/work/fencing.h"
#include "agent/work/findings.h"
#include "agent/work/left_reservation.h"
#include "agent/work/ownership.h"
#include "agent/work/plain_claim.h"
#include "agent/work/rebuild.h"
#include "agent/work/path_look.h"
#include "agent/work/release.h"
#include "agent/work/restart.h"
#include "agent/work/resume.h"

struct many many;
struct agent agent;
char many_folder[32];
const char *many_disk;

static int count_sync(void)
{
	if (!many.syncs++)
		many.revoked_first = many.revoked;
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
	many.revoked++;
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

void catalog_witness(struct cluster *of, const struct fault *refusal, catalog_witness_done_t done)
{
	const struct fault none = { 0 };

	done(of, refusal, &none);
}

void path_looks(struct agent *a, const struct path_looks_end *end, void *data)
{
	for (struct cluster *c = a->clusters; c; c = c->next)
		c->at_path = makedev(1, 3);
	end->then(data);
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	if (!strcmp(lane, DEVICE_LANE_SCAN)) {
		work->run(job);
		work->done(job);
		return;
	}
	many.records++;
	many.early += !many.syncs;
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

/* ---- a look at the disks ---- */

void fencing_note(struct cluster *cluster, bool held)
{
}

void fencing_load(struct cluster *cluster)
{
}

void release_await(struct cluster *cluster)
{
}

void left_reservation_end(struct agent *of)
{
}

void resume_interrupted(struct agent *of)
{
}

void restart_disk_found(struct cluster *cluster)
{
}

void plain_claim_start(struct cluster *cluster)
{
}

bool rebuild_is_due(const struct scan_job *job)
{
	return false;
}

void rebuild_look(struct agent *of)
{
}

int ownership_check(struct agent *of, const struct volume_header *header, bool take_over,
		    struct fault *f)
{
	return 0;
}

bool disk_identity_proves(const char *stored, const char *seen)
{
	return stored && !strcmp(stored, seen);
}

bool locate_is_older_copy(const char *disk, const char *seen, const struct volume_owner *owner,
			  const struct volume_owner *stamp)
{
	return false;
}

int mapper_list(struct mapping **ret, size_t *count, struct fault *f)
{
	*count = 0;
	return 0;
}

size_t scan_volumes(const char *volume_id, struct scanned **ret, json_object *unreadable)
{
	*ret = calloc(CLUSTERS, sizeof(**ret));
	for (int i = 0; i < CLUSTERS; i++) {
		struct scanned *v = &(*ret)[i];

		v->number = makedev(1, 3);
		assert_true(asprintf(&v->device, "/dev/null") > 0);
		assert_true(asprintf(&v->disk, "%s-%d", many_disk, i) > 0);
		snprintf(v->header.cluster_id, sizeof(v->header.cluster_id), "db%d", i);
		snprintf(v->header.volume_id, sizeof(v->header.volume_id), "vol-%017d", i);
		snprintf(v->header.db_cluster_resource_id, sizeof(v->header.db_cluster_resource_id),
			 "cluster-%d", i);
		strcpy(v->header.kms, "unused account ");
	}
	return CLUSTERS;
}

void scan_free(struct scanned *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].device);
		free(list[i].disk);
	}
	free(list);
}

void device_events_changed(struct agent *a)
{
}

void device_events_refresh(struct agent *a)
{
}

/* ---- the agent ---- */

int many_set_up(void **state)
{
	char path[64];
	struct fault f;

	strcpy(many_folder, "/tmp/envelope-losses-XXXXXX");
	assert_non_null(mkdtemp(many_folder));
	agent = (struct agent){ .state_lock = -1,
				.config = { .renew_seconds = 20,
					    .recovery_window_seconds = 3600,
					    .region = (char *)"us-east-1",
					    .kms_endpoint = (char *)"https://unused",
					    .max_denials = 3 } };
	snprintf(path, sizeof(path), "%s/audit", many_folder);
	assert_int_equal(audit_open(path, "us-east-1", "123456789012", &agent.audit, &f), 0);
	snprintf(path, sizeof(path), "%s/catalog", many_folder);
	assert_int_equal(catalog_open(path, &agent.catalog, &f), 0);
	assert_true(sd_event_new(&agent.event) >= 0);
	catalog_return_watch(&agent);
	for (int i = 0; i < CLUSTERS; i++) {
		struct cluster *c = calloc(1, sizeof(*c));

		snprintf(c->id, sizeof(c->id), "db%d", i);
		strcpy(c->key_arn, "arn:aws:kms:us-east-1:123456789012:key/1");
		snprintf(c->volume_id, sizeof(c->volume_id), "vol-%017d", i);
		strcpy(c->region, "us-east-1");
		c->device = strdup("/dev/null");
		strcpy(c->grant.kms, "unused account ");
		snprintf(c->resource_id, sizeof(c->resource_id), "cluster-%d", i);
		c->status = CLUSTER_AVAILABLE;
		c->key = 1000 + i;
		/* At the head: the list is long. */
		c->agent = &agent;
		c->next = agent.clusters;
		agent.clusters = c;
	}
	memset(&many, 0, sizeof(many));
	return 0;
}

void many_forget(void)
{
	while (agent.clusters)
		cluster_remove(agent.clusters);
}

int many_tear_down(void **state)
{
	char command[64];

	many_forget();
	findings_forget(&agent);
	audit_close(agent.audit);
	catalog_close(agent.catalog);
	agent.catalog_look = sd_event_source_disable_unref(agent.catalog_look);
	sd_event_unref(agent.event);
	snprintf(command, sizeof(command), "rm -r %s", many_folder);
	return system(command);
}

static void count_stored(struct cluster *cluster, void *userdata)
{
	*(unsigned int *)userdata += cluster->status == agent.clusters->status;
	cluster_free(cluster);
}

/* Clusters that the catalog has with the status that they have. */
unsigned int many_in_catalog(void)
{
	unsigned int stored = 0;
	struct fault f;

	assert_int_equal(catalog_load(agent.catalog, count_stored, &stored, &f), 0);
	return stored;
}

/* Rows of the catalog. @which: "denial", or a table and a WHERE */
unsigned int many_rows(const char *which)
{
	sqlite3_stmt *statement;
	unsigned int count;
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", which);
	assert_int_equal(sqlite3_prepare_v2(catalog_db(agent.catalog), sql, -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	count = (unsigned int)sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

/* All are in the catalog with the status that they have, and each has its record. */
void many_assert_saved(const char *status)
{
	unsigned int recorded = 0;
	char path[64], line[4096];
	FILE *trail;

	assert_int_equal(many_in_catalog(), CLUSTERS);
	snprintf(path, sizeof(path), "%s/audit", many_folder);
	trail = fopen(path, "re");
	while (fgets(line, sizeof(line), trail))
		recorded += strstr(line, "DBClusterStatusChange") && strstr(line, status);
	fclose(trail);
	assert_int_equal(recorded, CLUSTERS);
}

char *mapper_path(const char *name)
{
	return NULL;
}
