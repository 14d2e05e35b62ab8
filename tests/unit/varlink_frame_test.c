// SPDX-License-Identifier: MIT
/*
 * Varlink framing: messages that arrive whole, in halves, too large, too deeply nested or broken.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/varlink/varlink.h"

static void take_whole_and_halves(void **state)
{
	struct varlink_buffer buffer = { 0 };
	json_object *message = NULL;
	const char text[] = "{\"method\":\"a.B\"}";

	assert_int_equal(varlink_buffer_take(&buffer, &message), 0);
	assert_int_equal(varlink_buffer_append(&buffer, text, 7), 0);
	assert_int_equal(varlink_buffer_take(&buffer, &message), 0);
	assert_int_equal(varlink_buffer_append(&buffer, text + 7, sizeof(text) - 7), 0);
	/* A second message begins behind the first. */
	assert_int_equal(varlink_buffer_append(&buffer, text, 3), 0);
	assert_int_equal(varlink_buffer_take(&buffer, &message), 1);
	assert_string_equal(json_get_string(message, "method"), "a.B");
	json_object_put(message);
	message = NULL;
	assert_int_equal(varlink_buffer_take(&buffer, &message), 0);
	assert_int_equal(varlink_buffer_append(&buffer, text + 3, sizeof(text) - 3), 0);
	assert_int_equal(varlink_buffer_take(&buffer, &message), 1);
	json_object_put(message);
	assert_int_equal(varlink_buffer_used(&buffer), 0);
	varlink_buffer_free(&buffer);
}

static void take_refuses_other_than_objects(void **state)
{
	static const char *const bad[] = {
		"",  "[]",  "1",     "null",	 "\"a\"",
		"{", "{}}", "{} {}", "{\"a\":}", "{\"a\":\"\xff\xfe\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct varlink_buffer buffer = { 0 };
		json_object *message = NULL;

		varlink_buffer_append(&buffer, bad[i], strlen(bad[i]) + 1);
		if (varlink_buffer_take(&buffer, &message) != -EBADMSG)
			fail_msg("taken, but should not be: %s", bad[i]);
		varlink_buffer_free(&buffer);
	}
}

static void take_refuses_deep_nesting(void **state)
{
	struct varlink_buffer buffer = { 0 };
	json_object *message = NULL;

	for (int i = 0; i < 10000; i++)
		varlink_buffer_append(&buffer, "{\"a\":", 5);
	varlink_buffer_append(&buffer, "", 1);
	assert_int_equal(varlink_buffer_take(&buffer, &message), -EBADMSG);
	varlink_buffer_free(&buffer);
}

static void take_refuses_oversize(void **state)
{
	struct varlink_buffer buffer = { 0 };
	json_object *message = NULL;
	char *spaces = malloc(VARLINK_MESSAGE_MAX + 1);

	memset(spaces, ' ', VARLINK_MESSAGE_MAX + 1);
	varlink_buffer_append(&buffer, spaces, VARLINK_MESSAGE_MAX);
	assert_int_equal(varlink_buffer_take(&buffer, &message), 0);
	varlink_buffer_append(&buffer, spaces, 1);
	/* A message without NUL is refused, so that it cannot grow without limit. */
	assert_int_equal(varlink_buffer_take(&buffer, &message), -EMSGSIZE);
	varlink_buffer_free(&buffer);
	free(spaces);
}

static void append_refuses_oversize(void **state)
{
	struct varlink_buffer buffer = { 0 };
	_cleanup_json_ json_object *message = json_object_new_object();
	char *text = malloc(VARLINK_MESSAGE_MAX + 1);

	memset(text, 'x', VARLINK_MESSAGE_MAX);
	text[VARLINK_MESSAGE_MAX] = 0;
	json_add_string(message, "a", text);
	assert_int_equal(varlink_buffer_append_message(&buffer, message), -EMSGSIZE);
	varlink_buffer_free(&buffer);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take_whole_and_halves),
		cmocka_unit_test(take_refuses_other_than_objects),
		cmocka_unit_test(take_refuses_deep_nesting),
		cmocka_unit_test(take_refuses_oversize),
		cmocka_unit_test(append_refuses_oversize),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
