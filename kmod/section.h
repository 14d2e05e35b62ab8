/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: a section, the time in which a CPU uses a key or reports success.
 *
 * A kernel with PREEMPT_RT has sections of another kind (section_rt.c): the locks that a bio's
 * completion takes sleep there, so preemption stays on.
 */
#ifndef _DM_ENVELOPE_SECTION_H
#define _DM_ENVELOPE_SECTION_H

#include <linux/percpu.h>
#include <linux/preempt.h>

#include "key.h"

void envelope_sections_wait(void);

#ifdef CONFIG_PREEMPT_RT

void envelope_section_open(void);
void envelope_section_close(void);
bool envelope_section_is_open(void);
int envelope_sections_init(void);
void envelope_sections_exit(void);

static __always_inline bool envelope_section_enter(const struct envelope_lifecycle *lc)
{
	envelope_section_open();
	return likely(envelope_lifecycle_is_live(lc));
}

static __always_inline void envelope_section_leave(void)
{
	envelope_section_close();
}

#else

/**
 * struct envelope_sections - the sections of a CPU; only the CPU itself writes this
 * @open: sections that are open now; they nest when an interrupt comes. An interrupt leaves the
 *	  count as it found it, so no instruction that counts has to be atomic
 * @awaited: a kill waits for the outermost section. Written apart from @open: an interrupt that
 *	     sets it may come in the midst of counting
 */
struct envelope_sections {
	int open;
	bool awaited;
};

DECLARE_PER_CPU(struct envelope_sections, envelope_sections);

void envelope_section_left(void);

/**
 * envelope_section_enter() - open a section
 * @lc: of the device
 *
 * The section ends with envelope_section_leave(), whatever this returns.
 *
 * Context: any but NMI; with PREEMPT_RT, any thread. Return: true if the device is live, until the
 * section ends.
 */
static __always_inline bool envelope_section_enter(const struct envelope_lifecycle *lc)
{
	preempt_disable();
	__this_cpu_inc(envelope_sections.open);
	/* An interrupt sees the section before the state is read; section.c has the rest. */
	barrier();
	return likely(envelope_lifecycle_is_live(lc));
}

/**
 * envelope_section_leave() - close a section
 */
static __always_inline void envelope_section_leave(void)
{
	barrier();
	__this_cpu_dec(envelope_sections.open);
	/* An interrupt that still finds the section sets the mark before the mark is read. */
	barrier();
	if (unlikely(__this_cpu_read(envelope_sections.awaited)))
		envelope_section_left();
	preempt_enable();
}

/**
 * envelope_section_is_open() - does the caller run in a section?
 *
 * Only kernels with lock debugging look.
 */
static inline bool envelope_section_is_open(void)
{
	return !IS_ENABLED(CONFIG_PROVE_LOCKING) || raw_cpu_read(envelope_sections.open);
}

static inline int envelope_sections_init(void)
{
	return 0;
}

static inline void envelope_sections_exit(void)
{
}

#endif

#endif
