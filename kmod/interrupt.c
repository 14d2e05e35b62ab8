// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios that the lower device completes in a hard interrupt, or with
 * interrupts off, where the cipher must not run.
 *
 * Each CPU has a list of such bios. A bottom half decrypts them as soon as interrupts are on
 * again. One bottom half serves all bios of an interrupt. The bottom half is not part of a
 * bio's memory, which is freed when the bio completes.
 *
 * The bottom half is a tasklet. A work item of a bottom half work queue costs over a thousand
 * instructions more per interrupt, three times as much as the rest of the way.
 */
#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/percpu.h>

#include "envelope.h"

/**
 * struct backlog - the bios that wait on one CPU
 * @bios: nodes of struct envelope_bio, the newest first
 * @tasklet: decrypts them
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

	/* The oldest bio first. */
	if (bios && bios->next)
		bios = llist_reverse_order(bios);

	llist_for_each_entry_safe(entry, next, bios, node)
		envelope_read_continue(entry->bio->bi_private, entry->bio);
}

/**
 * envelope_interrupt_defer() - decrypt a bio soon, in a bottom half
 * @eb: ours, of a read that the lower device has completed
 * @bio: the clone
 *
 * Context: any, on the CPU that completed the bio; ends in envelope_read_continue().
 */
void envelope_interrupt_defer(struct envelope_bio *eb, struct bio *bio)
{
	struct backlog *backlog = this_cpu_ptr(&backlogs);

	eb->backlog.bio = bio;
	/* Only the first bio of the list schedules the tasklet. */
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
