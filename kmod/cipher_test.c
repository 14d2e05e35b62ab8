// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the cipher layer against published vectors.
 *
 * Data units go through envelope_cipher_run(), as bios do. The layer knows only whole units of 512
 * or 4096 bytes and 64-bit sector numbers. Vectors with other lengths and tweaks (NIST CAVP,
 * ciphertext stealing) go to the transform that the layer allocates, which shows that
 * algorithm, mode and key order are right.
 */
#include <kunit/test.h>
#include <crypto/internal/skcipher.h>
#include <linux/kmsg_dump.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "fixture_test.h"
#include "cipher_vectors.h"

#define UNITS  3
#define BUFFER (UNITS * 4096)

KUNIT_ARRAY_PARAM_DESC(unit, unit_vectors, name);
KUNIT_ARRAY_PARAM_DESC(raw, raw_vectors, name);

struct bench {
	struct crypto_sync_skcipher *tfm;
	struct envelope_gather gather;
	u8 *src;
	u8 *dst;
};

static void free_cipher(void *tfm)
{
	envelope_cipher_free(tfm);
}

static void free_gather(void *gather)
{
	envelope_gather_exit(gather);
}

static void free_pages_of(void *pages)
{
	free_pages_exact(pages, BUFFER);
}

static u8 *pages(struct kunit *test)
{
	u8 *memory = alloc_pages_exact(BUFFER, GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_pages_of, memory), 0);
	return memory;
}

static struct bench *bench_new(struct kunit *test, const u8 *key)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->tfm = envelope_cipher_alloc(key);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, bench->tfm);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_cipher, bench->tfm), 0);
	KUNIT_ASSERT_EQ(test, envelope_gather_init(&bench->gather), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_gather, &bench->gather), 0);
	memset(bench->gather.unit, 0, 4096);
	bench->src = pages(test);
	bench->dst = pages(test);
	for (i = 0; i < BUFFER; i++)
		bench->src[i] = i;
	return bench;
}

/* Of no device. */
static const struct envelope_lifecycle lc = { .cause = ATOMIC_INIT(ENVELOPE_NOT_FAILED) };

static int crypt(const struct envelope_cipher_pass *pass)
{
	int r;

	envelope_section_enter(&lc);
	r = envelope_cipher_run(pass);
	envelope_section_leave();
	return r;
}

/* Encrypts @size bytes of @bench->src, cut into segments after every @cut bytes. */
static int encrypt(struct bench *bench, u64 sector, unsigned int unit, unsigned int size,
		   unsigned int cut)
{
	struct bio_vec src[32], dst[UNITS];
	struct envelope_cipher_pass pass = {
		.tfm = bench->tfm,
		.gather = &bench->gather,
		.src = src,
		.src_iter = { .bi_size = size },
		.dst = dst,
		.iv_sector = sector,
		.sector_size = unit,
		.encrypt = true,
	};
	unsigned int i, at;

	for (i = 0, at = 0; at < size; i++, at += cut)
		bvec_set_virt(&src[i], bench->src + at, min(cut, size - at));
	for (i = 0; i < UNITS; i++)
		bvec_set_virt(&dst[i], bench->dst + i * PAGE_SIZE, PAGE_SIZE);
	return crypt(&pass);
}

/* Decrypts @bench->dst in place. */
static int decrypt(struct bench *bench, u64 sector, unsigned int unit, unsigned int size,
		   unsigned int cut)
{
	struct bio_vec segments[32];
	struct envelope_cipher_pass pass = {
		.tfm = bench->tfm,
		.gather = &bench->gather,
		.src = segments,
		.src_iter = { .bi_size = size },
		.iv_sector = sector,
		.sector_size = unit,
	};
	unsigned int i, at;

	for (i = 0, at = 0; at < size; i++, at += cut)
		bvec_set_virt(&segments[i], bench->dst + at, min(cut, size - at));
	return crypt(&pass);
}

/* Like encrypt() and decrypt(), for one data unit, as bios of that size do it. */
static int crypt_unit(struct bench *bench, u64 sector, unsigned int size, bool encrypt)
{
	/* virt_to_page() of arm64 takes no expression. */
	u8 *data = encrypt ? bench->src : bench->dst;
	int r;

	envelope_section_enter(&lc);
	r = envelope_cipher_unit(bench->tfm, sector, size, virt_to_page(data), 0,
				 encrypt ? virt_to_page(bench->dst) : NULL);
	envelope_section_leave();
	return r;
}

static void data_units_agree(struct kunit *test)
{
	const struct unit_vector *vector = test->param_value;
	struct bench *bench = bench_new(test, unit_vector_key);
	unsigned int size = vector->size;

	KUNIT_ASSERT_EQ(test, encrypt(bench, vector->sector, size, size, size), 0);
	KUNIT_EXPECT_MEMEQ(test, bench->dst, vector->head, 32);
	KUNIT_EXPECT_MEMEQ(test, bench->dst + size - 32, vector->tail, 32);

	KUNIT_ASSERT_EQ(test, decrypt(bench, vector->sector, size, size, size), 0);
	KUNIT_EXPECT_MEMEQ(test, bench->dst, bench->src, size);

	KUNIT_ASSERT_EQ(test, crypt_unit(bench, vector->sector, size, true), 0);
	KUNIT_EXPECT_MEMEQ(test, bench->dst, vector->head, 32);
	KUNIT_EXPECT_MEMEQ(test, bench->dst + size - 32, vector->tail, 32);

	KUNIT_ASSERT_EQ(test, crypt_unit(bench, vector->sector, size, false), 0);
	KUNIT_EXPECT_MEMEQ(test, bench->dst, bench->src, size);
}

static void transform_agrees(struct kunit *test)
{
	const struct raw_vector *vector = test->param_value;
	struct crypto_sync_skcipher *tfm = envelope_cipher_alloc(vector->key);
	struct skcipher_request *request;
	struct scatterlist sg;
	DECLARE_CRYPTO_WAIT(wait);
	u8 tweak[16];
	u8 *data;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tfm);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_cipher, tfm), 0);
	request = kunit_kzalloc(test, sizeof(*request) + crypto_skcipher_reqsize(&tfm->base),
				GFP_KERNEL);
	data = kunit_kzalloc(test, vector->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, request);
	KUNIT_ASSERT_NOT_NULL(test, data);

	memcpy(data, vector->plaintext, vector->size);
	memcpy(tweak, vector->tweak, sizeof(tweak));
	sg_init_one(&sg, data, vector->size);
	skcipher_request_set_sync_tfm(request, tfm);
	skcipher_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP, crypto_req_done, &wait);
	skcipher_request_set_crypt(request, &sg, &sg, vector->size, tweak);
	KUNIT_ASSERT_EQ(test, crypto_wait_req(crypto_skcipher_encrypt(request), &wait), 0);
	KUNIT_EXPECT_MEMEQ(test, data, vector->ciphertext, vector->size);

	memcpy(tweak, vector->tweak, sizeof(tweak));
	KUNIT_ASSERT_EQ(test, crypto_wait_req(crypto_skcipher_decrypt(request), &wait), 0);
	KUNIT_EXPECT_MEMEQ(test, data, vector->plaintext, vector->size);
}

struct cut_row {
	const char *name;
	unsigned int unit;
	unsigned int cut; /* bytes of a segment */
};

static const struct cut_row cut_rows[] = {
	{ "1 segments of 512, units of 4096", 4096, 512 },
	{ "2 segments of 1000, units of 4096", 4096, 1000 },
	{ "3 segments of 4097, units of 4096", 4096, 4097 },
	{ "4 segments of 8192, units of 4096", 4096, 8192 },
	{ "5 segments of 6144, units of 512", 512, 6144 },
	{ "6 segments of 700, units of 512", 512, 700 },
	{ "7 segments of 511, units of 512", 512, 511 },
	{ "8 one segment, units of 512", 512, BUFFER },
};

KUNIT_ARRAY_PARAM_DESC(cut, cut_rows, name);

/* Encrypts @bench->src unit by unit, each by itself, into @expected. */
static void expect_units(struct kunit *test, struct bench *bench, u64 sector, unsigned int unit,
			 u8 *expected)
{
	unsigned int at;
	int r;

	for (at = 0; at < BUFFER; at += unit) {
		u8 *data = bench->src + at;

		envelope_section_enter(&lc);
		r = envelope_cipher_unit(bench->tfm, sector + (at >> SECTOR_SHIFT), unit,
					 virt_to_page(data), offset_in_page(data),
					 virt_to_page(bench->dst));
		envelope_section_leave();
		KUNIT_EXPECT_EQ(test, r, 0);
		memcpy(expected + at, bench->dst, unit);
	}
}

/* The ciphertext does not depend on the segments. */
static void segments_do_not_matter(struct kunit *test)
{
	const struct cut_row *row = test->param_value;
	struct bench *bench = bench_new(test, unit_vector_key);
	const u64 sector = 0x1000000f8ULL;
	u8 *expected = pages(test);

	expect_units(test, bench, sector, row->unit, expected);
	memset(bench->dst, 0, BUFFER);
	KUNIT_ASSERT_EQ(test, encrypt(bench, sector, row->unit, BUFFER, row->cut), 0);
	KUNIT_EXPECT_TRUE(test, !memcmp(bench->dst, expected, BUFFER));

	KUNIT_ASSERT_EQ(test, decrypt(bench, sector, row->unit, BUFFER, row->cut), 0);
	KUNIT_EXPECT_TRUE(test, !memcmp(bench->dst, bench->src, BUFFER));
	/* The gathered unit may be plaintext, so it must be wiped. */
	KUNIT_EXPECT_NULL(test, memchr_inv(bench->gather.unit, 0, 4096));
}

static void part_of_a_unit_is_refused(struct kunit *test)
{
	struct bench *bench = bench_new(test, unit_vector_key);

	KUNIT_EXPECT_EQ(test, encrypt(bench, 0, 4096, 4095, 4096), -EINVAL);
	KUNIT_EXPECT_EQ(test, encrypt(bench, 0, 4096, 512, 4096), -EINVAL);
	KUNIT_EXPECT_EQ(test, decrypt(bench, 0, 512, 511, 4096), -EINVAL);
	KUNIT_EXPECT_NULL(test, memchr_inv(bench->dst, 0, BUFFER));
}

static void weak_key_is_refused(struct kunit *test)
{
	struct crypto_sync_skcipher *tfm;
	u8 key[64] = {};

	tfm = envelope_cipher_alloc(key);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(tfm), -EINVAL);
	if (!IS_ERR(tfm))
		envelope_cipher_free(tfm);
}

static void slow_drivers_are_known(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, envelope_cipher_is_slow("xts(ecb(aes-generic))"));
	KUNIT_EXPECT_TRUE(test, envelope_cipher_is_slow("xts-aes-lib"));
	KUNIT_EXPECT_TRUE(test, envelope_cipher_is_slow("xts(ecb-aes-aesni)"));
	KUNIT_EXPECT_TRUE(test, envelope_cipher_is_slow("xts(aes-fixed-time)"));
	KUNIT_EXPECT_FALSE(test, envelope_cipher_is_slow("xts-aes-aesni"));
	KUNIT_EXPECT_FALSE(test, envelope_cipher_is_slow("xts-aes-vaes-avx512"));
	KUNIT_EXPECT_FALSE(test, envelope_cipher_is_slow("xts-aes-ce"));
}

/* ---- the warning ---- */

struct driver_row {
	const char *driver;
	bool slow;
};

static const struct driver_row driver_rows[] = {
	{ "xts-aes-rehearsal-generic", true },
	{ "xts-aes-rehearsal-lib", true },
	{ "xts-aes-rehearsal-avx512", false },
};

KUNIT_ARRAY_PARAM_DESC(driver, driver_rows, driver);

static int take_any_key(struct crypto_skcipher *tfm, const u8 *key, unsigned int size)
{
	return 0;
}

static int do_nothing(struct skcipher_request *request)
{
	return 0;
}

/* The crypto API prefers this driver to all others. */
static struct skcipher_alg best_driver = {
	.setkey		= take_any_key,
	.encrypt	= do_nothing,
	.decrypt	= do_nothing,
	.min_keysize	= ENVELOPE_KEY_SIZE,
	.max_keysize	= ENVELOPE_KEY_SIZE,
	.ivsize		= 16,
	.base = {
#ifdef ENVELOPE_XTS_IS_INTERNAL
		.cra_name	= "__xts(aes)",
		.cra_flags	= CRYPTO_ALG_INTERNAL,
#else
		.cra_name	= "xts(aes)",
#endif
		.cra_priority	= INT_MAX,
		.cra_blocksize	= 16,
		.cra_module	= THIS_MODULE,
	},
};

static void unregister_best_driver(void *unused)
{
	crypto_unregister_skcipher(&best_driver);
}

/* The driver does not encrypt, so the self-test must not run. */
static int ask_for_proofs(bool ask)
{
	return fixture_run("f=/sys/module/cryptomgr/parameters/notests; [ ! -e $f ] || echo %d >$f",
			   !ask);
}

static void register_best_driver(struct kunit *test, const char *name)
{
	int r;

	strscpy(best_driver.base.cra_driver_name, name, CRYPTO_MAX_ALG_NAME);
	KUNIT_ASSERT_EQ(test, ask_for_proofs(false), 0);
	r = crypto_register_skcipher(&best_driver);
	KUNIT_EXPECT_EQ(test, ask_for_proofs(true), 0);
	KUNIT_ASSERT_EQ(test, r, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unregister_best_driver, NULL), 0);
}

/* Reads the kernel log to its end. Return: number of warnings with @text in the line. */
static unsigned int warnings(struct kmsg_dump_iter *log, const char *text)
{
	char line[256];
	unsigned int n = 0;
	size_t len;

	while (kmsg_dump_get_line(log, true, line, sizeof(line) - 1, &len)) {
		line[len] = 0;
		n += strstarts(line, "<4>") && strstr(line, text);
	}
	return n;
}

/* The kernel log warns of a key whose cipher is slow, and of no other key. */
static void slow_driver_is_warned_of(struct kunit *test)
{
	const struct driver_row *row = test->param_value;
	struct envelope_request request = {
		.lease_ns = 60 * (u64)NSEC_PER_SEC,
		.deadline_ns = ktime_get_boottime_ns() + 60 * (u64)NSEC_PER_SEC,
		.key = unit_vector_key,
	};
	struct envelope_volume_key *vk;
	struct kmsg_dump_iter log;
	char expected[96];

	snprintf(expected, sizeof(expected), "envelope: crypto driver %s is slow", row->driver);
	register_best_driver(test, row->driver);
	kmsg_dump_rewind(&log);
	warnings(&log, expected);

	vk = envelope_volume_key_new(&request, ktime_get_boottime_ns());
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vk);
	KUNIT_EXPECT_STREQ(test, vk->driver, row->driver);
	envelope_volume_key_put(vk);
	KUNIT_EXPECT_EQ(test, warnings(&log, expected), row->slow);
}

/* A request of such a driver does not fit on the stack, so the crypto API must offer another. */
static void driver_of_large_requests_is_passed_over(struct kunit *test)
{
	static const char name[] = "xts-aes-rehearsal-large";
	const u32 flags = best_driver.base.cra_flags;
	struct crypto_sync_skcipher *tfm;

	best_driver.base.cra_flags = flags | CRYPTO_ALG_SKCIPHER_REQSIZE_LARGE;
	register_best_driver(test, name);
	tfm = envelope_cipher_alloc(unit_vector_key);
	best_driver.base.cra_flags = flags;
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, tfm);
	KUNIT_EXPECT_STRNEQ(test, envelope_cipher_driver(tfm), name);
	envelope_cipher_free(tfm);
}

static struct kunit_case cipher_cases[] = {
	KUNIT_CASE_PARAM(data_units_agree, unit_gen_params),
	KUNIT_CASE_PARAM(transform_agrees, raw_gen_params),
	KUNIT_CASE_PARAM(segments_do_not_matter, cut_gen_params),
	KUNIT_CASE(part_of_a_unit_is_refused),
	KUNIT_CASE(weak_key_is_refused),
	KUNIT_CASE(slow_drivers_are_known),
	KUNIT_CASE_PARAM(slow_driver_is_warned_of, driver_gen_params),
	KUNIT_CASE(driver_of_large_requests_is_passed_over),
	{}
};

static struct kunit_suite cipher_suite = {
	.name = "envelope_cipher",
	.test_cases = cipher_cases,
};

kunit_test_suite(cipher_suite);
