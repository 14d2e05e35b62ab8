// SPDX-License-Identifier: MIT
/* sources: agent/rules/pool_rules.c */
/*
 * What may be put into a pool: it promises no byte that it does not have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/rules/pool_rules.h"

#define EXTENT ((uint64_t)4 << 20)

static struct pool_room ten_gib(uint64_t promised)
{
	return (struct pool_room){ .name = "fast",
				   .bytes = 10 * POOL_GIB,
				   .promised = promised,
				   .free_bytes = 5 * POOL_GIB,
				   .extent_bytes = EXTENT,
				   .health = "" };
}

/* "" when @bytes may be promised, or the fault */
static const char *said(const struct pool_room *room, uint64_t bytes, uint64_t *grow_to)
{
	static struct fault f;

	return rules_pool_room(room, bytes, grow_to, &f) < 0 ? f.code : "";
}

static void a_pool_promises_what_it_has_and_no_byte_more(void **state)
{
	struct pool_room room = ten_gib(7 * POOL_GIB);
	uint64_t grow_to = 1;

	assert_string_equal(said(&room, 3 * POOL_GIB, &grow_to), "");
	assert_int_equal(grow_to, 0);
	assert_string_equal(said(&room, 3 * POOL_GIB + 1, &grow_to), "StorageQuotaExceededFault");
	/* Somebody has promised more than there is: not another byte. */
	room.promised = 12 * POOL_GIB;
	assert_string_equal(said(&room, 1, &grow_to), "StorageQuotaExceededFault");
}

static void a_pool_that_lvm_may_extend_grows_before_it_promises(void **state)
{
	struct pool_room room = ten_gib(9 * POOL_GIB);
	uint64_t grow_to = 0;

	room.autoextend = true;
	assert_string_equal(said(&room, POOL_GIB, &grow_to), "");
	assert_int_equal(grow_to, 0);
	assert_string_equal(said(&room, POOL_GIB + 1, &grow_to), "");
	assert_int_equal(grow_to, 10 * POOL_GIB + EXTENT);
	assert_string_equal(said(&room, 6 * POOL_GIB, &grow_to), "");
	assert_int_equal(grow_to, 15 * POOL_GIB);
	assert_string_equal(said(&room, 6 * POOL_GIB + 1, &grow_to), "StorageQuotaExceededFault");
	assert_int_equal(grow_to, 0);
}

static void nothing_is_put_into_a_pool_whose_metadata_are_nearly_full_or_that_is_damaged(
	void **state)
{
	struct pool_room room = ten_gib(0);
	uint64_t grow_to;

	room.metadata_percent = 79.99;
	assert_string_equal(said(&room, 1, &grow_to), "");
	room.metadata_percent = 80;
	assert_string_equal(said(&room, 1, &grow_to), "StorageQuotaExceededFault");
	room.metadata_percent = 0;
	room.health = "metadata_read_only";
	assert_string_equal(said(&room, 1, &grow_to), "InvalidDBClusterStateFault");
}

static void the_level_is_that_of_the_fuller_of_data_and_metadata(void **state)
{
	static const struct {
		double data, metadata;
		unsigned int level;
	} rows[] = {
		{ 0, 0, 0 },	  { 79.9, 79.9, 0 }, { 80, 0, 80 }, { 0, 80, 80 },
		{ 89.9, 20, 80 }, { 90, 94.9, 90 },  { 95, 0, 95 }, { 100, 100, 95 },
	};
	struct pool_room room = ten_gib(0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		room.data_percent = rows[i].data;
		room.metadata_percent = rows[i].metadata;
		assert_int_equal(rules_pool_level(&room), rows[i].level);
	}
	room = ten_gib(10 * POOL_GIB + 1);
	assert_int_equal(rules_pool_level(&room), 100);
	room = ten_gib(0);
	room.health = "failed";
	assert_int_equal(rules_pool_level(&room), 100);
}

static void names_and_sizes(void **state)
{
	static const char *const bad[] = { "", "-a", "a-", "a--b", "A", "1a", "a/b", "a b", "a.b" };
	char name[POOL_NAME_MAX + 2];
	struct fault f;

	assert_int_equal(rules_pool_name("fast-1", &f), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (rules_pool_name(bad[i], &f) == 0)
			fail_msg("'%s' is the name of a pool", bad[i]);
	memset(name, 'a', sizeof(name));
	name[POOL_NAME_MAX + 1] = 0;
	assert_int_equal(rules_pool_name(name, &f), -1);
	name[POOL_NAME_MAX] = 0;
	assert_int_equal(rules_pool_name(name, &f), 0);
	assert_int_equal(rules_pool_size(0, "Size", &f), -1);
	assert_int_equal(rules_pool_size(1, "Size", &f), 0);
	assert_int_equal(rules_pool_size(POOL_GIB_MAX, "Size", &f), 0);
	assert_int_equal(rules_pool_size(POOL_GIB_MAX + 1, "Size", &f), -1);
	assert_int_equal(rules_pool_size(-1, "Size", &f), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_promises_what_it_has_and_no_byte_more),
		cmocka_unit_test(a_pool_that_lvm_may_extend_grows_before_it_promises),
		cmocka_unit_test(
			nothing_is_put_into_a_pool_whose_metadata_are_nearly_full_or_that_is_damaged),
		cmocka_unit_test(the_level_is_that_of_the_fuller_of_data_and_metadata),
		cmocka_unit_test(names_and_sizes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
