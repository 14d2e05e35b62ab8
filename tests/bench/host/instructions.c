// SPDX-License-Identifier: MIT
/*
 * QEMU plugin: how often each instruction of the guest's kernel runs in the timed part of
 * each measurement, which envelope-bench brackets with two instructions that do nothing.
 *
 *	-plugin instructions.so,out=FILE
 *
 * FILE gets, for every timed part, a line "part" and then lines "<address> <count>" in hex
 * and decimal; whatever runs in user space is added up under the address 0.
 *
 * QEMU's package has no header for plugins; declared here is what is used of the interface
 * (version 1, QEMU 4.2 to 8.2). Must never change what the guest does: it only counts.
 */
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum {
	INLINE_ADD_U64 = 0,
	CALLBACK_NO_REGISTERS = 0
};

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						void *counter, uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int, void *), int flags,
					    void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t, struct qemu_plugin_tb *));
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

#define KERNEL_HALF (1ULL << 63)

/* An instruction; an address has the same one to the end, translated again or not. */
struct counter {
	uint64_t address;
	uint64_t count;
	uint64_t before; /* count when the timed part began */
};

static void *counters;
static struct counter user;
static FILE *out;
static const uint8_t mark_begin[] = { 0x66, 0x87, 0xdb }; /* xchg %bx, %bx */
static const uint8_t mark_end[] = { 0x66, 0x87, 0xc9 };	  /* xchg %cx, %cx */

static int compare(const void *a, const void *b)
{
	const struct counter *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static struct counter *counter_of(uint64_t address)
{
	struct counter *new, **found;

	if (!(address & KERNEL_HALF))
		return &user;
	new = calloc(1, sizeof(*new));
	if (!new)
		abort();
	new->address = address;
	found = tsearch(new, &counters, compare);
	if (!found)
		abort();
	if (*found != new)
		free(new);
	return *found;
}

static void remember(const void *node, VISIT visit, int depth)
{
	struct counter *counter = *(struct counter *const *)node;

	(void)depth;
	if (visit == postorder || visit == leaf)
		counter->before = counter->count;
}

static void write_out(const struct counter *counter)
{
	if (counter->count != counter->before)
		fprintf(out, "%llx %llu\n", (unsigned long long)counter->address,
			(unsigned long long)(counter->count - counter->before));
}

static void report(const void *node, VISIT visit, int depth)
{
	(void)depth;
	if (visit == postorder || visit == leaf)
		write_out(*(struct counter *const *)node);
}

static void on_begin(unsigned int vcpu, void *unused)
{
	(void)vcpu;
	(void)unused;
	twalk(counters, remember);
	user.before = user.count;
}

static void on_end(unsigned int vcpu, void *unused)
{
	(void)vcpu;
	(void)unused;
	fprintf(out, "part\n");
	twalk(counters, report);
	write_out(&user);
	fflush(out);
}

static bool is_mark(const struct qemu_plugin_insn *insn, const uint8_t *mark)
{
	return qemu_plugin_insn_size(insn) == sizeof(mark_begin) &&
	       !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark_begin));
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct counter *counter = counter_of(qemu_plugin_insn_vaddr(insn));

		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &counter->count,
							   1);
		if (is_mark(insn, mark_begin))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin,
							       CALLBACK_NO_REGISTERS, NULL);
		else if (is_mark(insn, mark_end))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, CALLBACK_NO_REGISTERS,
							       NULL);
	}
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "instructions: expected out=FILE\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
