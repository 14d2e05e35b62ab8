// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: live -> dying -> dead.
 *
 * One transition, one reason, no way back. Work that needs the device alive runs
 * in a section; a kill closes the door, and draining waits for whoever is inside.
 *
 * A section is an RCU read-side critical section that has found the lifecycle live
 * after it began:
 *
 *	rcu_read_lock();
 *	if (envelope_lifecycle_is_live(lc))
 *		...
 *	rcu_read_unlock();
 *
 * So a section costs a bio nothing that other CPUs can see, it never sleeps, and
 * when a grace period has passed since the kill, none is open. That grace period is
 * an expedited one: who revokes a key waits for it, and it takes far less than a
 * millisecond where an ordinary one may take a hundred.
 *
 * Must never wait for anything but open sections, and a section must never wait
 * for a disk, for memory or for a lock that a killer may hold.
 */
#include <linux/rcupdate.h>

#include "envelope.h"

static const char *const reason_names[] = {
	[ENVELOPE_NOT_FAILED] = "-",
	[ENVELOPE_KEY_REVOKED] = ENVELOPE_REASON_REVOKED,
	[ENVELOPE_KEY_INVALIDATED] = ENVELOPE_REASON_INVALIDATED,
	[ENVELOPE_KEY_TIMEOUT] = ENVELOPE_REASON_TIMEOUT,
	[ENVELOPE_LEASE_EXPIRED] = ENVELOPE_REASON_LEASE,
	[ENVELOPE_KEY_UNLINKED] = ENVELOPE_REASON_UNLINKED,
	[ENVELOPE_MESSAGE] = ENVELOPE_REASON_MESSAGE,
	[ENVELOPE_REMOVED] = "removed",
};

/**
 * envelope_reason_name() - the word that users see
 * @reason: why a device or key failed
 *
 * Return: the word from the UAPI header; "-" for %ENVELOPE_NOT_FAILED.
 */
const char *envelope_reason_name(enum envelope_reason reason)
{
	return reason_names[reason];
}

/**
 * envelope_lifecycle_init() - begin to live
 * @lc: lifecycle to initialise
 */
void envelope_lifecycle_init(struct envelope_lifecycle *lc)
{
	atomic_set(&lc->cause, ENVELOPE_NOT_FAILED);
	lc->drained = false;
}

/**
 * envelope_lifecycle_begin_kill() - close the door
 * @lc: lifecycle
 * @reason: kept if this call wins; not %ENVELOPE_NOT_FAILED
 *
 * Context: any. Return: true for the one caller who killed it.
 */
bool envelope_lifecycle_begin_kill(struct envelope_lifecycle *lc, enum envelope_reason reason)
{
	return atomic_cmpxchg(&lc->cause, ENVELOPE_NOT_FAILED, reason) == ENVELOPE_NOT_FAILED;
}

/**
 * envelope_sections_wait() - wait for all sections that are open now, of whatever device
 *
 * Context: sleeps; never inside a section.
 */
void envelope_sections_wait(void)
{
	synchronize_rcu_expedited();
}

/**
 * envelope_lifecycle_set_drained() - the door has been closed, and then sections waited for
 * @lc: lifecycle that has been killed, by whomever
 */
void envelope_lifecycle_set_drained(struct envelope_lifecycle *lc)
{
	WRITE_ONCE(lc->drained, true);
}

/**
 * envelope_lifecycle_drain() - wait until no section is open
 * @lc: lifecycle that has been killed, by whomever
 *
 * Context: sleeps; never inside a section.
 */
void envelope_lifecycle_drain(struct envelope_lifecycle *lc)
{
	envelope_sections_wait();
	envelope_lifecycle_set_drained(lc);
}

/**
 * envelope_lifecycle_state() - where it stands
 * @lc: lifecycle
 *
 * Context: any. Return: the state; only %ENVELOPE_DEAD is certain to last.
 */
enum envelope_state envelope_lifecycle_state(const struct envelope_lifecycle *lc)
{
	if (envelope_lifecycle_is_live(lc))
		return ENVELOPE_LIVE;
	return READ_ONCE(lc->drained) ? ENVELOPE_DEAD : ENVELOPE_DYING;
}

/**
 * envelope_lifecycle_reason() - why it was killed
 * @lc: lifecycle
 *
 * Context: any. Return: the reason, %ENVELOPE_NOT_FAILED while live.
 */
enum envelope_reason envelope_lifecycle_reason(const struct envelope_lifecycle *lc)
{
	return atomic_read(&lc->cause);
}
