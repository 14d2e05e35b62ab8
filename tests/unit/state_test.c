// SPDX-License-Identifier: MIT
/* sources: agent/work/state.c agent/work/key_loss.c agent/work/loss_record.c agent/lease/held_key.c agent/catalog/catalog.c agent/catalog/statement.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/lease/lease.c agent/rules/rules.c */
/*
 * The clock ends a recovery window, but not during a start: the KMS may return the key to the
 * start, or refuse the key.
 *
 * The test uses the real catalog and trail. Stand-ins replace the kernel's keys, the device threads
 * and the timers of renewals, and count their calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/lease/keyring.h"
#include "agent/work/key_loss.h"
#include "agent/work/state.h"
#include "agent/volume/device_events.h"

static unsigned int jobs; /* given to a device thread */

int keyring_revoke(int32_t keyring, int32_t key)
{
	return 0;
}

void device_events_changed(struct agent *agent)
{
}

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	jobs++;
	free(job);
}

static void a_window_does_not_end_in_the_middle_of_a_start(void **state)
{
	struct agent agent = { .config.recovery_window_seconds = 60 };
	struct cluster cluster = {
		.agent = &agent,
		.id = "db1",
		.volume_id = "vol-0123456789abcdef0",
		.status = CLUSTER_RECOVERABLE,
		.reason = "DisabledException: it is disabled",
		.denied_since = time(NULL) - 61,
	};
	char folder[] = "/tmp/envelope-state-XXXXXX", trail[64], catalog[64], command[96];
	struct fault f;

	assert_non_null(mkdtemp(folder));
	snprintf(trail, sizeof(trail), "%s/audit", folder);
	snprintf(catalog, sizeof(catalog), "%s/catalog", folder);
	assert_int_equal(audit_open(trail, "us-east-1", "123456789012", &agent.audit, &f), 0);
	assert_int_equal(catalog_open(catalog, &agent.catalog, &f), 0);
	assert_true(sd_event_new(&agent.event) >= 0);
	agent.clusters = &cluster;

	cluster.operation = (struct operation *)&cluster; /* only compared with NULL */
	key_loss_check_window(&cluster);
	assert_int_equal(cluster.status, CLUSTER_RECOVERABLE);
	assert_int_equal(jobs, 0);
	/* The end of the start checks the window again. */
	cluster.operation = NULL;
	key_loss_check_window(&cluster);
	state_flush(&agent);
	assert_int_equal(cluster.status, CLUSTER_INACCESSIBLE);
	assert_string_equal(cluster.reason, "DisabledException: it is disabled");
	assert_int_equal(jobs, 1);

	audit_close(agent.audit);
	catalog_close(agent.catalog);
	sd_event_unref(agent.event);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_does_not_end_in_the_middle_of_a_start),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
