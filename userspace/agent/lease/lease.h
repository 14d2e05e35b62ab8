/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of leases, as pure functions: when to ask the KMS, how long the
 * kernel may go on without an answer. Times are CLOCK_BOOTTIME, the kernel's own
 * clock for leases, so a host that slept does not wake with keys too old.
 */
#ifndef ENVELOPE_LEASE_H
#define ENVELOPE_LEASE_H

#include <stdint.h>

#define NS_PER_S 1000000000ULL

/** lease_now() - CLOCK_BOOTTIME in nanoseconds */
uint64_t lease_now(void);

/**
 * lease_deadline() - until when an answer of the KMS entitles the kernel to serve
 * @asked_ns: when the KMS was asked, not when it answered: the answer may be as old as that
 * @lease_ns: length of a lease
 */
uint64_t lease_deadline(uint64_t asked_ns, uint64_t lease_ns);

/**
 * lease_renew_delay() - how long to wait after a successful renewal
 * @renew_ns: the configured interval
 * @random: any number; moves the result by up to 10 % either way, so that the volumes of a
 *	host and the hosts of a site do not ask in step
 */
uint64_t lease_renew_delay(uint64_t renew_ns, uint32_t random);

/**
 * lease_retry_delay() - how long to wait after a renewal that got no verdict
 * @failures: in a row, at least 1
 * @renew_ns: the configured interval, and the longest wait
 * @left_ns: what is left of the lease
 * @random: jitter as above
 *
 * Doubles from a quarter of the interval, but at most one second, to the interval. Never waits
 * longer than a quarter of what is left, but for that first delay: a KMS that comes back late is
 * still asked in time, as often as the end is near.
 */
uint64_t lease_retry_delay(unsigned int failures, uint64_t renew_ns, uint64_t left_ns,
			   uint32_t random);

/** lease_seconds_left() - whole seconds from @now_ns to @deadline_ns, 0 when it has passed */
int64_t lease_seconds_left(uint64_t deadline_ns, uint64_t now_ns);

#endif
