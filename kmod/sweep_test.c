// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: one allocation of an operation after another fails.
 *
 *	while (sweep_begin(&sweep)) {
 *		r = operation();
 *		sweep_end(&sweep, r);
 *		...
 *	}
 *
 * The kernel counts down current->fail_nth at each allocation of the task: also at those of
 * its checkers (kmemleak has an object for each object) and at the page by which a slab cache
 * grows. An operation gets on without these. Whether a cache grows depends on what ran before
 * and on when KASAN gives freed objects back, and each such page moves all allocations that
 * follow it by one: then the n-th is kmemleak's, and not the one after it that the operation
 * needs. So each n is tried again until the operation fails, and a test may rely on it that
 * each allocation that the operation needs was refused.
 */
#include <linux/sched.h>

#include "fixture_test.h"

/* More than the attempts in a row in which some slab cache grows. */
#define SWEEP_TRIES 10
/* More allocations than any operation of ours needs. */
#define SWEEP_MOST 1500

/**
 * sweep_begin() - the operation is about to begin; one of its allocations will fail
 * @sweep: all 0 at first
 *
 * Context: what the operation is called by; no other allocation may come before sweep_end().
 * Return: false if the sweep is at its end.
 */
bool sweep_begin(struct sweep *sweep)
{
	if (sweep->complete || sweep->nth > SWEEP_MOST)
		return false;
	if (!sweep->nth || sweep->hit || sweep->tries == SWEEP_TRIES) {
		sweep->nth++;
		sweep->tries = 0;
	}
	current->fail_nth = sweep->nth;
	return true;
}

/**
 * sweep_end() - the operation has ended
 * @sweep: the sweep
 * @failed: the operation failed
 */
void sweep_end(struct sweep *sweep, bool failed)
{
	/* Nothing was refused: the operation made fewer allocations. */
	sweep->complete = current->fail_nth;
	current->fail_nth = 0;
	sweep->hit = failed;
	if (failed)
		sweep->refused++;
	else
		sweep->tries++;
}
