// SPDX-License-Identifier: GPL-2.0
/*
 * envelope-bench: the cipher alone.
 *
 * Over the same sizes as the load and over the implementation that the crypto API would
 * give a target, but with nothing around it: one request, of which only the IV
 * and the pages change. What a target takes above this and dm-linear is its own.
 */
#include <crypto/skcipher.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "compat.h"

#define KEY_SIZE 64

/**
 * struct bench_pass - the cipher over one block
 * @tfm: transform
 * @request: the one that is used again and again
 * @wait: for transforms that are asynchronous
 * @source: data of a unit
 * @target: of a unit; @source itself when decrypting, as a read is in place
 * @iv: plain64
 * @source_pages: of a whole block
 * @target_pages: the same table when decrypting
 * @units: of a block
 */
struct bench_pass {
	struct crypto_skcipher *tfm;
	struct skcipher_request *request;
	struct crypto_wait wait;
	struct scatterlist source;
	struct scatterlist target;
	__le64 iv[2];
	struct page **source_pages;
	struct page **target_pages;
	unsigned int units;
};

static void free_pages_of(struct page **pages, unsigned int nr)
{
	if (!pages)
		return;
	while (nr--)
		if (pages[nr])
			__free_page(pages[nr]);
	kfree(pages);
}

static struct page **alloc_pages_of(unsigned int nr)
{
	struct page **pages = kcalloc(nr, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	for (i = 0; pages && i < nr; i++) {
		pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[i]) {
			free_pages_of(pages, nr);
			return NULL;
		}
	}
	return pages;
}

static int crypt_unit(struct bench_pass *pass, enum bench_op op, u64 sector, unsigned int unit)
{
	pass->iv[0] = cpu_to_le64(sector);
	pass->iv[1] = 0;
	sg_set_page(&pass->source, pass->source_pages[unit], BENCH_UNIT, 0);
	if (op == BENCH_DECRYPT) {
		skcipher_request_set_crypt(pass->request, &pass->source, &pass->source, BENCH_UNIT,
					   pass->iv);
		return crypto_wait_req(crypto_skcipher_decrypt(pass->request), &pass->wait);
	}
	sg_set_page(&pass->target, pass->target_pages[unit], BENCH_UNIT, 0);
	skcipher_request_set_crypt(pass->request, &pass->source, &pass->target, BENCH_UNIT,
				   pass->iv);
	return crypto_wait_req(crypto_skcipher_encrypt(pass->request), &pass->wait);
}

static void run(struct bench_pass *pass, enum bench_op op, unsigned int count,
		struct bench_result *result)
{
	unsigned int i, unit;
	u64 sector = 0;

	for (i = 0; i < count; i++) {
		for (unit = 0; unit < pass->units; unit++) {
			if (crypt_unit(pass, op, sector, unit))
				result->errors++;
			sector += BENCH_UNIT >> SECTOR_SHIFT;
		}
		cond_resched();
	}
}

static int set_key(struct crypto_skcipher *tfm)
{
	u8 key[KEY_SIZE];
	int r;

	get_random_bytes(key, sizeof(key));
	r = crypto_skcipher_setkey(tfm, key, sizeof(key));
	memzero_explicit(key, sizeof(key));
	return r;
}

static int pass_init(struct bench_pass *pass, const struct bench_order *order)
{
	/*
	 * Those that begin so are the insides of a driver, for who looks after the FPU; not the
	 * thread around them that the driver keeps for who cannot.
	 */
	bool internal = strstarts(order->driver, "__");
	u32 type = internal ? CRYPTO_ALG_INTERNAL : 0;
	int r;

	pass->tfm = crypto_alloc_skcipher(order->driver, type,
					  internal ? type | CRYPTO_ALG_ASYNC : 0);
	if (IS_ERR(pass->tfm)) {
		r = PTR_ERR(pass->tfm);
		pass->tfm = NULL;
		return r;
	}
	r = set_key(pass->tfm);
	if (r)
		return r;

	pass->request = skcipher_request_alloc(pass->tfm, GFP_KERNEL);
	pass->units = order->block_size / BENCH_UNIT;
	pass->source_pages = alloc_pages_of(pass->units);
	if (order->op == BENCH_ENCRYPT)
		pass->target_pages = alloc_pages_of(pass->units);
	if (!pass->request || !pass->source_pages ||
	    (order->op == BENCH_ENCRYPT && !pass->target_pages))
		return -ENOMEM;

	crypto_init_wait(&pass->wait);
	sg_init_table(&pass->source, 1);
	sg_init_table(&pass->target, 1);
	skcipher_request_set_callback(pass->request, CRYPTO_TFM_REQ_MAY_BACKLOG, crypto_req_done,
				      &pass->wait);
	return 0;
}

static void pass_exit(struct bench_pass *pass)
{
	free_pages_of(pass->source_pages, pass->units);
	free_pages_of(pass->target_pages, pass->units);
	skcipher_request_free(pass->request);
	if (pass->tfm)
		crypto_free_skcipher(pass->tfm);
}

/**
 * bench_cipher() - time the cipher
 * @order: what to do; order->driver becomes the name of the implementation
 * @result: what was seen
 *
 * Context: sleeps. Return: 0; -ENOMEM; -ENOENT if there is no such cipher.
 */
int bench_cipher(struct bench_order *order, struct bench_result *result)
{
	struct bench_pass *pass;
	u64 begin;
	int r;

	pass = kzalloc_obj(*pass);
	if (!pass)
		return -ENOMEM;
	r = pass_init(pass, order);
	if (!r) {
		strscpy(order->driver, crypto_tfm_alg_driver_name(crypto_skcipher_tfm(pass->tfm)),
			sizeof(order->driver));
		run(pass, order->op, order->warmup, result);
		begin = ktime_get_ns();
		bench_mark_begin();
		run(pass, order->op, order->count, result);
		bench_mark_end();
		result->ns = ktime_get_ns() - begin;
		result->ios = order->count;
	}
	pass_exit(pass);
	kfree(pass);
	return r;
}
