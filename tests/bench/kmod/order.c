// SPDX-License-Identifier: GPL-2.0
/*
 * envelope-bench: text to struct bench_order.
 *
 *	op=read|write|mixed device=/dev/... [pattern=random|sequential] [bs=BYTES]
 *	[depth=N] [jobs=N] [count=N] [warmup=N] [reads=PERCENT] [seed=N]
 *	op=encrypt|decrypt [driver=NAME] [bs=BYTES] [count=N] [warmup=N]
 *
 * Must never let a number through that the rest would have to check again.
 */
#include <linux/types.h>
#include <linux/parser.h>
#include <linux/string.h>

#include "bench.h"

static const char *const op_names[] = {
	[BENCH_READ] = "read",	     [BENCH_WRITE] = "write",	  [BENCH_MIXED] = "mixed",
	[BENCH_DECRYPT] = "decrypt", [BENCH_ENCRYPT] = "encrypt",
};

enum token {
	TOKEN_OP,
	TOKEN_DEVICE,
	TOKEN_DRIVER,
	TOKEN_RANDOM,
	TOKEN_SEQUENTIAL,
	TOKEN_BLOCK_SIZE,
	TOKEN_DEPTH,
	TOKEN_JOBS,
	TOKEN_COUNT,
	TOKEN_WARMUP,
	TOKEN_READS,
	TOKEN_SEED,
	TOKEN_ERROR
};

static const match_table_t tokens = {
	{ TOKEN_OP, "op=%s" },
	{ TOKEN_DEVICE, "device=%s" },
	{ TOKEN_DRIVER, "driver=%s" },
	{ TOKEN_RANDOM, "pattern=random" },
	{ TOKEN_SEQUENTIAL, "pattern=sequential" },
	{ TOKEN_BLOCK_SIZE, "bs=%u" },
	{ TOKEN_DEPTH, "depth=%u" },
	{ TOKEN_JOBS, "jobs=%u" },
	{ TOKEN_COUNT, "count=%u" },
	{ TOKEN_WARMUP, "warmup=%u" },
	{ TOKEN_READS, "reads=%u" },
	{ TOKEN_SEED, "seed=%u" },
	{ TOKEN_ERROR, NULL },
};

/**
 * bench_op_name() - as in an order
 * @op: what to do
 *
 * Return: one word.
 */
const char *bench_op_name(enum bench_op op)
{
	return op_names[op];
}

static int parse_op(const substring_t *word, enum bench_op *op)
{
	char name[16];
	int i;

	match_strlcpy(name, word, sizeof(name));
	i = match_string(op_names, ARRAY_SIZE(op_names), name);
	if (i < 0)
		return -EINVAL;
	*op = i;
	return 0;
}

static int parse_name(const substring_t *word, char *name)
{
	return match_strlcpy(name, word, BENCH_PATH_SIZE) < BENCH_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

static int parse_number(substring_t *word, unsigned int *number, unsigned int least,
			unsigned int most)
{
	int r = match_uint(word, number);

	if (r)
		return r;
	return *number >= least && *number <= most ? 0 : -ERANGE;
}

static int parse_word(char *word, struct bench_order *order)
{
	substring_t args[MAX_OPT_ARGS];

	switch (match_token(word, tokens, args)) {
	case TOKEN_OP:
		return parse_op(&args[0], &order->op);
	case TOKEN_DEVICE:
		return parse_name(&args[0], order->device);
	case TOKEN_DRIVER:
		return parse_name(&args[0], order->driver);
	case TOKEN_RANDOM:
		order->sequential = false;
		return 0;
	case TOKEN_SEQUENTIAL:
		order->sequential = true;
		return 0;
	case TOKEN_BLOCK_SIZE:
		return parse_number(&args[0], &order->block_size, BENCH_UNIT, BENCH_MAX_BLOCK);
	case TOKEN_DEPTH:
		return parse_number(&args[0], &order->depth, 1, BENCH_MAX_DEPTH);
	case TOKEN_JOBS:
		return parse_number(&args[0], &order->jobs, 1, BENCH_MAX_JOBS);
	case TOKEN_COUNT:
		return parse_number(&args[0], &order->count, 1, UINT_MAX);
	case TOKEN_WARMUP:
		return parse_number(&args[0], &order->warmup, 0, UINT_MAX);
	case TOKEN_READS:
		return parse_number(&args[0], &order->reads, 0, 100);
	case TOKEN_SEED:
		return parse_number(&args[0], &order->seed, 0, UINT_MAX);
	default:
		return -EINVAL;
	}
}

/**
 * bench_order_parse() - parse and check
 * @text: words, separated by white space; cut up
 * @order: result; undefined on error
 *
 * Return: 0, -EINVAL, -ERANGE, -ENAMETOOLONG; a line in the log names the word.
 */
int bench_order_parse(char *text, struct bench_order *order)
{
	char *word;
	int r;

	*order = (struct bench_order){
		.driver = "xts(aes)",
		.block_size = BENCH_UNIT,
		.depth = 1,
		.jobs = 1,
		.count = 1024,
		.warmup = 64,
		.reads = 70,
		.seed = 1,
	};
	while ((word = strsep(&text, " \t\n"))) {
		if (!*word)
			continue;
		r = parse_word(word, order);
		if (r) {
			pr_err("envelope-bench: not understood, or out of range: %s\n", word);
			return r;
		}
	}
	if (!IS_ALIGNED(order->block_size, BENCH_UNIT)) {
		pr_err("envelope-bench: bs= is no multiple of %d\n", BENCH_UNIT);
		return -EINVAL;
	}
	if (!bench_op_is_cipher(order->op) && !*order->device) {
		pr_err("envelope-bench: device= is missing\n");
		return -EINVAL;
	}
	return 0;
}
