// SPDX-License-Identifier: MIT
/* sources: agent/api/subscriptions.c agent/audit/agent_audit.c agent/audit/agent_record.c agent/catalog/cluster.c agent/api/cluster_json.c agent/api/disk_json.c agent/volume/sysfs.c agent/lease/lease.c */
/*
 * Answers to Events. No message is larger than a client accepts. If not all records fit, the agent
 * sends the newest. The agent keeps nothing of a call whose client has disconnected.
 *
 * The test uses the real trail. A stand-in for the call notes the answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/api/reply.h"
#include "agent/api/subscriptions.h"
#include "agent/volume/device_events.h"
#include "agent/work/state.h"
#include "lib/base/json.h"

/*
 * @gone_after: the client disconnects after this number of answers; 0: never
 * @gone, @gone_userdata: called when the client disconnects
 * @last: name of the last record that was sent
 */
struct varlink_call {
	bool more;
	unsigned int gone_after;
	varlink_gone_t gone;
	void *gone_userdata;
	unsigned int answers, releases;
	size_t records, largest;
	char last[32];
};

static struct agent agent;
static char path[64];

static void take(struct varlink_call *call, json_object *params)
{
	json_object *events = NULL;
	size_t size, count;

	json_object_to_json_string_length(params, JSON_C_TO_STRING_PLAIN, &size);
	call->answers++;
	if (json_has(params, "volumes"))
		return;
	assert_true(json_object_object_get_ex(params, "events", &events));
	count = json_object_array_length(events);
	call->records += count;
	call->largest = size > call->largest ? size : call->largest;
	if (count)
		snprintf(call->last, sizeof(call->last), "%s",
			 json_get_string(json_object_array_get_idx(events, count - 1),
					 "eventName"));
}

const struct fault *catalog_trouble(const struct catalog *catalog)
{
	return NULL;
}

int varlink_reply(struct varlink_call *call, json_object *params)
{
	take(call, params);
	call->releases++;
	return 0;
}

int varlink_notify(struct varlink_call *call, json_object *params)
{
	if (call->gone_after && call->answers == call->gone_after) {
		if (call->gone)
			call->gone(call, call->gone_userdata);
		return -EPIPE;
	}
	take(call, params);
	return 0;
}

bool varlink_call_wants_more(const struct varlink_call *call)
{
	return call->more;
}

void varlink_call_on_gone(struct varlink_call *call, varlink_gone_t gone, void *userdata)
{
	call->gone = gone;
	call->gone_userdata = userdata;
}

void varlink_call_release(struct varlink_call *call)
{
	call->releases++;
}

void reply_fault(struct varlink_call *call, const struct fault *f)
{
	fail_msg("%s", f->message);
}

void device_events_refresh(struct agent *a)
{
}

void state_flush(struct agent *a)
{
}

static int setup(void **state)
{
	struct fault f;

	strcpy(path, "/tmp/streams-test-XXXXXX");
	close(mkstemp(path));
	return audit_open(path, "us-east-1", "123456789012", &agent.audit, &f);
}

static int teardown(void **state)
{
	audit_close(agent.audit);
	return unlink(path);
}

/* As large as a refused request may become: each byte of a parameter is six in JSON. */
static void write_records(unsigned int count, size_t bytes)
{
	_cleanup_json_ json_object *params = json_object_new_object();
	char *value = calloc(1, bytes + 1), name[16];

	memset(value, 1, bytes);
	json_add_string(params, "kmsKeyId", value);
	json_add_string(params, "device", value);
	for (unsigned int i = 1; i <= count; i++) {
		snprintf(name, sizeof(name), "Event%u", i);
		audit_api_call(agent.audit, name, params, 0, 1, NULL, NULL);
	}
	free(value);
}

static void small_records_come_in_parts(void **state)
{
	struct varlink_call call = { .more = true };

	write_records(450, 1);
	assert_int_equal(subscriptions_events(&agent, &call, NULL, STREAMS_EVENTS_MAX, false), 0);
	assert_int_equal(call.records, 450);
	assert_int_equal(call.answers, 3);
	assert_int_equal(call.releases, 1);
	assert_string_equal(call.last, "Event450");
}

static void no_answer_is_larger_than_a_client_takes(void **state)
{
	struct varlink_call many = { .more = true }, one = { 0 };

	write_records(300, 900000);
	assert_int_equal(subscriptions_events(&agent, &many, NULL, STREAMS_EVENTS_MAX, false), 0);
	assert_true(many.largest <= VARLINK_MESSAGE_MAX / 2);
	assert_true(many.records > 100 && many.answers > 3);
	assert_string_equal(many.last, "Event300");
	/* One answer holds the newest records that fit. */
	assert_int_equal(subscriptions_events(&agent, &one, NULL, STREAMS_EVENTS_MAX, false), 0);
	assert_int_equal(one.answers, 1);
	assert_true(one.largest <= VARLINK_MESSAGE_MAX / 2 && one.records > 10);
	assert_string_equal(one.last, "Event300");
}

/* The event loop waits for it: a trail has the records of years. */
static void the_newest_records_are_read_without_the_others(void **state)
{
	static const size_t limits[] = { 1, 2, 199, 449, 450, 451 };
	size_t expected;

	write_records(450, 20);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct varlink_call call = { .more = true };

		assert_int_equal(subscriptions_events(&agent, &call, NULL, limits[i], false), 0);
		expected = limits[i] < 450 ? limits[i] : 450;
		assert_int_equal(call.records, expected);
		assert_string_equal(call.last, "Event450");
	}
}

/* A record of the future, as a wrong clock leaves it, is found only among the newest records. */
static void a_time_is_looked_for_in_the_newest_records_only(void **state)
{
	struct varlink_call far = { .more = true }, near = { .more = true };
	FILE *trail = fopen(path, "ae");

	fputs("{\"eventTime\":\"2999-01-31T12:00:00Z\",\"eventName\":\"Ahead\"}\n", trail);
	fclose(trail);
	write_records(450, 20);
	subscriptions_events(&agent, &far, "2999-01-01T00:00:00Z", 450, false);
	assert_int_equal(far.records, 0);
	subscriptions_events(&agent, &near, "2999-01-01T00:00:00Z", 451, false);
	assert_int_equal(near.records, 1);
	assert_string_equal(near.last, "Ahead");
}

static void an_empty_trail_has_its_answer(void **state)
{
	struct varlink_call call = { .more = true };

	assert_int_equal(subscriptions_events(&agent, &call, NULL, 10, false), 0);
	assert_int_equal(call.answers, 1);
	assert_int_equal(call.records, 0);
}

static void a_call_whose_client_goes_is_released_once(void **state)
{
	write_records(450, 1);
	for (int follow = 0; follow <= 1; follow++) {
		struct varlink_call call = { .more = true, .gone_after = 1 };

		subscriptions_events(&agent, &call, NULL, STREAMS_EVENTS_MAX, follow);
		assert_int_equal(call.answers, 1);
		assert_int_equal(call.releases, 1);
		assert_null(agent.followers);
	}
}

/* @number: of the look that ends, the last one that has begun */
static void look_ends(uint64_t number)
{
	agent.look_number = number;
	subscriptions_looked(&agent);
}

static void a_status_says_nothing_from_before_its_call(void **state)
{
	struct varlink_call status = { 0 }, watch = { .more = true };

	assert_true(sd_event_new(&agent.event) >= 0);
	agent.look_number = 7;
	assert_int_equal(subscriptions_status(&agent, &status, NULL), 0);
	assert_int_equal(subscriptions_status(&agent, &watch, NULL), 0);
	/* The look that was under way has read the devices before. */
	look_ends(7);
	assert_int_equal(status.answers, 0);
	/* A change of another cluster during the next look: a watch shows it, a status need not. */
	agent.look_number = 8;
	assert_true(subscriptions_changed(&agent));
	look_ends(8);
	assert_int_equal(status.answers, 1);
	assert_int_equal(watch.answers, 0);
	look_ends(9);
	assert_int_equal(watch.answers, 1);
	look_ends(10);
	assert_int_equal(watch.answers, 1);
	subscriptions_close(&agent);
	agent.event = sd_event_unref(agent.event);
}

#define WITH_TRAIL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRAIL(small_records_come_in_parts),
		WITH_TRAIL(no_answer_is_larger_than_a_client_takes),
		WITH_TRAIL(the_newest_records_are_read_without_the_others),
		WITH_TRAIL(a_time_is_looked_for_in_the_newest_records_only),
		WITH_TRAIL(an_empty_trail_has_its_answer),
		WITH_TRAIL(a_call_whose_client_goes_is_released_once),
		cmocka_unit_test(a_status_says_nothing_from_before_its_call),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
