// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: live -> dying -> dead.
 *
 * One transition, one reason, no way back. Work that needs a live device runs in a section. A
 * kill lets no new section open, and draining waits for the open ones.
 *
 * A section has found the lifecycle live after it began (section.c):
 *
 *	if (envelope_section_enter(lc))
 *		...
 *	envelope_section_leave();
 *
 * A section writes no memory that other CPUs write, and it is not preempted. A kill waits until
 * the sections have ended that were open when it began.
 *
 * Must never wait for anything but open sections, and a section must never wait
 * for a disk, for memory or for a lock that a killer may hold.
 */
#include "envelope.h"

static const char *const reason_names[] = {
	[ENVELOPE_NOT_FAILED] = "-",
	[ENVELOPE_KEY_REVOKED] = ENVELOPE_REASON_REVOKED,
	[ENVELOPE_KEY_INVALIDATED] = ENVELOPE_REASON_INVALIDATED,
	[ENVELOPE_KEY_TIMEOUT] = ENVELOPE_REASON_TIMEOUT,
	[ENVELOPE_LEASE_EXPIRED] = ENVELOPE_REASON_LEASE,
	[ENVELOPE_KEY_UNLINKED] = ENVELOPE_REASON_UNLINKED,
	[ENVELOPE_MESSAGE] = ENVELOPE_REASON_MESSAGE,
	[ENVELOPE_MACHINE_COPIED] = ENVELOPE_REASON_COPIED,
	[ENVELOPE_HIBERNATION] = ENVELOPE_REASON_HIBERNATION,
	[ENVELOPE_MACHINE_STOPS] = ENVELOPE_REASON_STOPS,
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
 * envelope_lifecycle_begin_kill() - let no new section open
 * @lc: lifecycle
 * @reason: kept if this call wins; not %ENVELOPE_NOT_FAILED
 *
 * Context: any. Return: true for the one caller that killed it.
 */
bool envelope_lifecycle_begin_kill(struct envelope_lifecycle *lc, enum envelope_reason reason)
{
	return atomic_cmpxchg(&lc->cause, ENVELOPE_NOT_FAILED, reason) == ENVELOPE_NOT_FAILED;
}

/**
 * envelope_lifecycle_set_drained() - record that sections were waited for after the kill
 * @lc: lifecycle that has been killed
 */
void envelope_lifecycle_set_drained(struct envelope_lifecycle *lc)
{
	WRITE_ONCE(lc->drained, true);
}

/**
 * envelope_lifecycle_drain() - wait until no section is open
 * @lc: lifecycle that has been killed
 *
 * Context: sleeps; never inside a section.
 */
void envelope_lifecycle_drain(struct envelope_lifecycle *lc)
{
	envelope_sections_wait();
	envelope_lifecycle_set_drained(lc);
}

/**
 * envelope_lifecycle_state() - live, dying or dead
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
