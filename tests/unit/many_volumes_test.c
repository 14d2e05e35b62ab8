// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/many_fixture.c agent/work/state.c agent/work/catalog_return.c agent/state_lock.c agent/last_good.c agent/work/stamp.c agent/catalog/stamps.c agent/work/key_loss.c agent/work/denial_count.c agent/work/recovery_window.c agent/catalog/denials.c agent/volume/sysfs.c agent/work/loss_record.c agent/work/device_verdict.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/catalog_file.c agent/catalog/catalog_gone.c agent/catalog/statement.c agent/catalog/cluster_list.c agent/catalog/grants.c agent/lease/grant.c agent/lease/newest_change.c agent/catalog/kms_changes.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c agent/catalog/protections.c agent/catalog/places.c agent/catalog/boot_starts.c agent/work/reconcile.c agent/work/place.c agent/work/start_note.c agent/work/findings.c agent/catalog/settings.c agent/catalog/reaches.c agent/catalog/warnings.c agent/catalog/lengths.c agent/work/length.c agent/catalog/pools.c agent/work/pool.c agent/work/pool_look.c agent/catalog/snapshots.c agent/work/snapshot_removal.c agent/volume/thin_snapshot.c agent/volume/suspension.c agent/api/snapshot_json.c agent/rules/snapshot_rules.c agent/api/pool_json.c agent/api/reply.c agent/api/disk_json.c agent/volume/thin.c agent/volume/lvm.c agent/volume/program.c agent/rules/pool_rules.c */
/*
 * A look at the disks finds a thousand volumes, or the catalog comes back with a thousand clusters: the
 * disk of the catalog is synced a few times, not twice for each volume, so that the loop comes back to
 * its watchdog.
 *
 * many_fixture.c has the agent and its stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "many_fixture.h"

#include "agent/work/catalog_return.h"
#include "agent/work/reconcile.h"
#include "agent/work/start_note.h"
#include "agent/work/state.h"

/* A look at the disks, and what it leaves for the next turn. */
static void look(const char *on)
{
	many_disk = on;
	reconcile_scan(&agent);
	while (agent.unsaved)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	print_message("# %u volumes in a look: %u syncs\n", CLUSTERS, many.syncs);
}

/* The catalog is lost. The place and the grant of each volume are in tables of their own. */
static void volumes_that_one_look_takes_in_are_saved_together(void **state)
{
	many_forget();
	look("disk");
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	many_assert_saved("found: ");
	assert_int_equal(many_rows("place WHERE disk LIKE 'disk-%'"), CLUSTERS);
	assert_int_equal(many_rows("kms_grant WHERE kms = 'unused account '"), CLUSTERS);
	assert_int_equal(many_rows("protection"), CLUSTERS);
}

/* The catalog of an older agent has no identity of a disk, and not which KMS gave a key. */
static void what_one_look_learns_of_known_volumes_is_saved_together(void **state)
{
	for (struct cluster *c = agent.clusters; c; c = c->next)
		c->grant.kms[0] = 0;
	look("disk");
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	assert_int_equal(many_rows("place WHERE disk LIKE 'disk-%'"), CLUSTERS);
	assert_int_equal(many_rows("kms_grant WHERE kms = 'unused account '"), CLUSTERS);
}

/* A folder is where the file was: the agent has an empty catalog in memory. */
static void move_catalog_away(const char *path, const char *away)
{
	struct fault f;

	catalog_close(agent.catalog);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(catalog_open(path, &agent.catalog, &f), 0);
	catalog_return_watch(&agent);
	assert_non_null(agent.catalog_timer);
}

/*
 * Without the file a look has taken copies of the disks for the volumes, and each was started. The file
 * counts for the disk and for the grant, the start for how the cluster was started.
 */
static void a_file_that_was_away_gets_all_starts_together_and_keeps_its_disks(void **state)
{
	char path[64], away[80];

	snprintf(path, sizeof(path), "%s/catalog", many_folder);
	snprintf(away, sizeof(away), "%s.away", path);
	for (struct cluster *c = agent.clusters; c; c = c->next)
		strcpy(c->grant.principal, "AKIAOLD");
	look("disk");
	move_catalog_away(path, away);
	many_forget();
	look("copy");
	for (struct cluster *c = agent.clusters; c; c = c->next) {
		start_note(c, true, false);
		state_set_soon(c, CLUSTER_AVAILABLE, NULL, "%s", "");
	}
	state_flush(&agent);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rename(away, path), 0);
	many.syncs = 0;
	while (agent.catalog_timer || agent.unsaved)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	print_message("# a file comes back: %u syncs\n", many.syncs);
	assert_in_range(many.syncs, 1, SYNCS_MAX);
	assert_int_equal(many_in_catalog(), CLUSTERS);
	assert_int_equal(many_rows("boot WHERE at_boot = 1"), CLUSTERS);
	if (many_rows("place WHERE disk LIKE 'copy-%'"))
		fail_msg("a copy has replaced the disk that the file knows");
	assert_int_equal(many_rows("place WHERE disk LIKE 'disk-%'"), CLUSTERS);
	assert_int_equal(many_rows("kms_grant WHERE access_key = 'AKIAOLD'"), CLUSTERS);
}

/* The file is lost under the agent, which knows all that the file had. */
static void a_new_file_gets_all_that_the_agent_knows(void **state)
{
	char path[64], away[80];

	snprintf(path, sizeof(path), "%s/catalog", many_folder);
	snprintf(away, sizeof(away), "%s.away", path);
	look("disk");
	for (struct cluster *c = agent.clusters; c; c = c->next) {
		c->allow_discards = true;
		strcpy(c->reach.profile, "own");
		c->restart.at_boot = true;
		c->restart.unsaved = false;
		strcpy(c->stamp.host, "this");
		strcpy(c->stamp.time, "2026-11-30T04:00:00Z");
	}
	move_catalog_away(path, away);
	assert_int_equal(rmdir(path), 0);
	while (agent.catalog_timer || agent.unsaved)
		assert_true(sd_event_run(agent.event, UINT64_MAX) >= 0);
	assert_int_equal(many_in_catalog(), CLUSTERS);
	assert_int_equal(many_rows("place WHERE disk LIKE 'disk-%'"), CLUSTERS);
	assert_int_equal(many_rows("stamp WHERE time = '2026-11-30T04:00:00Z'"), CLUSTERS);
	assert_int_equal(many_rows("setting WHERE allow_discards = 1"), CLUSTERS);
	assert_int_equal(many_rows("reach WHERE profile = 'own'"), CLUSTERS);
	assert_int_equal(many_rows("boot WHERE at_boot = 1"), CLUSTERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MANY(volumes_that_one_look_takes_in_are_saved_together),
		WITH_MANY(what_one_look_learns_of_known_volumes_is_saved_together),
		WITH_MANY(a_file_that_was_away_gets_all_starts_together_and_keeps_its_disks),
		WITH_MANY(a_new_file_gets_all_that_the_agent_knows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
