// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/many_fixture.c agent/work/state.c agent/work/catalog_return.c agent/state_lock.c agent/last_good.c agent/work/stamp.c agent/catalog/stamps.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/volume/sysfs.c agent/work/loss_record.c agent/work/device_verdict.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c agent/catalog/places.c agent/catalog/boot_starts.c agent/work/reconcile.c agent/work/place.c agent/work/start_note.c agent/work/findings.c agent/catalog/settings.c agent/catalog/reaches.c agent/catalog/warnings.c agent/catalog/lengths.c agent/work/length.c agent/catalog/pools.c agent/work/pool.c agent/work/pool_look.c agent/catalog/snapshots.c agent/work/snapshot_removal.c agent/volume/thin_snapshot.c agent/volume/suspension.c agent/api/snapshot_json.c agent/rules/snapshot_rules.c agent/api/pool_json.c agent/api/reply.c agent/api/disk_json.c agent/volume/thin.c agent/volume/lvm.c agent/volume/program.c agent/rules/pool_rules.c */
/*
 * A thousand clusters lose their keys or their devices in one moment: the disk of the catalog is synced
 * a few times, not twice for each, so that the loop comes back to its watchdog. All keys are revoked
 * before the first write, and the header of a disk is written after the catalog.
 *
 * many_fixture.c has the agent and its stand-ins.
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

#include "many_fixture.h"

#include "agent/lease/lease.h"
#include "agent/work/device_verdict.h"
#include "agent/work/key_loss.h"
#include "agent/work/state.h"
#include "dm-envelope.h"

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
		before = many.syncs;
		assert_true(sd_event_run(agent.event, 0) >= 0);
		most = many.syncs - before > most ? many.syncs - before : most;
	} while (many.records < CLUSTERS);
	print_message("# %u denials: %u syncs, %u in one turn\n", CLUSTERS, many.syncs, most);
	assert_in_range(most, 1, SYNCS_MAX);
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	assert_int_equal(many.revoked_first, CLUSTERS);
	assert_int_equal(many.early, 0);
	assert_int_equal(agent.clusters->status, CLUSTER_RECOVERABLE);
	many_assert_saved("inaccessible-encryption-credentials-recoverable");
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
	print_message("# %u failed devices: %u syncs in one turn\n", CLUSTERS, many.syncs);
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	assert_int_equal(agent.clusters->status, CLUSTER_STOPPED);
	many_assert_saved("lease-expired");
}

/* The next agent would otherwise doubt the loss. And each would wait for the same lock. */
static void what_a_locked_catalog_does_not_take_is_stored_again(void **state)
{
	const struct fault denied = { "DisabledException", "the key is disabled" };
	char path[64];
	sqlite3 *other;

	snprintf(path, sizeof(path), "%s/catalog", many_folder);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	/* The agent waits two seconds for the lock. Once: a thousand times would take half an hour. */
	sqlite3_busy_timeout(catalog_db(agent.catalog), 10);
	for (struct cluster *c = agent.clusters; c; c = c->next)
		key_loss_denied(c, lease_now(), NULL, &denied);
	state_flush(&agent);
	assert_non_null(agent.catalog_timer);
	assert_int_equal(many_in_catalog(), 0);
	assert_int_equal(many.records, CLUSTERS);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	many.syncs = 0;
	while (agent.catalog_timer || agent.unsaved)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	print_message("# stored again: %u syncs\n", many.syncs);
	assert_true(many.syncs < CLUSTERS / 10);
	many_assert_saved("inaccessible-encryption-credentials-recoverable");
	if (many_rows("denial") != CLUSTERS)
		fail_msg("%u of %u recovery windows are stored", many_rows("denial"), CLUSTERS);
}

/* A resource id that the catalog has already. */
static void one_that_the_catalog_refuses_keeps_no_other_from_it(void **state)
{
	const struct fault denied = { "DisabledException", "the key is disabled" };

	strcpy(agent.clusters->resource_id, agent.clusters->next->resource_id);
	for (struct cluster *c = agent.clusters; c; c = c->next)
		key_loss_denied(c, lease_now(), NULL, &denied);
	state_flush(&agent);
	print_message("# one of %u is refused: %u syncs in one turn\n", CLUSTERS, many.syncs);
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	assert_int_equal(many_rows("cluster"), CLUSTERS - 1);
	assert_int_equal(many_rows("denial"), CLUSTERS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MANY(denials_in_one_moment_are_saved_together),
		WITH_MANY(failed_devices_that_one_look_finds_are_saved_together),
		WITH_MANY(what_a_locked_catalog_does_not_take_is_stored_again),
		WITH_MANY(one_that_the_catalog_refuses_keeps_no_other_from_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
