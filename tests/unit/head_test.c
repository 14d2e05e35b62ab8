// SPDX-License-Identifier: MIT
/*
 * The strict reader of requests: what it refuses, however the bytes are split, and that changed
 * requests neither crash it nor make the split matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/http/head.h"

#define SEED(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
#define ROUNDS 200000
#define POST   "POST / HTTP/1.1\r\n"

struct seed {
	const char *bytes;
	size_t size;
};

static const struct seed good[] = {
	SEED("GET / HTTP/1.1\r\n\r\n"),
	SEED(POST "Host: x\r\nContent-Length: 2\r\n\r\n{}"),
	SEED(POST "host:x\r\ncontent-length:  2\r\nX-Y: "),
	SEED(POST "User-Agent: a\tb \xc3\xa9\xff\r\nContent-Length: 3\r\n\r\n\0\n\r" POST "\r\n"),
	SEED(POST "Content-Length: 0\r\n\r\n" POST "Content-Length: 1\r\n\r\nx" POST),
	SEED(POST "Content-Lengthy-and-longer-than-any-name-that-counts: x\r\nEmpty:\r\n\r\n"),
};

static const struct seed bad[] = {
	SEED(POST "Content-Length: 2\r\nContent-Length: 5\r\n\r\n"),
	SEED(POST "Content-Length: 2\r\ncontent-length: 2\r\n\r\n"),
	SEED(POST "Content-Length: 2, 2\r\n\r\n"),
	SEED(POST "Content-Length: 2 \r\n\r\n"),
	SEED(POST "Content-Length: +2\r\n\r\n"),
	SEED(POST "Content-Length: 0x2\r\n\r\n"),
	SEED(POST "Content-Length:\r\n\r\n"),
	SEED(POST "Content-Length: 18446744073709551618\r\n\r\n"),
	SEED(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
	SEED(POST "TRANSFER-ENCODING: identity\r\n\r\n"),
	SEED("POST / HTTP/1.1\n\r\n"),
	SEED(POST "X: a\nY: b\r\n\r\n"),
	SEED(POST "X: a\rb\r\n\r\n"),
	SEED(POST "X: a\r\n\n"),
	SEED(POST "X: a\0b\r\n\r\n"),
	SEED(POST "X\0: a\r\n\r\n"),
	SEED("POST /\0 HTTP/1.1\r\n\r\n"),
	SEED(POST "X: a\x01\r\n\r\n"),
	SEED(POST "X: a\x7f\r\n\r\n"),
	SEED(POST "X: a\r\n b\r\n\r\n"),
	SEED(POST "X : a\r\n\r\n"),
	SEED(POST "X\r\n\r\n"),
	SEED(POST ": a\r\n\r\n"),
	SEED(POST "Host: x\r\nHost: x\r\n\r\n"),
	SEED("POST  / HTTP/1.1\r\n\r\n"),
	SEED("POST  HTTP/1.1\r\n\r\n"),
	SEED(" / HTTP/1.1\r\n\r\n"),
	SEED("POST / HTTP/1.9\r\n\r\n"),
	SEED("POST /\r\n\r\n"),
	SEED("\r\nPOST / HTTP/1.1\r\n\r\n"),
	SEED(POST "Content-Length: 1\r\n\r\nx\r\n"),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Reads parts of @part bytes. */
static bool takes(const uint8_t *bytes, size_t size, size_t part)
{
	struct head head = { 0 };
	bool taken = true;

	for (size_t at = 0; at < size; at += part)
		taken = head_take(&head, bytes + at, size - at < part ? size - at : part);
	return taken;
}

static bool takes_seed(const struct seed *seed, size_t part)
{
	return takes((const uint8_t *)seed->bytes, seed->size, part);
}

static void requests_in_order_are_taken(void **state)
{
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t part = 1; part < 100; part++)
			if (!takes_seed(&good[i], part))
				fail_msg("good[%zu] in parts of %zu: %s", i, part, good[i].bytes);
}

static void what_has_two_meanings_is_refused(void **state)
{
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t part = 1; part < 100; part++)
			if (takes_seed(&bad[i], part))
				fail_msg("bad[%zu] in parts of %zu: %s", i, part, bad[i].bytes);
}

/* The same bytes in each run. */
static uint32_t next(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void changed_requests_are_read_alike_in_each_split(void **state)
{
	uint32_t random = 1;
	uint8_t bytes[256];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct seed *seed = next(&random) % 2 ? &good[next(&random) % COUNT(good)]
							    : &bad[next(&random) % COUNT(bad)];
		size_t size = seed->size;

		assert_true(size < sizeof(bytes));
		memcpy(bytes, seed->bytes, size);
		for (unsigned int change = next(&random) % 4; change > 0; change--)
			bytes[next(&random) % size] =
				(uint8_t) "\r\n :\0\tx2+\xff"[next(&random) % 10];
		size -= next(&random) % size;
		if (takes(bytes, size, size) != takes(bytes, size, 1 + next(&random) % size))
			fail_msg("round %u: the split matters", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_in_order_are_taken),
		cmocka_unit_test(what_has_two_meanings_is_refused),
		cmocka_unit_test(changed_requests_are_read_alike_in_each_split),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
