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
 * Must never change what the guest does: it only counts.
 */
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* An instruction; an address has the same one to the end, translated again or not. */
struct counter {
	uint64_t address;
	uint64_t count;
	uint64_t before; /* count when the timed part began */
};

static void *counters;
static struct counter user;
static FILE *out;

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

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct counter *counter = counter_of(qemu_plugin_insn_vaddr(insn));

		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &counter->count,
							   1);
		watch_marks(insn, on_begin, on_end);
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
