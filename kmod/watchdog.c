// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the watchdog, which ends idle keys.
 *
 * The keys core calls no operation when a key is invalidated or its timeout comes, and no bio
 * looks at a key whose devices are idle. One timer serves all keys. It runs at the next end of a
 * lease, and at least once a second while there is a key. It is not deferrable: a key must end in
 * time on an idle machine too.
 *
 * Must never wait for a key, or the other keys would wait too. A work item of its own ends a key.
 */
#include "envelope.h"

static void watch(struct work_struct *work)
{
	unsigned long delay = envelope_live_keys_watch();

	/* Changes nothing if envelope_watchdog_wake() has come meanwhile. */
	if (delay)
		queue_delayed_work(envelope_key_wq, &envelope_watchdog, delay);
}

struct delayed_work envelope_watchdog = __DELAYED_WORK_INITIALIZER(envelope_watchdog, watch, 0);

/**
 * envelope_watchdog_wake() - look at all keys now: a key is new, or its lease may end earlier
 *
 * Context: any.
 */
void envelope_watchdog_wake(void)
{
	mod_delayed_work(envelope_key_wq, &envelope_watchdog, 0);
}
