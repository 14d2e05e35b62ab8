// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: AES-256-XTS over data units, as dm-crypt's aes-xts-plain64 does it.
 *
 * The result must be byte for byte what dm-crypt writes with the same sector size.
 *
 * Only synchronous transforms are used. The CPU that begins a data unit finishes it at once, in
 * process context or in a bottom half. So the work fits into a section, needs no memory but the
 * stack, and leaves no thread behind that still uses the key. Before Linux 6.16 the fast drivers
 * of x86 are synchronous only in their internal form, "__xts(aes)". A caller of that form must
 * check the FPU with envelope_cipher_may_run().
 *
 * Must never run in hard interrupt context or with interrupts off.
 */
#include <crypto/internal/skcipher.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "envelope.h"

#define DATA_UNIT_MAX 4096

/*
 * What a section may take, some 100 us, and how often that is measured: interrupts come in between.
 * In the benchmark of instructions 64 KiB take 123 us and are one piece.
 */
#define SECTION_NS	128000
#define NR_MEASUREMENTS 5

static struct crypto_sync_skcipher *alloc_transform(void)
{
	/*
	 * No driver that allocates memory for a request: a write that is to free memory comes
	 * through here, and other bios wait behind it.
	 */
	const u32 refused = CRYPTO_ALG_ALLOCATES_MEMORY;

#ifdef ENVELOPE_XTS_IS_INTERNAL
	struct crypto_sync_skcipher *tfm =
		crypto_alloc_sync_skcipher("__xts(aes)", CRYPTO_ALG_INTERNAL,
					   CRYPTO_ALG_INTERNAL | refused);

	/* A failed allocation is no reason to take a slower driver. */
	if (!IS_ERR(tfm) || PTR_ERR(tfm) == -ENOMEM)
		return tfm;
#endif
	return crypto_alloc_sync_skcipher("xts(aes)", 0, refused);
}

/**
 * envelope_cipher_alloc() - a transform with its key schedule
 * @key: ENVELOPE_KEY_SIZE bytes
 *
 * Context: sleeps; may load a crypto driver.
 * Return: the transform, or an ERR_PTR: -EINVAL for a weak key, -ENOENT if no transform can be
 * used here, or the crypto API's error.
 */
struct crypto_sync_skcipher *envelope_cipher_alloc(const u8 *key)
{
	struct crypto_sync_skcipher *tfm = alloc_transform();
	int r;

	if (IS_ERR(tfm))
		return tfm;
	crypto_sync_skcipher_set_flags(tfm, CRYPTO_TFM_REQ_FORBID_WEAK_KEYS);
	r = crypto_sync_skcipher_setkey(tfm, key, ENVELOPE_KEY_SIZE);
	if (r) {
		crypto_free_sync_skcipher(tfm);
		return ERR_PTR(r);
	}
	return tfm;
}

/**
 * envelope_cipher_free() - the end of a key schedule
 * @tfm: transform that is no longer used; NULL is allowed
 *
 * The crypto API wipes the memory of a transform and of its children as it frees it.
 *
 * Context: may sleep.
 */
void envelope_cipher_free(struct crypto_sync_skcipher *tfm)
{
	if (tfm)
		crypto_free_sync_skcipher(tfm);
}

/**
 * envelope_cipher_overwrite() - overwrite a key schedule where it is
 * @tfm: transform that no data goes through any more
 *
 * A transform may have children, which only a new key reaches. Where no new key can be set, the
 * fast drivers have none: their whole key schedule is in the transform.
 *
 * Context: any, when the kernel has failed.
 */
void envelope_cipher_overwrite(struct crypto_sync_skcipher *tfm)
{
	static const u8 no_key[ENVELOPE_KEY_SIZE] __aligned(16) = { 1 };

	if (!envelope_cipher_may_set_key())
		memzero_explicit(crypto_skcipher_ctx(&tfm->base),
				 crypto_skcipher_alg(&tfm->base)->base.cra_ctxsize);
	else if (crypto_sync_skcipher_setkey(tfm, no_key, sizeof(no_key)))
		pr_emerg("a volume key could not be overwritten\n");
}

/**
 * envelope_cipher_driver() - the implementation in use
 * @tfm: transform
 *
 * Return: name as in /proc/crypto.
 */
const char *envelope_cipher_driver(struct crypto_sync_skcipher *tfm)
{
	return crypto_tfm_alg_driver_name(crypto_skcipher_tfm(&tfm->base));
}

/**
 * envelope_cipher_is_slow() - is this driver too slow for a database?
 * @driver: name as in /proc/crypto
 *
 * Return: true for C implementations and for XTS composed by a template out of a
 * block cipher, which is several times slower than an XTS driver even over AES-NI.
 */
bool envelope_cipher_is_slow(const char *driver)
{
	return strstr(driver, "generic") || strstr(driver, "-lib") ||
	       strstr(driver, "fixed-time") || strstarts(driver, "xts(");
}

/**
 * envelope_cipher_iv() - plain64
 * @iv: to be filled
 * @sector: in 512-byte units, whatever the size of a data unit, as LUKS2 counts
 */
void envelope_cipher_iv(__le64 iv[2], u64 sector)
{
	iv[0] = cpu_to_le64(sector);
	iv[1] = 0;
}

/**
 * envelope_gather_init() - prepare
 * @gather: to be initialised
 *
 * Context: may sleep. Return: 0 or -ENOMEM.
 */
int envelope_gather_init(struct envelope_gather *gather)
{
	spin_lock_init(&gather->lock);
	gather->unit = kmalloc(DATA_UNIT_MAX, GFP_KERNEL);
	return gather->unit ? 0 : -ENOMEM;
}

/**
 * envelope_gather_exit() - free
 * @gather: no longer in use
 */
void envelope_gather_exit(struct envelope_gather *gather)
{
	kfree_sensitive(gather->unit);
}

/* State of a pass from one data unit to the next; the data units use @ivs by turns. */
struct pass_state {
	struct scatterlist src;
	struct scatterlist dst;
	__le64 ivs[2][2];
	/* As SYNC_SKCIPHER_REQUEST_ON_STACK(), in a struct. */
	union {
		struct skcipher_request request;
		u8 memory[sizeof(struct skcipher_request) + MAX_SYNC_SKCIPHER_REQSIZE];
	};
};

/* A list of one segment. Fields that each data unit sets are not cleared. */
static void init_segment(struct scatterlist *sg)
{
	sg->page_link = 0;
	sg_init_marker(sg, 1);
}

static void init_pass(struct pass_state *state, struct crypto_sync_skcipher *tfm)
{
	WARN_ON_ONCE(!envelope_section_is_open());
	init_segment(&state->src);
	init_segment(&state->dst);
	skcipher_request_set_sync_tfm(&state->request, tfm);
	skcipher_request_set_callback(&state->request, 0, NULL, NULL);
}

/* Apart, since the address of the request would cost each bio a register. */
static noinline __cold void wipe_request(struct pass_state *state)
{
	skcipher_request_zero(&state->request);
}

static __always_inline void wipe(struct pass_state *state, size_t ivs_bytes,
				 struct crypto_sync_skcipher *tfm)
{
	/* The encrypted tweak is in the IV, and in the request if the driver keeps one there. */
	memzero_explicit(state->ivs, ivs_bytes);
	if (unlikely(crypto_skcipher_reqsize(&tfm->base)))
		wipe_request(state);
}

static __always_inline int crypt_segment(struct pass_state *state, struct scatterlist *src,
					 struct scatterlist *dst, __le64 *iv, unsigned int size,
					 bool encrypt)
{
	skcipher_request_set_crypt(&state->request, src, dst, size, iv);
	return encrypt ? crypto_skcipher_encrypt(&state->request)
		       : crypto_skcipher_decrypt(&state->request);
}

/**
 * envelope_cipher_unit() - encrypt or decrypt one contiguous data unit
 * @tfm: transform of an open section
 * @sector: as @iv_sector of struct envelope_cipher_pass
 * @size: bytes of a data unit
 * @src: page in which the data unit begins
 * @offset: of the data unit in @src, in bytes
 * @dst: page for the ciphertext; NULL: decrypt in place
 *
 * The same as envelope_cipher_run() for one data unit. Most bios have one data unit.
 *
 * Context: inside a section, where envelope_cipher_may_run() allows it. Never sleeps.
 * Return: 0, or the crypto API's error.
 */
int envelope_cipher_unit(struct crypto_sync_skcipher *tfm, u64 sector, unsigned int size,
			 struct page *src, unsigned int offset, struct page *dst)
{
	/* Stock kernels clear stack variables: this one is half a page, for each bio. */
	struct pass_state state __uninitialized;
	int r;

	init_pass(&state, tfm);
	envelope_cipher_iv(state.ivs[0], sector);
	sg_set_page(&state.src, src, size, offset);
	if (dst)
		sg_set_page(&state.dst, dst, size, 0);
	r = crypt_segment(&state, &state.src, dst ? &state.dst : &state.src, state.ivs[0], size,
			  dst);
	wipe(&state, sizeof(state.ivs[0]), tfm);
	return r;
}

/**
 * envelope_cipher_measure() - how much may one section do?
 * @tfm: transform with a key
 * @bytes: set to what @tfm does in some 100 us: 4096 bytes or a multiple
 *
 * Context: process context, sleeps. Return: 0, -ENOMEM, or the crypto API's error.
 */
int envelope_cipher_measure(struct crypto_sync_skcipher *tfm, unsigned int *bytes)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	u64 began, least = SECTION_NS;
	struct envelope_lifecycle lc;
	int i, r = 0;

	if (!page)
		return -ENOMEM;
	envelope_lifecycle_init(&lc);
	for (i = 0; i < NR_MEASUREMENTS && !r; i++) {
		envelope_section_enter(&lc);
		began = ktime_get_ns();
		r = envelope_cipher_unit(tfm, i, DATA_UNIT_MAX, page, 0, page);
		least = clamp(ktime_get_ns() - began, 1, least);
		envelope_section_leave();
	}
	__free_page(page);
	/* Not whole pages: 64 KiB may take a slow driver a millisecond. */
	*bytes = SECTION_NS / (u32)least * DATA_UNIT_MAX;
	return r;
}

static void copy_unit(struct bio_vec *segments, struct bvec_iter iter, u8 *unit, unsigned int size,
		      bool from_unit)
{
	while (size) {
		struct bio_vec bv = bvec_iter_bvec(segments, iter);

		bv.bv_len = min(bv.bv_len, size);
		if (from_unit)
			memcpy_to_bvec(&bv, unit);
		else
			memcpy_from_bvec(unit, &bv);
		unit += bv.bv_len;
		size -= bv.bv_len;
		bvec_iter_advance(segments, &iter, bv.bv_len);
	}
}

/* A data unit that straddles segments goes through a contiguous buffer, which is then wiped. */
static noinline int crypt_scattered(const struct envelope_cipher_pass *pass,
				    struct pass_state *state, __le64 *iv, unsigned int at)
{
	struct envelope_gather *gather = pass->gather;
	struct bvec_iter iter = pass->src_iter;
	int r;

	bvec_iter_advance(pass->src, &iter, at);
	spin_lock_bh(&gather->lock);
	copy_unit(pass->src, iter, gather->unit, pass->sector_size, false);
	sg_set_buf(&state->src, gather->unit, pass->sector_size);
	r = crypt_segment(state, &state->src, pass->dst ? &state->dst : &state->src, iv,
			  pass->sector_size, pass->encrypt);
	if (!r && !pass->dst)
		copy_unit(pass->src, iter, gather->unit, pass->sector_size, true);
	memzero_explicit(gather->unit, pass->sector_size);
	spin_unlock_bh(&gather->lock);
	return r;
}

/* A contiguous data unit, of which a part may be in the next page of its segment. */
static __always_inline void set_unit(struct scatterlist *sg, const struct bio_vec *segment,
				     unsigned int done, unsigned int size)
{
	unsigned int place = segment->bv_offset + done;

	sg_set_page(sg, segment->bv_page + (place >> PAGE_SHIFT), size, offset_in_page(place));
}

/* The place for the ciphertext of the data unit at @at of the range, which may begin in a page. */
static __always_inline void set_dst(const struct envelope_cipher_pass *pass, struct scatterlist *sg,
				    unsigned int at)
{
	unsigned int place = pass->dst_offset + at;
	unsigned int order = pass->dst_order;
	unsigned int nr = place >> PAGE_SHIFT;

	sg_set_page(sg, pass->dst[nr >> order].bv_page + (nr & ((1U << order) - 1)),
		    pass->sector_size, offset_in_page(place));
}

/**
 * envelope_cipher_run() - encrypt or decrypt the data of a bio, or a part of it
 * @pass: the data and the transform
 *
 * Each byte of the source is read once. A page that changes while it is being written yields
 * the ciphertext of one of its versions.
 *
 * An IV is written one data unit ahead. A driver reads it in one piece, and a processor cannot
 * forward two halves that were just written to such a read: it waits for both to reach the cache,
 * with all that follows. That took 10 ns of each data unit. The segments are followed by hand, so
 * the second IV costs no further instruction.
 *
 * Context: inside a section, where envelope_cipher_may_run() allows it. Never sleeps.
 * Return: 0; -EINVAL if the size is not a multiple of the data unit; the crypto API's error.
 */
int envelope_cipher_run(const struct envelope_cipher_pass *pass)
{
	const struct bio_vec *segment = __bvec_iter_bvec(pass->src, pass->src_iter);
	unsigned int done = mp_bvec_iter_offset(pass->src, pass->src_iter) - segment->bv_offset;
	unsigned int at, size = pass->sector_size, all = pass->src_iter.bi_size;
	struct pass_state state __uninitialized;
	u64 sector = pass->iv_sector;
	__le64 *iv = state.ivs[0], *next = state.ivs[1];
	int r = 0;

	if (!all || !IS_ALIGNED(all, size))
		return -EINVAL;

	init_pass(&state, pass->tfm);
	envelope_cipher_iv(iv, sector);
	for (at = 0; at < all && !r; at += size) {
		sector += size >> SECTOR_SHIFT;
		envelope_cipher_iv(next, sector);
		if (pass->dst)
			set_dst(pass, &state.dst, at);
		if (likely(segment->bv_len - done >= size)) {
			set_unit(&state.src, segment, done, size);
			r = crypt_segment(&state, &state.src, pass->dst ? &state.dst : &state.src,
					  iv, size, pass->encrypt);
		} else {
			r = crypt_scattered(pass, &state, iv, at);
		}
		swap(iv, next);
		for (done += size; done >= segment->bv_len && at + size < all; segment++)
			done -= segment->bv_len;
	}
	wipe(&state, sizeof(state.ivs), pass->tfm);
	return r;
}
