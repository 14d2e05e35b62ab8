// SPDX-License-Identifier: MIT
/*
 * The CLI's text output and its search for the nearest word.
 */
/* sources: cli/output.c cli/nearest.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/nearest.h"
#include "cli/output.h"

/* Returns the output of @print for @o on stdout; the caller frees it. */
static char *printed(void (*print)(json_object *), json_object *o)
{
	char *text = calloc(1, 4096);
	int saved = dup(STDOUT_FILENO);
	FILE *file = tmpfile();

	assert_non_null(text);
	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	print(o);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(text, 1, 4095, file) > 0);
	fclose(file);
	return text;
}

static void print_table(json_object *rows)
{
	static const struct column columns[] = {
		{ "Name", "name" }, { "Ok", "ok" }, { "Count", "count" }, { 0 }
	};

	output_table(columns, rows);
}

static void expect(void (*print)(json_object *), const char *json, const char *text)
{
	json_object *o = json_parse(json, strlen(json));
	char *seen;

	assert_non_null(o);
	seen = printed(print, o);
	assert_string_equal(seen, text);
	free(seen);
	json_object_put(o);
}

static void columns_line_up(void **state)
{
	expect(print_table,
	       "[{\"name\":\"a\",\"ok\":true,\"count\":7},"
	       "{\"name\":\"longer-name\",\"ok\":false,\"count\":12345}]",
	       "Name         Ok   Count\n"
	       "a            yes  7\n"
	       "longer-name  no   12345\n");
}

static void missing_values_read_as_a_dash(void **state)
{
	expect(print_table, "[{\"name\":\"\",\"ok\":null}]",
	       "Name  Ok  Count\n"
	       "-     -   -\n");
}

static void wide_characters_count_once(void **state)
{
	expect(print_table, "[{\"name\":\"d\xc3\xbc\",\"ok\":true,\"count\":1}]",
	       "Name  Ok   Count\n"
	       "d\xc3\xbc    yes  1\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	expect(print_table, "[{\"name\":\"\\u001b[2Jx\\n\",\"ok\":true,\"count\":1}]",
	       "Name    Ok   Count\n"
	       "?[2Jx?  yes  1\n");
	expect(print_table, "[{\"name\":\"\\u009b2Jx\",\"ok\":true,\"count\":1}]",
	       "Name   Ok   Count\n"
	       "??2Jx  yes  1\n");
}

static void a_record_is_one_member_a_line(void **state)
{
	expect(output_record, "{\"Status\":\"available\",\"KmsKeyId\":\"arn:aws:kms\"}",
	       "Status    available\n"
	       "KmsKeyId  arn:aws:kms\n");
}

static void json_lines_are_one_line(void **state)
{
	expect(output_json_line, "{\"a\":{\"b\":[1,2]},\"path\":\"/dev/vdb\"}",
	       "{\"a\":{\"b\":[1,2]},\"path\":\"/dev/vdb\"}\n");
}

static const char *nearest_of(const char *typed, const char *const *words)
{
	struct nearest nearest;

	nearest_start(&nearest, typed);
	for (; *words; words++)
		nearest_offer(&nearest, *words);
	return nearest.best;
}

static void the_nearest_word_is_named(void **state)
{
	static const char *const words[] = {
		"db-cluster-identifier", "device", "storage-encrypted", "kms-key-id", "region", NULL
	};

	assert_string_equal(nearest_of("db-cluster-identifer", words), "db-cluster-identifier");
	assert_string_equal(nearest_of("regoin", words), "region");
	assert_string_equal(nearest_of("kms-key", words), "kms-key-id");
	assert_string_equal(nearest_of("storage-encrypt", words), "storage-encrypted");
	assert_null(nearest_of("frobnicate", words));
	assert_null(nearest_of("x", words));
}

static void a_very_long_word_is_harmless(void **state)
{
	static const char *const words[] = { "device", NULL };
	char typed[4096];

	memset(typed, 'd', sizeof(typed) - 1);
	typed[sizeof(typed) - 1] = '\0';
	assert_null(nearest_of(typed, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up),
		cmocka_unit_test(missing_values_read_as_a_dash),
		cmocka_unit_test(wide_characters_count_once),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(a_record_is_one_member_a_line),
		cmocka_unit_test(json_lines_are_one_line),
		cmocka_unit_test(the_nearest_word_is_named),
		cmocka_unit_test(a_very_long_word_is_harmless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
