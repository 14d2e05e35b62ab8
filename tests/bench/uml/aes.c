// SPDX-License-Identifier: GPL-2.0
/*
 * um-aes: registers the kernel's own AES-NI and VAES implementations of XTS in User-mode
 * Linux, which has none of x86's ciphers, so that a measurement there meets the cipher that
 * a real machine runs. User-mode Linux is a process, to whom the FPU belongs anyway.
 *
 * Must never be part of anything but a measurement.
 */
#include <asm/cpufeature.h>

/* All of the kernel's glue up to AES-GCM, as it stands in the tree this is built for. */
#include "aesni-intel_skcipher.h"

static struct skcipher_alg *best(void)
{
	if (!boot_cpu_has(X86_FEATURE_AES) || !boot_cpu_has(X86_FEATURE_AVX))
		return NULL;
	if (!boot_cpu_has(X86_FEATURE_VAES) || !boot_cpu_has(X86_FEATURE_AVX2))
		return skcipher_algs_aesni_avx;
	if (!boot_cpu_has(X86_FEATURE_AVX512BW) || !boot_cpu_has(X86_FEATURE_AVX512VL) ||
	    !boot_cpu_has(X86_FEATURE_BMI2))
		return skcipher_algs_vaes_avx2;
	return skcipher_algs_vaes_avx512;
}

static int __init um_aes_init(void)
{
	return best() ? crypto_register_skcipher(best()) : -ENODEV;
}

static void __exit um_aes_exit(void)
{
	crypto_unregister_skcipher(best());
}

module_init(um_aes_init);
module_exit(um_aes_exit);
MODULE_DESCRIPTION("AES-XTS of x86 for User-mode Linux");
MODULE_LICENSE("GPL");
