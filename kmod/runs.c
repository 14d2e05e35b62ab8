// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: runs of contiguous pages for the ciphertext of large writes.
 *
 * With single pages, a write of 1 MiB has 256 segments. An NVMe disk takes 127 or so in a request,
 * so the write becomes two requests or more. With runs of 64 KiB it has 16 segments.
 *
 * Runs are used again as single pages are (pages.c), are within the same limit, and count in the
 * same share of their device. A run is a compound page: a network packet that refers to any page of
 * it holds the whole run. If memory has no free block of this size, the write takes single pages.
 *
 * Must never sleep. Must never take a lock, or write the common count of pages, for each run: once
 * for 1 MiB.
 */
#include <linux/mm.h>

#include "envelope.h"

/* As many as a write of 1 MiB has. */
#define BATCH 16u

/* Return: number of runs that the depot of this node had. */
static unsigned int take_kept(struct bio_vec *bvecs, unsigned int nr)
{
	struct page *runs[BATCH];
	unsigned int found, taken = 0;

	while (taken < nr && (found = envelope_depot_take_runs(envelope_this_node(), runs,
							       min(nr - taken, BATCH))))
		while (found)
			bvecs[taken++] = (struct bio_vec){
				.bv_page = runs[--found],
				.bv_len = ENVELOPE_RUN_PAGES * PAGE_SIZE,
			};
	return taken;
}

/*
 * Gives runs to the depots of their nodes. A write that needs single pages in their place has them
 * freed (envelope_depot_free_runs()).
 */
static void give_back(const struct bio_vec *bvecs, unsigned int nr)
{
	struct page *ours[BATCH], *others[BATCH];
	unsigned int i, nr_ours, nr_others;

	for (i = 0; i < nr;) {
		for (nr_ours = nr_others = 0; i < nr && nr_ours < BATCH && nr_others < BATCH; i++) {
			if (envelope_page_is_ours(bvecs[i].bv_page))
				ours[nr_ours++] = bvecs[i].bv_page;
			else
				others[nr_others++] = bvecs[i].bv_page;
		}
		envelope_pages_free(ours, envelope_depot_put_runs(ours, nr_ours),
				    ENVELOPE_RUN_ORDER);
		envelope_pages_free(others, nr_others, ENVELOPE_RUN_ORDER);
	}
}

/**
 * envelope_runs_take() - take runs, all of them or none
 * @share: of the device
 * @bvecs: to be filled, one run each
 * @nr: how many
 *
 * Context: any but NMI; never sleeps. Return: true if @bvecs has all its runs.
 */
bool envelope_runs_take(struct envelope_share *share, struct bio_vec *bvecs, unsigned int nr)
{
	unsigned int taken;

	if (!envelope_share_charge(share, nr * ENVELOPE_RUN_PAGES))
		return false;
	taken = take_kept(bvecs, nr);
	taken += envelope_pages_alloc(bvecs + taken, nr - taken, ENVELOPE_RUN_ORDER);
	if (likely(taken == nr))
		return true;
	envelope_share_refund(share, nr * ENVELOPE_RUN_PAGES);
	give_back(bvecs, taken);
	return false;
}

/**
 * envelope_runs_put() - give runs back
 * @share: of the device
 * @bvecs: filled by envelope_runs_take()
 * @nr: how many
 *
 * Context: any but NMI.
 */
void envelope_runs_put(struct envelope_share *share, const struct bio_vec *bvecs, unsigned int nr)
{
	envelope_share_refund(share, nr * ENVELOPE_RUN_PAGES);
	give_back(bvecs, nr);
	if (unlikely(READ_ONCE(share->wanted)))
		envelope_share_wake(share);
}
