// SPDX-License-Identifier: MIT
/* sources: agent/lease/lease.c */
/*
 * Lease arithmetic: a lease counts from the call, not from the answer. Renewals never come in step
 * or too late. Retries back off, but never beyond the interval.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/lease/lease.h"

#define S NS_PER_S

static void deadline_counts_from_the_question(void **state)
{
	assert_int_equal(lease_deadline(100 * S, 60 * S), 160 * S);
	assert_int_equal(lease_seconds_left(160 * S, 100 * S), 60);
	assert_int_equal(lease_seconds_left(160 * S, 159 * S + 1), 0);
	assert_int_equal(lease_seconds_left(160 * S, 160 * S), 0);
	/* Never a huge number after the deadline. */
	assert_int_equal(lease_seconds_left(160 * S, 161 * S), 0);
}

static void renewal_stays_within_ten_percent(void **state)
{
	static const uint64_t intervals[] = { S, 5 * S / 3, 20 * S, 1200 * S };

	for (size_t i = 0; i < sizeof(intervals) / sizeof(*intervals); i++) {
		uint64_t renew = intervals[i], least = UINT64_MAX, most = 0;

		for (uint32_t random = 0; random < 5000; random++) {
			uint64_t delay = lease_renew_delay(renew, random * 2654435761U);

			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
		}
		assert_true(least >= renew - renew / 10);
		assert_true(most <= renew + renew / 10);
		/* The jitter uses its range, so that hosts do not call in step. */
		assert_true(least < renew - renew / 20 && most > renew + renew / 20);
	}
}

/* With the default interval, a third of the lease, the lease has time for three tries. */
static void a_lost_try_leaves_time_for_others(void **state)
{
	for (uint64_t lease = 5; lease <= 3600; lease++) {
		uint64_t renew = lease * S / 3, spent = lease_renew_delay(renew, 1000);

		for (unsigned int failures = 1; failures <= 2; failures++)
			spent += lease_retry_delay(failures, renew, lease * S - spent, 1000);
		assert_true(spent < lease * S);
	}
}

/*
 * Whole schedules with a silent KMS. A lease may be lost only if the KMS comes back right before
 * the end of the lease or later. After each try but the last, the next try comes within a quarter
 * of the rest of the lease, plus jitter, or within the first, shortest delay.
 */
static void the_end_of_a_lease_is_never_slept_through(void **state)
{
	for (uint64_t lease = 5; lease <= 3600; lease++) {
		for (uint32_t random = 0; random <= 1000; random += 100) {
			uint64_t renew = lease * S / 3, now = lease_renew_delay(renew, random);
			uint64_t first = renew / 4 < S ? renew / 4 : S;
			unsigned int failures = 0;

			while (now < lease * S) {
				uint64_t left = lease * S - now;
				uint64_t delay = lease_retry_delay(++failures, renew, left, random);

				if (delay > left / 4 * 11 / 10 + 1000 && delay > first * 11 / 10)
					fail_msg("lease of %lu s: %lu s left, next try in %lu s",
						 lease, left / S, delay / S);
				/* The tries are not too frequent either. */
				assert_true(delay >= first * 9 / 10);
				now += delay;
			}
			assert_in_range(failures, 5, 45);
		}
	}
}

/* An old fault: tries at 35, 51 and 71 s of a lease of 60 s, with the KMS back at 52 s. */
static void a_kms_that_is_back_late_is_asked_in_time(void **state)
{
	uint64_t lease = 60 * S, now = 20 * S;

	for (unsigned int failures = 1; now <= 52 * S; failures++)
		now += lease_retry_delay(failures, 20 * S, lease - now, 500);
	assert_true(now < 56 * S);
}

static void retries_back_off(void **state)
{
	uint64_t renew = 20 * S, before = 0;

	for (unsigned int failures = 1; failures < 100; failures++) {
		uint64_t delay = lease_retry_delay(failures, renew, 3600 * S, 500);

		assert_true(delay >= before);
		assert_true(delay <= renew + renew / 10);
		before = delay;
	}
	/* The first retry comes after a second, plus or minus the jitter. */
	assert_in_range(lease_retry_delay(1, renew, 40 * S, 0), 9 * S / 10, 11 * S / 10);
	assert_in_range(lease_retry_delay(2, renew, 40 * S, 500), 18 * S / 10, 22 * S / 10);
	/* With a short lease it comes sooner. */
	assert_true(lease_retry_delay(1, 2 * S, 6 * S, 1000) < S);
}

static void clock_is_the_boot_time(void **state)
{
	uint64_t first = lease_now(), second = lease_now();

	assert_true(first > 0);
	assert_true(second >= first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_counts_from_the_question),
		cmocka_unit_test(renewal_stays_within_ten_percent),
		cmocka_unit_test(a_lost_try_leaves_time_for_others),
		cmocka_unit_test(the_end_of_a_lease_is_never_slept_through),
		cmocka_unit_test(a_kms_that_is_back_late_is_asked_in_time),
		cmocka_unit_test(retries_back_off),
		cmocka_unit_test(clock_is_the_boot_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
