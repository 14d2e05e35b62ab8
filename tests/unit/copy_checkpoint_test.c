// SPDX-License-Identifier: MIT
/* sources: copy/checkpoint.c */
/*
 * The state of a copy: the last whole note counts, a damaged or foreign file is never written to,
 * and no copy goes on with the state of another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/checkpoint.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

#define SLOT	   512
#define NOTE_BYTES 96 /* of a slot; the rest is empty */

static const uint8_t mine[CHECKPOINT_NAME] = "mine", other[CHECKPOINT_NAME] = "other";
static char folder[] = "/tmp/copy-checkpoint-test-XXXXXX";
static char *path;

static int setup_group(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	path = text_format("%s/state", folder);
	return path ? 0 : -1;
}

static int teardown_group(void **state)
{
	free(path);
	return rmdir(folder);
}

static int remove_state(void **state)
{
	unlink(path);
	return 0;
}

static void note(struct checkpoint *checkpoint, uint64_t position)
{
	struct fault f;

	assert_int_equal(checkpoint_write(checkpoint, CHECKPOINT_COPY, position, &f), 0);
}

/* A state with the notes 1000 and 2000. */
static void make_state(void)
{
	struct checkpoint checkpoint;
	struct fault f;

	assert_int_equal(checkpoint_open(&checkpoint, path, mine, &f), 0);
	assert_true(checkpoint_is_new(&checkpoint));
	note(&checkpoint, 1000);
	note(&checkpoint, 2000);
	checkpoint_close(&checkpoint);
}

static uint64_t position_of_state(void)
{
	struct checkpoint checkpoint;
	struct fault f;

	assert_int_equal(checkpoint_open(&checkpoint, path, mine, &f), 0);
	assert_false(checkpoint_is_new(&checkpoint));
	checkpoint_close(&checkpoint);
	return checkpoint.position;
}

static void damage(off_t at)
{
	int _cleanup_close_ fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void assert_refused(const uint8_t name[CHECKPOINT_NAME], const char *code, const char *word)
{
	struct checkpoint checkpoint;
	struct stat before, after;
	struct fault f;

	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(checkpoint_open(&checkpoint, path, name, &f), -1);
	assert_string_equal(f.code, code);
	assert_non_null(strstr(f.message, word));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void the_last_note_counts(void **state)
{
	struct stat st;

	make_state();
	assert_int_equal(position_of_state(), 2000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 2 * SLOT);
}

/* The second note is in the first slot: sequence 2. A note that is cut off damages one slot. */
static void a_note_that_was_cut_off_leaves_the_one_before(void **state)
{
	for (off_t at = 0; at < NOTE_BYTES; at++) {
		unlink(path);
		make_state();
		damage(at);
		assert_int_equal(position_of_state(), 1000);
	}
	unlink(path);
	make_state();
	damage(SLOT);
	assert_int_equal(position_of_state(), 2000);
}

static void a_damaged_state_is_refused(void **state)
{
	make_state();
	damage(8);
	damage(SLOT + 8);
	assert_refused(mine, "InvalidParameterValue", "damaged");
}

static void the_state_of_another_copy_is_refused(void **state)
{
	make_state();
	assert_refused(other, "InvalidParameterCombination", "another copy");
	assert_int_equal(position_of_state(), 2000);
}

static void a_file_of_something_else_is_refused(void **state)
{
	static const char *const texts[] = { "", "root:x:0:0", "envcopy1" };
	struct fault f;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		unlink(path);
		assert_int_equal(file_create(path, 0600, texts[i], strlen(texts[i]), &f), 0);
		assert_refused(mine, "InvalidParameterValue", "no state of a copy");
	}
	unlink(path);
	make_state();
	assert_int_equal(truncate(path, 2 * SLOT + 1), 0);
	assert_refused(mine, "InvalidParameterValue", "no state of a copy");
}

static void two_runs_have_no_state_in_common(void **state)
{
	struct checkpoint checkpoint;
	struct fault f;

	assert_int_equal(checkpoint_open(&checkpoint, path, mine, &f), 0);
	assert_refused(mine, "InvalidParameterValue", "in use");
	checkpoint_close(&checkpoint);
}

static void a_state_in_no_folder_is_refused(void **state)
{
	_cleanup_text_ char *lost = text_format("%s/none/state", folder);
	struct checkpoint checkpoint;
	struct fault f;

	assert_int_equal(checkpoint_open(&checkpoint, lost, mine, &f), -1);
	assert_non_null(strstr(f.message, lost));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_last_note_counts, remove_state),
		cmocka_unit_test_teardown(a_note_that_was_cut_off_leaves_the_one_before,
					  remove_state),
		cmocka_unit_test_teardown(a_damaged_state_is_refused, remove_state),
		cmocka_unit_test_teardown(the_state_of_another_copy_is_refused, remove_state),
		cmocka_unit_test_teardown(a_file_of_something_else_is_refused, remove_state),
		cmocka_unit_test_teardown(two_runs_have_no_state_in_common, remove_state),
		cmocka_unit_test(a_state_in_no_folder_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
