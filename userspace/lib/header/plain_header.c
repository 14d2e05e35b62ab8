// SPDX-License-Identifier: MIT
/*
 * See plain_header.h. crypt_format() would try the null cipher in the kernel, with a device of
 * dm-crypt that it makes for the purpose. So the header is made for AES in memory, and the word is
 * exchanged there.
 *
 * Must never be given anything but a draft in memory.
 */
#include "lib/header/plain_header.h"

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/header/volume_header.h"

/* As the LUKS2 On-Disk Format Specification has it. */
#define COPY_BYTES     (VOLUME_METADATA_BYTES / 2) /* a binary header and its JSON area */
#define SIZE_AT	       8
#define CHECKSUM_AT    448
#define CHECKSUM_BYTES 64

_Static_assert(sizeof(VOLUME_CIPHER) == sizeof(VOLUME_PLAIN_CIPHER),
	       "the words must have the same length: the one is written over the other");

/* Exchanges the cipher in one of the two copies, and makes its checksum anew. Return: 0 or -1. */
static int exchange(uint8_t copy[COPY_BYTES])
{
	static const char word[] = "\"encryption\":\"" VOLUME_CIPHER "\"";
	static const char plain[] = "\"encryption\":\"" VOLUME_PLAIN_CIPHER "\"";
	uint8_t *at = memmem(copy, COPY_BYTES, word, sizeof(word) - 1);
	unsigned int size = CHECKSUM_BYTES;
	uint64_t bytes;

	memcpy(&bytes, copy + SIZE_AT, sizeof(bytes));
	if (!at || be64toh(bytes) != COPY_BYTES)
		return -1;
	memcpy(at, plain, sizeof(plain) - 1);
	memset(copy + CHECKSUM_AT, 0, CHECKSUM_BYTES);
	return EVP_Digest(copy, COPY_BYTES, copy + CHECKSUM_AT, &size, EVP_sha256(), NULL) ? 0 : -1;
}

/* Return: 0 or -1. */
static int exchange_both(int fd)
{
	uint8_t *bytes = malloc(VOLUME_METADATA_BYTES);
	int r = -1;

	if (bytes && pread(fd, bytes, VOLUME_METADATA_BYTES, 0) == (ssize_t)VOLUME_METADATA_BYTES &&
	    exchange(bytes) == 0 && exchange(bytes + COPY_BYTES) == 0 &&
	    pwrite(fd, bytes, VOLUME_METADATA_BYTES, 0) == (ssize_t)VOLUME_METADATA_BYTES)
		r = 0;
	free(bytes);
	return r;
}

/**
 * plain_header_make() - turn the header in a draft into that of a plain volume
 * @luks: of @draft; crypt_format() has made it for a volume key of zeros. It is loaded anew
 *
 * Return: 0 or -1.
 */
int plain_header_make(struct luks *luks, const struct draft *draft, struct fault *f)
{
	const char *device = luks->device;

	luks_close(luks);
	*luks = (struct luks){ 0 };
	if (exchange_both(draft->fd) < 0)
		return fault_set(f, "InternalFailure",
				 "The header of a plain volume cannot be made: libcryptsetup's has another form.");
	if (luks_load(luks, draft->path, draft->fd, f) < 0)
		return -1;
	luks->device = device;
	return 0;
}
