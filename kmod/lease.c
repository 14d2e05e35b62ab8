// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: arithmetic of the lease.
 *
 * Pure functions over nanoseconds of CLOCK_BOOTTIME. This clock goes on while the machine
 * sleeps, so suspending the host does not stretch a lease.
 *
 * Must never read a clock: "now" is always an argument.
 */
#include "envelope.h"

/* A deadline lies in the future, and no further away than one lease. */
static bool deadline_is_granted(u64 lease_ns, u64 deadline_ns, u64 now_ns)
{
	return deadline_ns > now_ns && deadline_ns - now_ns <= lease_ns;
}

/**
 * envelope_lease_start() - first lease of a key
 * @lease: to be filled; untouched on error
 * @lease_ns: length of a lease
 * @deadline_ns: its end
 * @now_ns: the time
 *
 * Return: 0, or -EINVAL if the length is out of bounds, or the deadline is not
 * in the future or more than one lease away.
 */
int envelope_lease_start(struct envelope_lease *lease, u64 lease_ns, u64 deadline_ns, u64 now_ns)
{
	if (lease_ns < ENVELOPE_LEASE_MIN_NS || lease_ns > ENVELOPE_LEASE_MAX_NS)
		return -EINVAL;
	if (!deadline_is_granted(lease_ns, deadline_ns, now_ns))
		return -EINVAL;

	lease->lease_ns = lease_ns;
	WRITE_ONCE(lease->deadline_ns, deadline_ns);
	return 0;
}

/**
 * envelope_lease_renew() - move the deadline
 * @lease: the lease; untouched on error
 * @deadline_ns: new end; may be earlier than the old one
 * @now_ns: the time
 *
 * Return: 0; -EKEYEXPIRED if the lease has run out, since an expired lease is never
 * renewed; -EINVAL if the deadline is not in the future or more than one lease away.
 */
int envelope_lease_renew(struct envelope_lease *lease, u64 deadline_ns, u64 now_ns)
{
	if (envelope_lease_expired(lease, now_ns))
		return -EKEYEXPIRED;
	if (!deadline_is_granted(lease->lease_ns, deadline_ns, now_ns))
		return -EINVAL;

	WRITE_ONCE(lease->deadline_ns, deadline_ns);
	return 0;
}

/**
 * envelope_lease_left_ns() - the rest of the lease
 * @lease: the lease
 * @now_ns: the time
 *
 * Context: any; no lock. Return: nanoseconds, 0 when expired.
 */
u64 envelope_lease_left_ns(const struct envelope_lease *lease, u64 now_ns)
{
	u64 deadline_ns = READ_ONCE(lease->deadline_ns);

	return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/**
 * envelope_lease_left_seconds() - the rest of the lease, for status lines
 * @lease: the lease
 * @now_ns: the time
 *
 * Context: any; no lock. Return: seconds rounded up, so that 0 means expired.
 */
u64 envelope_lease_left_seconds(const struct envelope_lease *lease, u64 now_ns)
{
	return div_u64(envelope_lease_left_ns(lease, now_ns) + NSEC_PER_SEC - 1, NSEC_PER_SEC);
}
