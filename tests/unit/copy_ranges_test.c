// SPDX-License-Identifier: MIT
/* sources: copy/ranges.c copy/copy.c */
/*
 * Which bytes a copy takes: each of the ranges once, in ascending order, and up to where all are
 * finished.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy/copy.h"
#include "copy/ranges.h"
#include "lib/base/file.h"

#define MIB 1048576u

static char path[] = "/tmp/copy-ranges-test-XXXXXX";

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	int _cleanup_close_ fd = mkstemp(path);

	return fd < 0;
}

static int teardown(void **state)
{
	return unlink(path);
}

/* What ranges_next() hands out from an offset on, as text. */
static const char *pieces(struct ranges *ranges, uint64_t from, uint32_t most, uint64_t *left)
{
	static char text[512];
	uint64_t offset;
	uint32_t size;
	struct fault f;

	text[0] = 0;
	assert_int_equal(ranges_begin(ranges, from, left, &f), 0);
	while ((size = ranges_next(ranges, most, &offset)))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llu+%u ",
			 (unsigned long long)offset, size);
	return text;
}

static void a_whole_device_is_cut_into_pieces(void **state)
{
	struct ranges ranges;
	struct fault f;
	uint64_t left;

	assert_int_equal(ranges_open(&ranges, NULL, 2560, &f), 0);
	assert_int_equal(ranges.total, 2560);
	assert_int_equal(ranges.last, 2560);
	assert_string_equal(pieces(&ranges, 0, 1024, &left), "0+1024 1024+1024 2048+512 ");
	assert_int_equal(left, 2560);
	assert_string_equal(pieces(&ranges, 1536, 1024, &left), "1536+1024 ");
	assert_int_equal(left, 1024);
	assert_string_equal(pieces(&ranges, 2560, 1024, &left), "");
	assert_int_equal(left, 0);
	ranges_close(&ranges);
}

static void ranges_of_a_file_are_taken_in_turn(void **state)
{
	static const struct {
		uint64_t from, left;
		const char *pieces;
	} rows[] = {
		{ 0, 3072, "512+1024 2048+1024 3072+512 8192+512 " },
		{ 512, 3072, "512+1024 2048+1024 3072+512 8192+512 " },
		{ 1024, 2560, "1024+512 2048+1024 3072+512 8192+512 " },
		{ 1536, 2048, "2048+1024 3072+512 8192+512 " },
		{ 2560, 1536, "2560+1024 8192+512 " },
		{ 5000 / 512 * 512, 512, "8192+512 " },
		{ 8704, 0, "" },
		{ 1 << 20, 0, "" },
	};
	struct ranges ranges;
	struct fault f;
	uint64_t left;

	write_file("512 1024\n2048 1536\n8192 512\n");
	assert_int_equal(ranges_open(&ranges, path, 8704, &f), 0);
	assert_int_equal(ranges.total, 3072);
	assert_int_equal(ranges.last, 8704);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_string_equal(pieces(&ranges, rows[i].from, 1024, &left), rows[i].pieces);
		assert_int_equal(left, rows[i].left);
	}
	ranges_close(&ranges);
}

static void ranges_that_meet_are_two(void **state)
{
	struct ranges ranges;
	struct fault f;
	uint64_t left;

	write_file("0 512\n512 512\n");
	assert_int_equal(ranges_open(&ranges, path, 1024, &f), 0);
	assert_string_equal(pieces(&ranges, 0, 4096, &left), "0+512 512+512 ");
	ranges_close(&ranges);
}

static void an_empty_file_has_nothing_to_copy(void **state)
{
	struct ranges ranges;
	struct fault f;
	uint64_t left;

	write_file("");
	assert_int_equal(ranges_open(&ranges, path, 1024, &f), 0);
	assert_string_equal(pieces(&ranges, 0, 512, &left), "");
	assert_int_equal(ranges.total, 0);
	ranges_close(&ranges);
}

static void bad_lines_are_refused(void **state)
{
	static const char *const texts[] = {
		"0\n",
		"0 \n",
		" 0 512\n",
		"0 512",
		"0 512\n\n",
		"0  512\n",
		"0 512 \n",
		"0 512\n0 x\n",
		"-512 512\n",
		"0 +512\n",
		"0x200 512\n",
		"0 0\n",
		"100 512\n",
		"0 100\n",
		"0 1024\n512 512\n",
		"1024 512\n0 512\n",
		"0 9216\n",
		"8704 512\n",
		"18446744073709551104 1024\n",
		"99999999999999999999 512\n",
		"512 18446744073709551104\n",
		"0 512\r\n",
		"0 512 0000000000000000000000000000000000000000000000000000\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct ranges ranges;
		struct fault f;

		write_file(texts[i]);
		if (!ranges_open(&ranges, path, 8704, &f))
			fail_msg("taken: %s", texts[i]);
		assert_string_equal(f.code, "InvalidParameterValue");
		assert_non_null(strstr(f.message, path));
	}
}

static void other_ranges_have_another_digest(void **state)
{
	struct ranges one, two;
	struct fault f;

	write_file("0 512\n");
	assert_int_equal(ranges_open(&one, path, 1024, &f), 0);
	write_file("512 512\n");
	assert_int_equal(ranges_open(&two, path, 1024, &f), 0);
	assert_memory_not_equal(one.digest, two.digest, RANGES_DIGEST);
	ranges_close(&one);
	ranges_close(&two);
}

/* A piece that is taken first may be finished last. */
static void position_stops_at_the_first_that_is_missing(void **state)
{
	struct ranges ranges;
	struct copy copy = { .ranges = &ranges, .most = MIB, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct fault f;
	uint64_t left;

	assert_int_equal(ranges_open(&ranges, NULL, 4 * MIB, &f), 0);
	assert_int_equal(ranges_begin(&ranges, 0, &left, &f), 0);
	assert_int_equal(copy_position(&copy), 0);
	for (int i = 0; i < 3; i++)
		assert_true(copy_take(&copy, &copy.slots[2 - i]));
	assert_int_equal(copy_position(&copy), 0);
	copy_put(&copy, &copy.slots[1]);
	assert_int_equal(copy_position(&copy), 0);
	copy_put(&copy, &copy.slots[2]);
	assert_int_equal(copy_position(&copy), 2 * MIB);
	copy_put(&copy, &copy.slots[0]);
	assert_int_equal(copy_position(&copy), 3 * MIB);
	assert_int_equal(copy.finished, 3 * MIB);
	ranges_close(&ranges);
}

static void no_piece_is_taken_after_a_failure(void **state)
{
	struct ranges ranges;
	struct copy copy = { .ranges = &ranges, .most = MIB, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct fault first, second;
	uint64_t left;

	assert_int_equal(ranges_open(&ranges, NULL, 4 * MIB, &first), 0);
	assert_int_equal(ranges_begin(&ranges, 0, &left, &first), 0);
	assert_true(copy_take(&copy, &copy.slots[0]));
	fault_set(&first, "DeviceError", "the first");
	fault_set(&second, "DeviceError", "the second");
	copy_fail(&copy, &first);
	copy_fail(&copy, &second);
	assert_false(copy_take(&copy, &copy.slots[1]));
	assert_string_equal(copy.fault.message, "the first");
	assert_int_equal(copy_position(&copy), 0);
	ranges_close(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_device_is_cut_into_pieces),
		cmocka_unit_test(ranges_of_a_file_are_taken_in_turn),
		cmocka_unit_test(ranges_that_meet_are_two),
		cmocka_unit_test(an_empty_file_has_nothing_to_copy),
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(other_ranges_have_another_digest),
		cmocka_unit_test(position_stops_at_the_first_that_is_missing),
		cmocka_unit_test(no_piece_is_taken_after_a_failure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
