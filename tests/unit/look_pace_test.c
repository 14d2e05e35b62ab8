// SPDX-License-Identifier: MIT
/* sources: agent/volume/look_pace.c */
/* When a look at the disks follows events: soon after a first one, rarely when they have no end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/volume/look_pace.h"

#define MS 1000000ULL
#define S  (1000 * MS)

static void steady_events_give_ever_fewer_looks_up_to_a_bound(void **state)
{
	static const uint64_t expected[] = { 500 * MS, 1 * S,  2 * S,  4 * S,
					     8 * S,    16 * S, 30 * S, 30 * S };
	struct look_pace pace = { 0 };
	uint64_t now = 5 * S;

	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		uint64_t look = now + look_pace_event(&pace, now, false);

		assert_int_equal(look - now, expected[i]);
		/* The look sees what these events are about. */
		for (now += 10 * MS; now < look; now += 10 * MS)
			assert_int_equal(look_pace_event(&pace, now, true), 0);
	}
}

static void after_a_quiet_time_an_event_is_a_first_one(void **state)
{
	struct look_pace pace = { 0 };
	uint64_t now = 0;

	for (int i = 0; i < 20; i++)
		look_pace_event(&pace, now += S, false);
	now += LOOK_PACE_QUIET_NS - 1;
	assert_int_equal(look_pace_event(&pace, now, false), LOOK_PACE_MOST_NS);
	/* The quiet time counts from the last event, also from one whose look was due. */
	look_pace_event(&pace, now += 20 * S, true);
	assert_int_equal(look_pace_event(&pace, now += 20 * S, false), LOOK_PACE_MOST_NS);
	now += LOOK_PACE_QUIET_NS;
	assert_int_equal(look_pace_event(&pace, now, false), LOOK_PACE_FIRST_NS);
	assert_int_equal(look_pace_event(&pace, now + S, false), 2 * LOOK_PACE_FIRST_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_events_give_ever_fewer_looks_up_to_a_bound),
		cmocka_unit_test(after_a_quiet_time_an_event_is_a_first_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
