// SPDX-License-Identifier: MIT
/*
 * End a key by one keyctl(2) call and say when that call returned, in the clock that
 * the kernel's trace is set to ("mono").
 *
 *	endkey revoke|invalidate SERIAL
 *	endkey timeout SERIAL SECONDS
 *	endkey unlink SERIAL KEYRING
 *	endkey clear KEYRING
 *
 * Prints "<called> <returned>", CLOCK_MONOTONIC in ns. Exit code: 0, 1 when the call
 * failed, 2 usage.
 */
#include <err.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv)
{
	long long called, returned;
	long result;

	if (argc < 3)
		errx(2,
		     "usage: endkey revoke|invalidate|timeout|unlink|clear SERIAL [SECONDS|KEYRING]");
	key_serial_t key = strtol(argv[2], NULL, 10);
	long extra = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	called = now_ns();
	if (!strcmp(argv[1], "revoke"))
		result = keyctl_revoke(key);
	else if (!strcmp(argv[1], "invalidate"))
		result = keyctl_invalidate(key);
	else if (!strcmp(argv[1], "timeout") && argc > 3)
		result = keyctl_set_timeout(key, extra);
	else if (!strcmp(argv[1], "unlink") && argc > 3)
		result = keyctl_unlink(key, extra);
	else if (!strcmp(argv[1], "clear"))
		result = keyctl_clear(key);
	else
		errx(2, "no such way to end a key: %s", argv[1]);
	returned = now_ns();
	if (result)
		err(1, "keyctl %s %s", argv[1], argv[2]);
	printf("%lld %lld\n", called, returned);
	return 0;
}
