// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios that the lower device completes in a hard interrupt, or with
 * interrupts off, where the cipher must not run.
 *
 * Each CPU has a list of them, which a bottom half takes up as soon as interrupts are
 * on again. One bottom half serves all bios of an interrupt, and it is never part of a
 * bio's memory, which is gone when the bio has completed.
 *
 * It is a tasklet, since an item of a bottom half work queue costs over a thousand
 * instructions more per interrupt, three times what is left of the rest.
 */
#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/percpu.h>

#include "envelope.h"

/**
 * struct backlog - of one CPU
 * @bios: nodes of struct envelope_bio, the last one first
 * @tasklet: takes them up
 */
struct backlog {
	struct llist_head bios;
	struct tasklet_struct tasklet;
};

static DEFINE_PER_CPU(struct backlog, backlogs);

static void take_up(struct tasklet_struct *tasklet)
{
	struct backlog *backlog = container_of(tasklet, struct backlog, tasklet);
	struct llist_node *bios = llist_del_all(&backlog->bios);
	struct envelope_backlog *entry, *next;

	/* First come, first served. */
	if (bios && bios->next)
		bios = llist_reverse_order(bios);

	llist_for_each_entry_safe(entry, next, bios, node)
		envelope_read_continue(entry->bio->bi_private, entry->bio);
}

/**
 * envelope_interrupt_defer() - a bio that is to be decrypted
 * @eb: ours, of a read that the lower device has completed
 * @bio: the clone
 *
 * Context: any, on the CPU that completed it; envelope_read_continue() comes soon.
 */
void envelope_interrupt_defer(struct envelope_bio *eb, struct bio *bio)
{
	struct backlog *backlog = this_cpu_ptr(&backlogs);

	eb->backlog.bio = bio;
	/* Whoever puts the first one there calls. */
	if (llist_add(&eb->backlog.node, &backlog->bios))
		tasklet_hi_schedule(&backlog->tasklet);
}

/**
 * envelope_interrupt_init() - when the module is loaded
 */
void envelope_interrupt_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct backlog *backlog = per_cpu_ptr(&backlogs, cpu);

		init_llist_head(&backlog->bios);
		tasklet_setup(&backlog->tasklet, take_up);
	}
}

/**
 * envelope_interrupt_exit() - when the module is unloaded, and all bios are back
 *
 * Context: sleeps until the last bottom half has ended.
 */
void envelope_interrupt_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		tasklet_kill(&per_cpu_ptr(&backlogs, cpu)->tasklet);
}
