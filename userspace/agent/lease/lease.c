// SPDX-License-Identifier: MIT
/*
 * Lease arithmetic. Must never look at a clock except in lease_now().
 */
#include "agent/lease/lease.h"

#include <time.h>

uint64_t lease_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t lease_deadline(uint64_t asked_ns, uint64_t lease_ns)
{
	return asked_ns + lease_ns;
}

/* 90 % to 110 % of @ns. */
static uint64_t jitter(uint64_t ns, uint32_t random)
{
	return ns - ns / 10 + (ns / 5) / 1000 * (random % 1001);
}

uint64_t lease_renew_delay(uint64_t renew_ns, uint32_t random)
{
	return jitter(renew_ns, random);
}

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

int64_t lease_seconds_left(uint64_t deadline_ns, uint64_t now_ns)
{
	return deadline_ns > now_ns ? (int64_t)((deadline_ns - now_ns) / NS_PER_S) : 0;
}
