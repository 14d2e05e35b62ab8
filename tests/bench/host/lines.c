// SPDX-License-Identifier: MIT
/*
 * QEMU plugin: which cache lines the guest's CPUs take from each other in the timed part of
 * each measurement, which envelope-bench brackets with two instructions that do nothing.
 *
 *	-plugin lines.so,out=FILE,jobs=N
 *
 * The plugin keeps, for each line of the guest's kernel, the set of CPUs whose cache has it. A
 * load adds the CPU to the set; a store makes the CPU the only one. An access takes the line if the
 * access has to fetch the line from another CPU, or to drop the line in another CPU's cache. The
 * caches are unlimited, so what is counted is sharing alone.
 *
 * What a CPU does in an interrupt is not counted (interrupts.h).
 *
 * The N CPUs of a timed part begin together and go in step: each runs some blocks of instructions,
 * then waits for the others. So a line that all CPUs write is taken at each of their writes,
 * however few processors the host has and whatever else the host does.
 *
 * FILE gets, for every timed part, a line "part", then lines "<address> <taken> <locked>": the
 * accesses of the instruction at that address that took a line, and its locked accesses; then
 * "lines <count>", the most accesses that took one line.
 *
 * Must never stop a CPU for good: a CPU waits for a limited time.
 */
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interrupts.h"
#include "plugin.h"

#define LINE_BITS 6
/* More lines than the measured part of a guest touches; a power of two. */
#define MAX_LINES (1u << 22)
/* Blocks of instructions between two waits, some 1,500 instructions. */
#define STEP 256
/* Limits of a wait for the next step, and for the other CPUs to begin. */
#define STEP_NS	 2000000
#define BEGIN_NS 200000000

/* An instruction; an address has the same one to the end, translated again or not. */
struct instruction {
	uint64_t address;
	bool locked;
	atomic_ullong taken;
	atomic_ullong locked_accesses;
};

/* A line; 0 is no number of a line of the kernel. */
struct line {
	_Atomic uint64_t number;
	_Atomic uint64_t holders;
	atomic_uint taken;
};

static FILE *out;
static struct line *lines;
static void *instructions; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* CPUs in a timed part, and their steps; under the lock but for reading @active. */
static unsigned int jobs;
static unsigned int begun;
static unsigned int ended;
static atomic_uint active;
static bool is_active[MAX_CPUS];
/* Each touched by its CPU alone. */
static unsigned int blocks[MAX_CPUS];
static unsigned int arrived;
static unsigned int step;
static pthread_cond_t stepped = PTHREAD_COND_INITIALIZER;

/* ---- lines ---- */

static struct line *line_of(uint64_t address)
{
	uint64_t number = address >> LINE_BITS, none;
	uint32_t at = (uint32_t)((number * 0x9e3779b97f4a7c15ULL) >> 40);

	for (unsigned int tries = 0; tries < MAX_LINES; tries++, at++) {
		struct line *line = &lines[at & (MAX_LINES - 1)];

		none = 0;
		if (atomic_load_explicit(&line->number, memory_order_relaxed) == number ||
		    atomic_compare_exchange_strong(&line->number, &none, number) || none == number)
			return line;
	}
	fprintf(stderr, "lines: more lines than %u\n", MAX_LINES);
	abort();
}

/* Return: whether another CPU had the line, and this CPU could not use its own copy. */
static bool take(struct line *line, unsigned int cpu, bool store)
{
	uint64_t mine = 1ULL << cpu;

	if (store)
		return atomic_exchange(&line->holders, mine) & ~mine;
	if (atomic_load_explicit(&line->holders, memory_order_relaxed) & mine)
		return false;
	return atomic_fetch_or(&line->holders, mine);
}

static void on_access(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	struct instruction *insn = data;
	struct line *line;

	if (!atomic_load_explicit(&active, memory_order_relaxed) || !(address & KERNEL_HALF) ||
	    cpu >= MAX_CPUS || interrupts[cpu])
		return;
	line = line_of(address);
	if (insn->locked)
		atomic_fetch_add(&insn->locked_accesses, 1);
	if (take(line, cpu, insn->locked || qemu_plugin_mem_is_store(info))) {
		atomic_fetch_add(&insn->taken, 1);
		atomic_fetch_add(&line->taken, 1);
	}
}

/* ---- a timed part ---- */

static void forget(const void *node, VISIT visit, int depth)
{
	struct instruction *insn = *(struct instruction *const *)node;

	(void)depth;
	if (visit == postorder || visit == leaf) {
		insn->taken = 0;
		insn->locked_accesses = 0;
	}
}

static void report(const void *node, VISIT visit, int depth)
{
	const struct instruction *insn = *(struct instruction *const *)node;

	(void)depth;
	if ((visit == postorder || visit == leaf) && (insn->taken || insn->locked_accesses))
		fprintf(out, "%llx %llu %llu\n", (unsigned long long)insn->address, insn->taken,
			insn->locked_accesses);
}

static void write_part(void)
{
	unsigned int most = 0;

	fprintf(out, "part\n");
	twalk(instructions, report);
	for (unsigned int i = 0; i < MAX_LINES; i++)
		if (lines[i].taken > most)
			most = lines[i].taken;
	fprintf(out, "lines %u\n", most);
	fflush(out);
}

static void next_step(void)
{
	arrived = 0;
	step++;
	pthread_cond_broadcast(&stepped);
}

/* Waits for the next step, for a limited time: a CPU that sleeps does not come. With the lock. */
static void wait_for_step(long limit)
{
	struct timespec until;
	unsigned int now = step;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += limit;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (now == step && !pthread_cond_timedwait(&stepped, &lock, &until))
		;
}

static void on_begin(unsigned int cpu, void *unused)
{
	(void)unused;
	if (cpu >= MAX_CPUS)
		abort();
	pthread_mutex_lock(&lock);
	if (!begun) {
		memset(lines, 0, MAX_LINES * sizeof(*lines));
		twalk(instructions, forget);
	}
	is_active[cpu] = true;
	active++;
	if (++begun == jobs)
		next_step();
	else
		wait_for_step(BEGIN_NS);
	pthread_mutex_unlock(&lock);
}

static void on_end(unsigned int cpu, void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	is_active[cpu] = false;
	active--;
	if (++ended == jobs) {
		write_part();
		begun = ended = 0;
	}
	next_step();
	pthread_mutex_unlock(&lock);
}

static void wait_for_others(void)
{
	unsigned int now;

	pthread_mutex_lock(&lock);
	if (++arrived >= active) {
		next_step();
	} else {
		now = step;
		wait_for_step(STEP_NS);
		if (now == step)
			arrived--;
	}
	pthread_mutex_unlock(&lock);
}

static void on_block(unsigned int cpu, void *unused)
{
	(void)unused;
	if (!atomic_load_explicit(&active, memory_order_relaxed) || cpu >= MAX_CPUS ||
	    !is_active[cpu] || ++blocks[cpu] % STEP)
		return;
	wait_for_others();
}

/* ---- translation ---- */

static int compare(const void *a, const void *b)
{
	const struct instruction *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static struct instruction *instruction_of(const struct qemu_plugin_insn *insn)
{
	struct instruction *new = calloc(1, sizeof(*new)), **found;

	if (!new)
		abort();
	new->address = qemu_plugin_insn_vaddr(insn);
	new->locked = is_locked(insn);
	pthread_mutex_lock(&lock);
	found = tsearch(new, &instructions, compare);
	pthread_mutex_unlock(&lock);
	if (!found)
		abort();
	if (*found != new)
		free(new);
	return *found;
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CALLBACK_NO_REGISTERS, NULL);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (!(qemu_plugin_insn_vaddr(insn) & KERNEL_HALF))
			continue;
		qemu_plugin_register_vcpu_mem_cb(insn, on_access, CALLBACK_NO_REGISTERS,
						 LOADS_AND_STORES, instruction_of(insn));
		follow_interrupts(insn);
		watch_marks(insn, on_begin, on_end);
	}
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 2 || strncmp(argv[0], "out=", 4) || sscanf(argv[1], "jobs=%u", &jobs) != 1 ||
	    !jobs) {
		fprintf(stderr, "lines: expected out=FILE,jobs=N\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	lines = calloc(MAX_LINES, sizeof(*lines));
	if (!out || !lines) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
