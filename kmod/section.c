// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the wait of a kill for open sections.
 *
 * A section runs with preemption off and is short, so the scheduler cannot delay its end: a
 * thread that has used up its quota, or that other threads keep from the CPU, is not in a
 * section. An RCU grace period would not do. It waits for every reader in the kernel, and the
 * block layer calls drivers as a reader: a writer that is preempted there delays it by seconds.
 *
 * A section counts itself on its CPU and then reads the state of its device. A kill changes the
 * state and then interrupts each CPU. An interrupt that comes before the section has read the
 * state finds the section counted, or comes before all of it, and then the section reads the new
 * state. So neither side needs a barrier. An interrupt that finds a section sets a mark, and the
 * outermost section of the CPU removes the mark as it ends.
 *
 * Must never wait for anything but sections.
 */
#include <linux/delay.h>
#include <linux/smp.h>

#include "envelope.h"

DEFINE_PER_CPU(struct envelope_sections, envelope_sections);

/**
 * envelope_section_left() - a section that a kill may wait for has ended
 *
 * Context: preemption is off.
 */
void envelope_section_left(void)
{
	if (__this_cpu_read(envelope_sections.open))
		return;
	/* Pairs with envelope_sections_wait(): the section has ended before the mark goes. */
	smp_store_release(this_cpu_ptr(&envelope_sections.awaited), false);
}

static void mark(void *unused)
{
	if (__this_cpu_read(envelope_sections.open))
		__this_cpu_write(envelope_sections.awaited, true);
}

/**
 * envelope_sections_wait() - wait for all open sections of all devices
 *
 * Context: sleeps; never inside a section.
 */
void envelope_sections_wait(void)
{
	int cpu;

	might_sleep();
	on_each_cpu(mark, NULL, 1);
	for_each_possible_cpu(cpu)
		/* Pairs with envelope_section_left(). */
		while (smp_load_acquire(per_cpu_ptr(&envelope_sections.awaited, cpu)))
			usleep_range(10, 50);
}
