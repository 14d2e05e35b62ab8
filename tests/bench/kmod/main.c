// SPDX-License-Identifier: GPL-2.0
/*
 * envelope-bench: load generator of the benchmark.
 *
 * In debugfs, folder envelope-bench: what is written to "run" is one measurement (see
 * order.c), and the write returns when it is over; "result" is then one line of JSON.
 *
 *	cd /sys/kernel/debug/envelope-bench
 *	echo op=read device=/dev/mapper/db bs=4096 depth=32 count=4096 >run && cat result
 *
 * Must never keep a device open between two measurements.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bench.h"

#define ORDER_TEXT_SIZE 1024

/* Of one measurement at a time. */
static DEFINE_MUTEX(bench_lock);

/* The last measurement; guarded by bench_lock. */
static struct bench_order bench_order;
static struct bench_result bench_result;
static bool bench_measured;

static int measure(char *text)
{
	struct bench_order *order = &bench_order;
	int r;

	bench_measured = false;
	r = bench_order_parse(text, order);
	if (r)
		return r;

	bench_result = (struct bench_result){};
	if (bench_op_is_cipher(order->op))
		r = bench_cipher(order, &bench_result);
	else
		r = bench_load(order, &bench_result);
	bench_measured = !r;
	return r;
}

static ssize_t run_write(struct file *file, const char __user *data, size_t size, loff_t *offset)
{
	char *text;
	int r;

	if (size > ORDER_TEXT_SIZE)
		return -E2BIG;
	text = memdup_user_nul(data, size);
	if (IS_ERR(text))
		return PTR_ERR(text);

	mutex_lock(&bench_lock);
	r = measure(text);
	mutex_unlock(&bench_lock);
	kfree(text);
	return r ? r : size;
}

static const struct file_operations run_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = run_write,
};

static void show_order(struct seq_file *file, const struct bench_order *order)
{
	seq_printf(file, "\"op\":\"%s\",\"bs\":%u", bench_op_name(order->op), order->block_size);
	if (bench_op_is_cipher(order->op)) {
		seq_printf(file, ",\"driver\":\"%s\"", order->driver);
		return;
	}
	seq_printf(file, ",\"device\":\"%s\",\"pattern\":\"%s\",\"depth\":%u,\"jobs\":%u",
		   order->device, order->sequential ? "sequential" : "random", order->depth,
		   order->jobs);
	if (order->op == BENCH_MIXED)
		seq_printf(file, ",\"reads\":%u", order->reads);
}

static int result_show(struct seq_file *file, void *unused)
{
	const struct bench_result *result = &bench_result;
	int r = -ENODATA;

	mutex_lock(&bench_lock);
	if (bench_measured) {
		seq_putc(file, '{');
		show_order(file, &bench_order);
		seq_printf(file, ",\"ios\":%llu,\"ns\":%llu,\"sleeps\":%llu,\"errors\":%llu}\n",
			   result->ios, result->ns, result->sleeps, result->errors);
		r = 0;
	}
	mutex_unlock(&bench_lock);
	return r;
}
DEFINE_SHOW_ATTRIBUTE(result);

static struct dentry *bench_folder;

static int __init bench_init(void)
{
	bench_folder = debugfs_create_dir("envelope-bench", NULL);
	if (IS_ERR(bench_folder))
		return PTR_ERR(bench_folder);
	debugfs_create_file("run", 0200, bench_folder, NULL, &run_fops);
	debugfs_create_file("result", 0400, bench_folder, NULL, &result_fops);
	return 0;
}

static void __exit bench_exit(void)
{
	debugfs_remove(bench_folder);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Load generator of the dm-envelope benchmark");
MODULE_LICENSE("GPL");
