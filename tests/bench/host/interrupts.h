/* SPDX-License-Identifier: MIT */
/*
 * What a CPU of the guest does in an interrupt, so that a plugin can leave it out: the guest's timers
 * follow the host's clock, and an emulated I/O takes so long that they would be most of it.
 *
 * An interrupt begins with the one "cld" of its entry and ends with "iretq".
 */
#ifndef ENVELOPE_BENCH_INTERRUPTS_H
#define ENVELOPE_BENCH_INTERRUPTS_H

#include "plugin.h"

#define MAX_CPUS 64

/* Interrupts that a CPU is in; touched by this CPU alone. */
static unsigned int interrupts[MAX_CPUS];

static inline void on_interrupt(unsigned int cpu, void *unused)
{
	(void)unused;
	if (cpu < MAX_CPUS)
		interrupts[cpu]++;
}

/* A system call may return in the same way. */
static inline void on_return(unsigned int cpu, void *unused)
{
	(void)unused;
	if (cpu < MAX_CPUS && interrupts[cpu])
		interrupts[cpu]--;
}

/* follow_interrupts() - keep @interrupts right at this instruction */
static inline void follow_interrupts(struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);

	if (size == 1 && code[0] == 0xfc)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_interrupt, CALLBACK_NO_REGISTERS,
						       NULL);
	else if (size == 2 && code[0] == 0x48 && code[1] == 0xcf)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_return, CALLBACK_NO_REGISTERS,
						       NULL);
}

/* is_locked() - an instruction with a lock prefix, or xchg, which needs none */
static inline bool is_locked(const struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t i = 0, size = qemu_plugin_insn_size(insn);

	for (; i < size; i++)
		if (code[i] == 0xf0)
			return true;
		else if (code[i] != 0x65 && code[i] != 0x66 && code[i] != 0x3e && code[i] != 0x2e &&
			 (code[i] & 0xf0) != 0x40)
			break;
	return i < size && (code[i] == 0x86 || code[i] == 0x87);
}

#endif
