// SPDX-License-Identifier: MIT
/* The lines of a chain: what is made is read again, and no other line fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/audit/chain.h"

static struct chain_key *key;

static int setup(void **state)
{
	struct secret *secret = secret_new(32);

	assert_non_null(secret);
	memset(secret->bytes, 7, secret->size);
	key = chain_key_new(secret);
	secret_free(secret);
	assert_non_null(key);
	return 0;
}

static int teardown(void **state)
{
	chain_key_free(key);
	return 0;
}

static char *make(const char *record, struct chain_link *link, size_t *size)
{
	char *line;

	*size = strlen(record);
	line = chain_make(key, record, size, link);
	assert_non_null(line);
	return line;
}

static void check_place(const char *record, struct chain_link link)
{
	struct chain_link seen;
	size_t size;
	char *line = make(record, &link, &size);

	assert_true(chain_read(key, line, size, &seen));
	assert_int_equal(seen.sequence, link.sequence);
	assert_int_equal(seen.torn, link.torn);
	assert_int_equal(seen.lost, link.lost);
	assert_int_equal(seen.record, strlen(record) - 1);
	assert_memory_equal(seen.previous, link.previous, CHAIN_TAG_BYTES);
	assert_memory_equal(seen.tag, link.tag, CHAIN_TAG_BYTES);
	free(line);
}

static void a_line_has_the_place_that_was_given(void **state)
{
	struct chain_link link = { .sequence = 1 };

	check_place("{\"a\":1}", link);
	assert_true(chain_begins(&link));
	link.previous[15] = 1;
	assert_false(chain_begins(&link));
	link.sequence = 999999999999999999;
	check_place("{\"a\":1}", link);
	link.torn = 17;
	check_place("{\"a\":1}", link);
	link.lost = 999999999999999999;
	link.torn = 999999999999999999;
	check_place("{\"a\":{\"b\":[1,2]}}", link);
	link.torn = 0;
	check_place("{\"a\":null}", link);
}

/* A client chooses some of the text, also what looks like a place. */
static void a_place_in_the_record_does_not_count(void **state)
{
	struct chain_link link = { .sequence = 5 }, foreign = { .sequence = 9 }, seen;
	char *inner, *line, outer[1024];
	size_t size;

	inner = make("{\"a\":1}", &foreign, &size);
	strcpy(outer, "{\"requestParameters\":");
	strcat(outer, inner);
	strcat(outer, "}");
	line = make(outer, &link, &size);
	assert_true(chain_read(key, line, size, &seen));
	assert_int_equal(seen.sequence, 5);
	free(line);
	/* In a string its quotation marks are masked. */
	line = make("{\"a\":\",\\\"chain\\\":{\\\"sequence\\\":3\"}", &link, &size);
	assert_true(chain_read(key, line, size, &seen));
	assert_int_equal(seen.sequence, 5);
	free(line);
	/* The inner line ends the outer one, without a place of its own. */
	strcpy(outer, "{\"requestParameters\":1,");
	strcat(outer, inner + 1);
	assert_false(chain_read(key, outer, strlen(outer), &seen));
	free(inner);
}

static void no_changed_line_fits(void **state)
{
	struct chain_link link = { .sequence = 12, .torn = 3, .lost = 4 }, seen;
	size_t size;
	char *line = make("{\"eventName\":\"Decrypt\",\"readOnly\":true}", &link, &size);

	assert_true(chain_read(key, line, size, &seen));
	for (size_t bit = 0; bit < 8 * size; bit++) {
		line[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(chain_read(key, line, size, &seen));
		line[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t part = 0; part < size; part++)
		assert_false(chain_read(key, line, part, &seen));
	for (size_t from = 1; from < size; from++)
		assert_false(chain_read(key, line + from, size - from, &seen));
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_the_place_that_was_given),
		cmocka_unit_test(a_place_in_the_record_does_not_count),
		cmocka_unit_test(no_changed_line_fits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("chain", tests, setup, teardown);
}
