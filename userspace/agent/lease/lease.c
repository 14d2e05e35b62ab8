// SPDX-License-Identifier: MIT
/*
 * Computes deadlines of leases and delays of renewals. renewal.c makes the renewals.
 *
 * Must never look at a clock except in lease_now() and lease_random().
 */
#include "agent/lease/lease.h"

#include <sys/random.h>
#include <time.h>

/** lease_now() - CLOCK_BOOTTIME in nanoseconds */
uint64_t lease_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/** lease_random() - any number, for the jitter of delays */
uint32_t lease_random(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (uint32_t)lease_now();
	return number;
}

/**
 * lease_deadline() - end of the lease that an answer of the KMS allows
 * @asked_ns: time of the call to the KMS. The time of the answer would give too long a lease: the
 *	KMS may have decided right after the call.
 * @lease_ns: length of a lease
 */
uint64_t lease_deadline(uint64_t asked_ns, uint64_t lease_ns)
{
	return asked_ns + lease_ns;
}

/* 90 % to 110 % of @ns. */
static uint64_t jitter(uint64_t ns, uint32_t random)
{
	return ns - ns / 10 + (ns / 5) / 1000 * (random % 1001);
}

/**
 * lease_renew_delay() - how long to wait after a successful renewal
 * @renew_ns: the configured interval
 * @random: any number; moves the result by up to 10 % either way, so that the volumes of a host
 *	and the hosts of a site do not call in step
 */
uint64_t lease_renew_delay(uint64_t renew_ns, uint32_t random)
{
	return jitter(renew_ns, random);
}

/**
 * lease_retry_delay() - how long to wait after a renewal without a verdict
 * @failures: in a row, at least 1
 * @renew_ns: the configured interval, and the longest wait
 * @left_ns: rest of the lease
 * @random: jitter as in lease_renew_delay()
 *
 * The first delay is a quarter of the interval, but at most one second. Each next delay is twice as
 * long, up to the interval. Each delay after the first is also at most a quarter of the rest of the
 * lease. The retries therefore become more frequent near the end of the lease, and still reach a
 * KMS that comes back late.
 */
uint64_t lease_retry_delay(unsigned int failures, uint64_t renew_ns, uint64_t left_ns,
			   uint32_t random)
{
	uint64_t first = renew_ns / 4 < NS_PER_S ? renew_ns / 4 : NS_PER_S;
	uint64_t most = left_ns / 4 < renew_ns ? left_ns / 4 : renew_ns, delay = first;

	while (--failures && delay < most)
		delay *= 2;
	if (delay > most)
		delay = most > first ? most : first;
	return jitter(delay, random);
}

/** lease_seconds_left() - whole seconds from @now_ns to @deadline_ns, 0 when it has passed */
int64_t lease_seconds_left(uint64_t deadline_ns, uint64_t now_ns)
{
	return deadline_ns > now_ns ? (int64_t)((deadline_ns - now_ns) / NS_PER_S) : 0;
}
