// SPDX-License-Identifier: MIT
/*
 * What a disk must hold, by OpenSSL alone: encrypts REFERENCE with AES-256-XTS
 * under a masked key (see ramscan.c) and compares with a disk image.
 *
 *	xts_oracle MASKED-KEY REFERENCE IMAGE OFFSET-BYTES SECTOR-SIZE FIRST-IV
 *
 * IVs are plain64: FIRST-IV plus the number of 512-byte units, little-endian, one a
 * sector. Prints the first difference. Exit code: 0 equal, 1 different, 2 trouble.
 */
#include <endian.h>
#include <err.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 64

static void read_key(const char *path, uint8_t key[KEY_SIZE])
{
	uint8_t both[2 * KEY_SIZE];
	FILE *file = fopen(path, "rb");

	if (!file || fread(both, 1, sizeof(both), file) != sizeof(both))
		err(2, "%s is no masked key", path);
	fclose(file);
	for (int i = 0; i < KEY_SIZE; i++)
		key[i] = both[i] ^ both[KEY_SIZE + i];
}

int main(int argc, char **argv)
{
	uint8_t key[KEY_SIZE], plain[4096], disk[4096], expected[4096];
	long long sectors = 0;

	if (argc != 7)
		errx(2,
		     "usage: xts_oracle MASKED-KEY REFERENCE IMAGE OFFSET-BYTES SECTOR-SIZE FIRST-IV");
	read_key(argv[1], key);
	FILE *reference = fopen(argv[2], "rb"), *image = fopen(argv[3], "rb");
	size_t size = strtoul(argv[5], NULL, 10);
	uint64_t iv = strtoull(argv[6], NULL, 10);

	if (!reference || !image || (size != 512 && size != 4096) ||
	    fseeko(image, strtoll(argv[4], NULL, 10), SEEK_SET))
		err(2, "bad file, offset or sector size");
	EVP_CIPHER_CTX *xts = EVP_CIPHER_CTX_new();

	for (; fread(plain, 1, size, reference) == size; sectors++, iv += size / 512) {
		uint64_t tweak[2] = { htole64(iv), 0 };
		int out = 0;

		if (fread(disk, 1, size, image) != size)
			err(2, "%s is too short", argv[3]);
		if (!EVP_EncryptInit_ex(xts, EVP_aes_256_xts(), NULL, key, (uint8_t *)tweak) ||
		    !EVP_EncryptUpdate(xts, expected, &out, plain, (int)size) ||
		    (size_t)out != size)
			errx(2, "OpenSSL cannot encrypt");
		if (memcmp(expected, disk, size)) {
			printf("sector %lld (IV %llu) differs\n", sectors, (unsigned long long)iv);
			return 1;
		}
	}
	printf("%lld sectors are equal\n", sectors);
	return sectors ? 0 : 2;
}
