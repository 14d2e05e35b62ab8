// SPDX-License-Identifier: MIT
/* sources: agent/volume/mapper.c agent/volume/mapper_list.c agent/volume/udev_wait.c agent/api/parameters.c */
/*
 * The parsers of input from outside: the kernel's status line, and the parameters of a varlink
 * call. A parser accepts or refuses its input, and never guesses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/api/parameters.h"
#include "agent/volume/mapper.h"
#include "lib/base/json.h"

static void live_device(void **state)
{
	struct mapping m = { 0 };

	assert_int_equal(mapper_parse_status("live - 57 xts-aes-aesni-avx 1 2 3 4 5 6 60", &m), 0);
	assert_true(m.live);
	assert_string_equal(m.reason, "");
	assert_int_equal(m.lease_left, 57);
	assert_string_equal(m.driver, "xts-aes-aesni-avx");
	assert_int_equal(m.reads, 1);
	assert_int_equal(m.writes, 2);
	assert_int_equal(m.discards, 3);
	assert_int_equal(m.flushes, 4);
	assert_int_equal(m.errors, 5);
	assert_int_equal(m.refused, 6);
	assert_int_equal(m.lease_length, 60);
}

static void status_of_an_older_module(void **state)
{
	struct mapping m = { .lease_length = 7 };

	assert_int_equal(mapper_parse_status("live - 57 xts-aes-aesni-avx 1 2 3 4 5 6", &m), 0);
	assert_int_equal(m.refused, 6);
	assert_int_equal(m.lease_length, 0);
}

static void failed_device(void **state)
{
	struct mapping m = { .live = true };

	assert_int_equal(mapper_parse_status("failed lease-expired 0 xts(ecb(aes-generic)) 18446744073709551615 0 0 0 0 9",
					     &m),
			 0);
	assert_false(m.live);
	assert_string_equal(m.reason, "lease-expired");
	assert_int_equal(m.lease_left, 0);
	assert_true(m.reads == UINT64_MAX);
	assert_int_equal(m.refused, 9);
}

static void strange_lines(void **state)
{
	static const char *const lines[] = { "", "live", "dying - 1 x 0 0 0 0 0 0",
					     "live - 1 x 0 0 0 0 0", "live - soon x 0 0 0 0 0 0" };
	struct mapping m;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (mapper_parse_status(lines[i], &m) == 0)
			fail_msg("understood: '%s'", lines[i]);
}

static const struct parameter table[] = {
	{ "name", PARAMETER_STRING, true },
	{ "erase", PARAMETER_BOOL, false },
	{ "limit", PARAMETER_INT, false },
};

static void expect_parameter(const char *text, size_t size, const char *bad)
{
	_cleanup_json_ json_object *params = json_parse(text, size);
	const char *name;

	assert_non_null(params);
	name = parameters_check(params, table, 3);
	if (!bad && name)
		fail_msg("%s refused for %s", text, name);
	if (bad && (!name || strcmp(name, bad)))
		fail_msg("%s: expected %s, seen %s", text, bad, name ? name : "nothing");
}

static void parameters(void **state)
{
	static const struct {
		const char *text, *bad;
	} rows[] = {
		{ "{\"name\":\"a\"}", NULL },
		{ "{\"name\":\"a\",\"erase\":true,\"limit\":3}", NULL },
		{ "{\"name\":\"a\",\"erase\":null}", NULL },
		{ "{}", "name" },
		{ "{\"name\":null}", "name" },
		{ "{\"name\":1}", "name" },
		{ "{\"name\":\"a\",\"erase\":\"true\"}", "erase" },
		{ "{\"name\":\"a\",\"limit\":1.5}", "limit" },
		{ "{\"name\":\"a\",\"Erase\":true}", "Erase" },
		{ "{\"name\":\"a\",\"kmsKeyID\":\"x\"}", "kmsKeyID" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_parameter(rows[i].text, strlen(rows[i].text), rows[i].bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_device),	 cmocka_unit_test(status_of_an_older_module),
		cmocka_unit_test(failed_device), cmocka_unit_test(strange_lines),
		cmocka_unit_test(parameters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
