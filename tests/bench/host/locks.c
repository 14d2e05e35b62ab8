// SPDX-License-Identifier: MIT
/*
 * QEMU plugin: the spinlocks that the guest's CPUs take in the timed part of each measurement, which
 * envelope-bench brackets with two instructions that do nothing, and for how many instructions
 * they hold them.
 *
 *	-plugin locks.so,out=FILE,jobs=N,code=FIRST,slow=SLOW,end=END
 *
 * The functions of the kernel that take and release spinlocks are one after the other: from FIRST to
 * SLOW, where a function begins that waits for a lock, and to END with that one. The locked
 * instruction of a function before SLOW names the lock that a CPU is about to take, and a plain store
 * to the lock releases it. A lock that is not released was not taken, as by a trylock that failed. The
 * caller is the block of instructions that ran last outside these functions. What a CPU does in an
 * interrupt is not counted (interrupts.h).
 *
 * FILE gets, for every timed part, a line "part", then lines "<caller> <lock> <CPU> <taken> <held>
 * <longest> <waited>": how often a CPU took a lock, the instructions between taking and
 * releasing it in all and the most of them, and how often the CPU had to wait. What it held after
 * waiting is not in the instructions.
 *
 * Must never count a lock that was not taken.
 */
#define _GNU_SOURCE /* tdestroy() */
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupts.h"
#include "plugin.h"

/* Locks that a CPU holds at a time. */
#define MAX_HELD 16

/* A block of instructions; one for each translation, and never freed. */
struct block {
	uint64_t address;
	size_t size;
};

/* An instruction of the lock functions, and those of its block that come after. */
struct site {
	uint64_t after;
	bool locked;
};

struct held {
	uint64_t lock;
	uint64_t caller;
	uint64_t since;
	bool waited;
};

/* What a CPU did with a lock on behalf of a caller. */
struct row {
	uint64_t caller;
	uint64_t lock;
	unsigned int cpu;
	unsigned long long taken;
	unsigned long long held;
	unsigned long long longest;
	unsigned long long waited;
};

/* Touched by its CPU alone. */
struct cpu {
	uint64_t instructions;
	uint64_t outside;
	unsigned int nr;
	struct held held[MAX_HELD];
};

static FILE *out;
static unsigned long long first, slow, end;
static struct cpu cpus[MAX_CPUS];
static void *rows; /* under the lock, as are these */
static unsigned int jobs;
static unsigned int begun;
static unsigned int ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool active[MAX_CPUS];

static bool is_counted(unsigned int cpu)
{
	return cpu < MAX_CPUS && active[cpu] && !interrupts[cpu];
}

/* ---- rows ---- */

static int compare(const void *a, const void *b)
{
	const struct row *left = a, *right = b;

	if (left->caller != right->caller)
		return left->caller > right->caller ? 1 : -1;
	if (left->lock != right->lock)
		return left->lock > right->lock ? 1 : -1;
	return (left->cpu > right->cpu) - (left->cpu < right->cpu);
}

static void add(const struct held *held, unsigned int cpu, uint64_t now)
{
	struct row *new = calloc(1, sizeof(*new)), **found;

	if (!new)
		abort();
	*new = (struct row){ .caller = held->caller, .lock = held->lock, .cpu = cpu };
	pthread_mutex_lock(&lock);
	found = tsearch(new, &rows, compare);
	if (!found)
		abort();
	if (*found != new)
		free(new);
	(*found)->taken++;
	if (held->waited) {
		(*found)->waited++;
	} else {
		(*found)->held += now - held->since;
		if (now - held->since > (*found)->longest)
			(*found)->longest = now - held->since;
	}
	pthread_mutex_unlock(&lock);
}

static void report(const void *node, VISIT visit, int depth)
{
	const struct row *row = *(struct row *const *)node;

	(void)depth;
	if (visit == postorder || visit == leaf)
		fprintf(out, "%llx %llx %u %llu %llu %llu %llu\n", (unsigned long long)row->caller,
			(unsigned long long)row->lock, row->cpu, row->taken, row->held,
			row->longest, row->waited);
}

/* ---- locks ---- */

static void take(struct cpu *cpu, uint64_t address, uint64_t now)
{
	unsigned int i = 0;

	/* One that a trylock did not get is still there. */
	while (i < cpu->nr && cpu->held[i].lock != address)
		i++;
	if (i == MAX_HELD)
		i = 0;
	cpu->held[i] = (struct held){ .lock = address, .caller = cpu->outside, .since = now };
	if (i == cpu->nr)
		cpu->nr++;
}

static void release(unsigned int number, uint64_t address, uint64_t now)
{
	struct cpu *cpu = &cpus[number];

	for (unsigned int i = cpu->nr; i--;) {
		if (cpu->held[i].lock != address)
			continue;
		add(&cpu->held[i], number, now);
		cpu->nr--;
		memmove(&cpu->held[i], &cpu->held[i + 1], (cpu->nr - i) * sizeof(*cpu->held));
		return;
	}
}

static void on_access(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	const struct site *site = data;
	uint64_t now;

	if (!is_counted(cpu) || !(address & KERNEL_HALF))
		return;
	now = cpus[cpu].instructions - site->after;
	if (site->locked)
		take(&cpus[cpu], address, now);
	else if (qemu_plugin_mem_is_store(info))
		release(cpu, address, now);
}

static void on_block(unsigned int cpu, void *data)
{
	const struct block *block = data;

	if (!is_counted(cpu))
		return;
	cpus[cpu].instructions += block->size;
	if (block->address < first || block->address >= end)
		cpus[cpu].outside = block->address;
	else if (block->address == slow && cpus[cpu].nr)
		cpus[cpu].held[cpus[cpu].nr - 1].waited = true;
}

/* ---- a timed part ---- */

static void on_begin(unsigned int cpu, void *unused)
{
	(void)unused;
	if (cpu >= MAX_CPUS)
		abort();
	pthread_mutex_lock(&lock);
	if (!begun++) {
		tdestroy(rows, free);
		rows = NULL;
	}
	cpus[cpu] = (struct cpu){};
	active[cpu] = true;
	pthread_mutex_unlock(&lock);
}

static void on_end(unsigned int cpu, void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	active[cpu] = false;
	if (++ended == jobs) {
		fprintf(out, "part\n");
		twalk(rows, report);
		fflush(out);
		begun = ended = 0;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- translation ---- */

static void watch_locks(struct qemu_plugin_insn *insn, uint64_t after)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	struct site *site;

	if (address < first || address >= slow)
		return;
	site = malloc(sizeof(*site));
	if (!site)
		abort();
	*site = (struct site){ .after = after, .locked = is_locked(insn) };
	qemu_plugin_register_vcpu_mem_cb(insn, on_access, CALLBACK_NO_REGISTERS, LOADS_AND_STORES,
					 site);
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = malloc(sizeof(*block));
	size_t i, size = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (!block)
		abort();
	*block = (struct block){ .address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)),
				 .size = size };
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CALLBACK_NO_REGISTERS, block);
	for (i = 0; i < size; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (!(qemu_plugin_insn_vaddr(insn) & KERNEL_HALF))
			continue;
		watch_locks(insn, size - i);
		follow_interrupts(insn);
		watch_marks(insn, on_begin, on_end);
	}
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 5 || strncmp(argv[0], "out=", 4) || sscanf(argv[1], "jobs=%u", &jobs) != 1 ||
	    sscanf(argv[2], "code=%llx", &first) != 1 || sscanf(argv[3], "slow=%llx", &slow) != 1 ||
	    sscanf(argv[4], "end=%llx", &end) != 1 || !jobs || first >= slow || slow >= end) {
		fprintf(stderr, "locks: expected out=FILE,jobs=N,code=FIRST,slow=SLOW,end=END\n");
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
