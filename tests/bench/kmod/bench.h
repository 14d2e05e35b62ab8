/* SPDX-License-Identifier: GPL-2.0 */
/*
 * envelope-bench: what a measurement is, and what came of it.
 *
 *	main.c		the files in debugfs
 *	order.c		text to struct bench_order
 *	load.c		a block device under load: jobs, from start to sum
 *	job.c		one job: a thread that keeps so many bios in flight
 *	cipher.c	the cipher alone, on the same data
 *	compat.h	differences between kernels
 *
 * Must never be loaded on a machine that holds data: it overwrites the devices that it
 * gets with zeroes.
 */
#ifndef _ENVELOPE_BENCH_H
#define _ENVELOPE_BENCH_H

#include <linux/blkdev.h>
#include <linux/types.h>

#define BENCH_PATH_SIZE 128
#define BENCH_MAX_BLOCK (4 * 1024 * 1024)
#define BENCH_MAX_DEPTH 1024
#define BENCH_MAX_JOBS	64

/* The unit of the ciphers that are compared, and the size of a segment of a bio. */
#define BENCH_UNIT 4096

enum bench_op {
	BENCH_READ,
	BENCH_WRITE,
	BENCH_MIXED,
	BENCH_DECRYPT,
	BENCH_ENCRYPT,
};

/**
 * struct bench_order - one measurement, as it was asked for
 * @device: path of a block device; unused by the cipher
 * @driver: name of a cipher, "xts(aes)" or an implementation of it
 * @op: what to do
 * @sequential: addresses one after the other, else random ones
 * @block_size: bytes of one I/O, a multiple of BENCH_UNIT
 * @depth: bios that each job keeps in flight
 * @jobs: threads, each on a CPU of its own while there are some
 * @count: I/Os that each job is timed over
 * @warmup: I/Os that each job does before that
 * @reads: of 100 I/Os, for BENCH_MIXED
 * @seed: of the random addresses
 */
struct bench_order {
	char device[BENCH_PATH_SIZE];
	char driver[BENCH_PATH_SIZE];
	enum bench_op op;
	bool sequential;
	unsigned int block_size;
	unsigned int depth;
	unsigned int jobs;
	unsigned int count;
	unsigned int warmup;
	unsigned int reads;
	unsigned int seed;
};

/**
 * struct bench_result - what was seen
 * @ns: from the first I/O to the end of the last; under icount: instructions
 * @ios: I/Os in that time
 * @sleeps: times that a job found none of its bios back, and slept
 * @errors: I/Os that failed
 */
struct bench_result {
	u64 ns;
	u64 ios;
	u64 sleeps;
	u64 errors;
};

struct bench_job;

static inline bool bench_op_is_cipher(enum bench_op op)
{
	return op == BENCH_DECRYPT || op == BENCH_ENCRYPT;
}

/*
 * Where the timed part begins and ends, for an observer of instructions: these do
 * nothing, and no compiler makes them.
 */
static inline void bench_mark_begin(void)
{
#ifdef CONFIG_X86_64
	asm volatile("xchg %%bx, %%bx" : : : "memory");
#endif
}

static inline void bench_mark_end(void)
{
#ifdef CONFIG_X86_64
	asm volatile("xchg %%cx, %%cx" : : : "memory");
#endif
}

/* ---- order.c ---- */

const char *bench_op_name(enum bench_op op);
int bench_order_parse(char *text, struct bench_order *order);

/* ---- load.c ---- */

int bench_load(const struct bench_order *order, struct bench_result *result);

/* ---- job.c ---- */

struct bench_job *bench_job_alloc(const struct bench_order *order, struct block_device *bdev,
				  unsigned int number);
void bench_job_free(struct bench_job *job);
void bench_job_run(struct bench_job *job, bool timed);
void bench_job_add(const struct bench_job *job, struct bench_result *result, u64 *begin, u64 *end);

/* ---- cipher.c ---- */

int bench_cipher(struct bench_order *order, struct bench_result *result);

#endif
