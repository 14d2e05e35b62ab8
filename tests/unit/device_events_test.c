// SPDX-License-Identifier: MIT
/* sources: agent/volume/device_events.c agent/volume/growth.c agent/volume/sysfs.c agent/catalog/cluster_list.c agent/catalog/cluster.c agent/lease/lease.c */
/*
 * A look at the devices judges no cluster whose operation ended after the look began: the look may not
 * have seen a device that the operation made, and the cluster would lose its key.
 *
 * The look is held between its run and its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/catalog/cluster_list.h"
#include "agent/volume/device_events.h"

static struct {
	const struct device_work *work;
	void *job;
	unsigned int judged, looked;
} seen;

void device_thread_submit(struct device_thread *thread, const char *lane,
			  const struct device_work *work, void *job)
{
	assert_string_equal(lane, DEVICE_LANE_LOOK);
	seen.work = work;
	seen.job = job;
}

int mapper_list(struct mapping **ret, size_t *count, struct fault *f)
{
	*ret = NULL;
	*count = 0;
	return 0;
}

int mapper_events(void)
{
	return -ENODEV;
}

static void device_seen(struct cluster *cluster, const struct mapping *mappings, size_t count)
{
	seen.judged++;
}

static void looked(struct agent *agent)
{
	seen.looked++;
}

static void a_look_from_before_the_end_of_an_operation_judges_nothing(void **state)
{
	struct agent agent = { .hooks = { .device_seen = device_seen, .looked = looked } };
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	cluster_add(&agent, cluster);
	device_events_refresh(&agent);
	seen.work->run(seen.job);
	/* As the end of an operation does. */
	cluster_changed(cluster);
	device_events_refresh(&agent);
	seen.work->done(seen.job);
	assert_int_equal(seen.judged, 0);
	assert_int_equal(seen.looked, 1);
	/* The next look has begun, and knows what the operation did. */
	assert_true(agent.refreshing);
	seen.work->run(seen.job);
	seen.work->done(seen.job);
	assert_int_equal(seen.judged, 1);
	assert_false(agent.refreshing);
	cluster_remove(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_from_before_the_end_of_an_operation_judges_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
