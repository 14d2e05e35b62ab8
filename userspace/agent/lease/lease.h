/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of leases, as pure functions: when to call the KMS, and when a lease ends without
 * an answer. Times are CLOCK_BOOTTIME, the kernel's own clock for leases, so a host that
 * slept does not wake with keys too old.
 */
#ifndef ENVELOPE_LEASE_H
#define ENVELOPE_LEASE_H

#include <stdint.h>

#define NS_PER_S 1000000000ULL

uint64_t lease_now(void);
uint32_t lease_random(void);
uint64_t lease_deadline(uint64_t asked_ns, uint64_t lease_ns);
uint64_t lease_renew_delay(uint64_t renew_ns, uint32_t random);
uint64_t lease_retry_delay(unsigned int failures, uint64_t renew_ns, uint64_t left_ns,
			   uint32_t random);
int64_t lease_seconds_left(uint64_t deadline_ns, uint64_t now_ns);

#endif
