/* SPDX-License-Identifier: MIT */
/*
 * What the plugins of QEMU share: QEMU's interface, and the marks of a timed part.
 *
 * QEMU's package has no header for plugins; declared here is what is used of the interface
 * (version 1, QEMU 4.2 to 8.2). Each plugin is one file and includes this one.
 */
#ifndef ENVELOPE_BENCH_PLUGIN_H
#define ENVELOPE_BENCH_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum {
	INLINE_ADD_U64 = 0,
	CALLBACK_NO_REGISTERS = 0,
	LOADS_AND_STORES = 3
};

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						void *counter, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags,
					    void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int, void *), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int, uint32_t, uint64_t, void *),
				      int flags, int rw, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t, struct qemu_plugin_tb *));
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

#define KERNEL_HALF (1ULL << 63)

/* watch_marks() - have @begin and @end called at the two instructions that bracket a timed part */
static inline void watch_marks(struct qemu_plugin_insn *insn, void (*begin)(unsigned int, void *),
			       void (*end)(unsigned int, void *))
{
	static const uint8_t mark_begin[] = { 0x66, 0x87, 0xdb }; /* xchg %bx, %bx */
	static const uint8_t mark_end[] = { 0x66, 0x87, 0xc9 };	  /* xchg %cx, %cx */
	const void *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != sizeof(mark_begin))
		return;
	if (!memcmp(code, mark_begin, sizeof(mark_begin)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, CALLBACK_NO_REGISTERS, NULL);
	else if (!memcmp(code, mark_end, sizeof(mark_end)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, end, CALLBACK_NO_REGISTERS, NULL);
}

#endif
