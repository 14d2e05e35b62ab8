// SPDX-License-Identifier: MIT
/*
 * Search a dump of a guest's RAM for everything that gives a volume key away.
 * Runs on the host, outside the guest; must never print the key.
 *
 *	ramscan MASKED-KEY DUMP
 *
 * MASKED-KEY holds 128 bytes: a random mask and the 64-byte key XOR that mask. The
 * needles are windows of 8 bytes (a false find in 1 GiB has odds of 2^-34 a window):
 *	raw	any aligned 8 bytes of the key, thus any remnant of 15 bytes or more
 *	hex	the same 4 key bytes as text, upper and lower case
 *	base64	6 key bytes as text at each of the three alignments
 *	schedule	any half of a round key of either AES-256 half, for encryption and for
 *		decryption (AES-NI keeps both), past the raw key itself
 * Prints "<what> <count> <address of the first>" a kind. Exit code: 0 nothing found,
 * 1 found, 2 trouble.
 */
#include <err.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_SIZE   64
#define HALF_SIZE  32
#define WINDOW	   8
#define ROUND_KEYS 15

enum kind {
	RAW,
	HEX,
	BASE64,
	SCHEDULE,
	KINDS
};
static const char *const kind_names[KINDS] = { "raw", "hex", "base64", "schedule" };

struct needle {
	uint64_t window;
	enum kind kind;
};

static struct needle needles[1024];
static size_t needle_count;
static uint8_t filter[1 << 16]; /* by the first two bytes of a window */

static void add_needle(const void *bytes, enum kind kind)
{
	uint16_t first;

	if (needle_count == sizeof(needles) / sizeof(needles[0]))
		errx(2, "too many needles");
	memcpy(&needles[needle_count].window, bytes, WINDOW);
	needles[needle_count++].kind = kind;
	memcpy(&first, bytes, sizeof(first));
	filter[first] = 1;
}

static void add_texts(const uint8_t *key)
{
	char text[2 * KEY_SIZE + 1];

	for (int upper = 0; upper < 2; upper++) {
		for (int i = 0; i < KEY_SIZE; i++)
			sprintf(text + 2 * i, upper ? "%02X" : "%02x", key[i]);
		for (int i = 0; i + WINDOW <= 2 * KEY_SIZE; i += WINDOW)
			add_needle(text + i, HEX);
	}
	for (int shift = 0; shift < 3; shift++) {
		int size = (KEY_SIZE - shift) / 3 * 3;
		int length = EVP_EncodeBlock((unsigned char *)text, key + shift, size);

		for (int i = 0; i + WINDOW <= length; i += WINDOW)
			add_needle(text + i, BASE64);
	}
}

/* x times a byte in the field of AES (FIPS 197, 4.2.1). */
static uint8_t double_in_field(uint8_t x)
{
	return (uint8_t)(x << 1) ^ ((x & 0x80) ? 0x1b : 0);
}

static uint8_t multiply(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b; b >>= 1, a = double_in_field(a))
		if (b & 1)
			product ^= a;
	return product;
}

/* The S-box from its definition (FIPS 197, 5.1.1): inverse in the field, then the affine map. */
static uint8_t substitute(uint8_t x)
{
	uint8_t inverse = 1, result = 0;

	for (int i = 0; i < 254; i++)
		inverse = multiply(inverse, x);
	for (int i = 0; i < 8; i++) {
		int bit = inverse >> i ^ inverse >> ((i + 4) % 8) ^ inverse >> ((i + 5) % 8) ^
			  inverse >> ((i + 6) % 8) ^ inverse >> ((i + 7) % 8) ^ 0x63 >> i;

		result |= (bit & 1) << i;
	}
	return result;
}

/* FIPS 197, 5.2, for a key of 8 words. */
static void expand_key(const uint8_t *half, uint8_t schedule[ROUND_KEYS * 16])
{
	uint8_t constant = 1;

	memcpy(schedule, half, HALF_SIZE);
	for (int i = 8; i < ROUND_KEYS * 4; i++) {
		uint8_t word[4];
		uint8_t *previous = schedule + 4 * (i - 1);

		for (int k = 0; k < 4; k++) {
			int from = i % 8 == 0 ? (k + 1) % 4 : k;

			word[k] = i % 4 == 0 ? substitute(previous[from]) : previous[k];
		}
		if (i % 8 == 0) {
			word[0] ^= constant;
			constant = double_in_field(constant);
		}
		for (int k = 0; k < 4; k++)
			schedule[4 * i + k] = schedule[4 * (i - 8) + k] ^ word[k];
	}
}

/* A round key for the equivalent inverse cipher: InvMixColumns of each word (FIPS 197, 5.3.5). */
static void invert_round_key(const uint8_t *in, uint8_t *out)
{
	static const uint8_t row[4] = { 14, 11, 13, 9 };

	for (int column = 0; column < 4; column++) {
		for (int r = 0; r < 4; r++) {
			out[4 * column + r] = 0;
			for (int k = 0; k < 4; k++)
				out[4 * column + r] ^= multiply(in[4 * column + k],
								row[(k - r + 4) % 4]);
		}
	}
}

static void add_schedules(const uint8_t *key)
{
	for (int half = 0; half < 2; half++) {
		uint8_t schedule[ROUND_KEYS * 16];

		expand_key(key + half * HALF_SIZE, schedule);
		for (int round = 1; round < ROUND_KEYS; round++) {
			uint8_t inverse[16];

			invert_round_key(schedule + 16 * round, inverse);
			for (int i = 0; i < 16; i += WINDOW) {
				if (round >= 2)
					add_needle(schedule + 16 * round + i, SCHEDULE);
				add_needle(inverse + i, SCHEDULE);
			}
		}
	}
}

static void read_key(const char *path, uint8_t key[KEY_SIZE])
{
	uint8_t both[2 * KEY_SIZE];
	FILE *file = fopen(path, "rb");

	if (!file || fread(both, 1, sizeof(both), file) != sizeof(both))
		err(2, "%s is no masked key of %zu bytes", path, sizeof(both));
	fclose(file);
	for (int i = 0; i < KEY_SIZE; i++)
		key[i] = both[i] ^ both[KEY_SIZE + i];
}

/* The expansion must agree with FIPS 197, appendix A.3, before anyone trusts "nothing found". */
static void check_expansion(void)
{
	static const uint8_t key[HALF_SIZE] = {
		0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae,
		0xf0, 0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61,
		0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
	};
	static const uint8_t last[4] = { 0x70, 0x6c, 0x63, 0x1e };
	uint8_t schedule[ROUND_KEYS * 16];

	expand_key(key, schedule);
	if (memcmp(schedule + sizeof(schedule) - 4, last, sizeof(last)))
		errx(2, "the AES key expansion is wrong");
}

int main(int argc, char **argv)
{
	uint64_t count[KINDS] = { 0 }, first[KINDS] = { 0 };
	uint8_t key[KEY_SIZE];
	struct stat st;
	int fd, found = 0;

	if (argc != 3)
		errx(2, "usage: ramscan MASKED-KEY DUMP");
	check_expansion();
	read_key(argv[1], key);
	for (int i = 0; i < KEY_SIZE; i += WINDOW)
		add_needle(key + i, RAW);
	add_texts(key);
	add_schedules(key);

	fd = open(argv[2], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || st.st_size < WINDOW)
		err(2, "%s", argv[2]);
	const uint8_t *ram = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (ram == MAP_FAILED)
		err(2, "%s", argv[2]);
	for (off_t at = 0; at + WINDOW <= st.st_size; at++) {
		uint64_t window;
		uint16_t two;

		memcpy(&two, ram + at, sizeof(two));
		if (!filter[two])
			continue;
		memcpy(&window, ram + at, sizeof(window));
		for (size_t i = 0; i < needle_count; i++) {
			if (needles[i].window != window)
				continue;
			if (!count[needles[i].kind]++)
				first[needles[i].kind] = at;
			break;
		}
	}
	for (int kind = 0; kind < KINDS; kind++) {
		if (count[kind])
			printf("%s %llu 0x%llx\n", kind_names[kind],
			       (unsigned long long)count[kind], (unsigned long long)first[kind]);
		found |= count[kind] != 0;
	}
	return found;
}
