// SPDX-License-Identifier: MIT
/*
 * Load a test's volume key into a keyring, renew it, and wipe every trace of it here.
 *
 *	keyload add DESCRIPTION MASKED-KEY SECONDS [KEYRING]
 *		a key of type "envelope"; prints "<serial> <deadline in ns>"
 *	keyload logon DESCRIPTION MASKED-KEY [KEYRING]
 *		the same bytes as a "logon" key, for dm-crypt; prints "<serial>"
 *	keyload renew SERIAL SECONDS
 *		a renewal payload; prints the new deadline
 *	keyload raw DESCRIPTION HEX [KEYRING]
 *		an "envelope" key with this very payload, however wrong
 *
 * MASKED-KEY holds 128 random bytes: the key is its first half XOR its second, so no
 * file, page cache or transport ever holds the key. It is put together byte by byte in
 * one locked page (no vector registers: a context switch would save those in memory
 * that nobody wipes) and wiped right after add_key(2). KEYRING: a serial, default @u.
 * Exit code: 0, or 1 with the error of the system call on standard error.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kmod/uapi/dm-envelope.h"

#define NS_PER_SECOND 1000000000ULL

struct secrets {
	struct envelope_payload payload;
	uint8_t masked[2 * ENVELOPE_KEY_SIZE];
};

static struct secrets *secrets;

static void wipe(void)
{
	volatile uint8_t *byte = (volatile uint8_t *)secrets;

	for (size_t i = 0; i < sizeof(*secrets); i++)
		byte[i] = 0;
}

static void lock_page(void)
{
	secrets = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secrets == MAP_FAILED || mlock(secrets, 4096))
		err(1, "cannot lock a page");
}

/* Unmask the key into the payload. */
static void read_key(const char *path)
{
	volatile uint8_t *key = secrets->payload.key;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, secrets->masked, sizeof(secrets->masked)) != sizeof(secrets->masked))
		err(1, "%s is no masked key of %zu bytes", path, sizeof(secrets->masked));
	close(fd);
	for (int i = 0; i < ENVELOPE_KEY_SIZE; i++)
		key[i] = secrets->masked[i] ^ secrets->masked[ENVELOPE_KEY_SIZE + i];
}

static uint64_t boottime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static key_serial_t keyring(const char *serial)
{
	return serial ? (key_serial_t)strtol(serial, NULL, 10) : KEY_SPEC_USER_KEYRING;
}

/* add_key(2), then forget the payload whatever came of it. */
static key_serial_t add(const char *type, const char *description, const void *payload, size_t size,
			key_serial_t ring)
{
	key_serial_t serial = add_key(type, description, payload, size, ring);
	int error = errno;

	wipe();
	errno = error;
	if (serial < 0)
		err(1, "add_key %s %s", type, description);
	return serial;
}

static int do_add(char **argv)
{
	uint64_t lease = strtoull(argv[4], NULL, 10) * NS_PER_SECOND;
	uint64_t deadline = boottime_ns() + lease;

	read_key(argv[3]);
	secrets->payload.magic = ENVELOPE_PAYLOAD_MAGIC;
	secrets->payload.version = ENVELOPE_PAYLOAD_VERSION;
	secrets->payload.key_size = ENVELOPE_KEY_SIZE;
	secrets->payload.lease_ns = lease;
	secrets->payload.deadline_ns = deadline;
	printf("%d %llu\n",
	       add(ENVELOPE_KEY_TYPE, argv[2], &secrets->payload, ENVELOPE_PAYLOAD_SIZE,
		   keyring(argv[5])),
	       (unsigned long long)deadline);
	return 0;
}

static int do_renew(char **argv)
{
	struct envelope_payload renewal = {
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.deadline_ns = boottime_ns() + strtoull(argv[3], NULL, 10) * NS_PER_SECOND,
	};

	if (keyctl_update(keyring(argv[2]), &renewal, ENVELOPE_RENEWAL_SIZE))
		err(1, "KEYCTL_UPDATE %s", argv[2]);
	printf("%llu\n", (unsigned long long)renewal.deadline_ns);
	return 0;
}

static int do_raw(char **argv)
{
	static uint8_t payload[65536];
	size_t size = strlen(argv[3]) / 2;

	if (size > sizeof(payload))
		errx(2, "payload too long");
	for (size_t i = 0; i < size; i++)
		sscanf(argv[3] + 2 * i, "%2hhx", &payload[i]);
	printf("%d\n", add(ENVELOPE_KEY_TYPE, argv[2], payload, size, keyring(argv[4])));
	return 0;
}

int main(int argc, char **argv)
{
	lock_page();
	if (argc >= 5 && argc <= 6 && !strcmp(argv[1], "add"))
		return do_add(argv);
	if (argc == 4 && !strcmp(argv[1], "renew"))
		return do_renew(argv);
	if (argc >= 4 && argc <= 5 && !strcmp(argv[1], "raw"))
		return do_raw(argv);
	if (argc >= 4 && argc <= 5 && !strcmp(argv[1], "logon")) {
		read_key(argv[3]);
		printf("%d\n", add("logon", argv[2], secrets->payload.key, ENVELOPE_KEY_SIZE,
				   keyring(argv[4])));
		return 0;
	}
	errx(2,
	     "usage: keyload add DESCRIPTION FILE SECONDS [RING] | logon DESCRIPTION FILE [RING] | "
	     "renew SERIAL SECONDS | raw DESCRIPTION HEX [RING]");
}
