// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the arguments of the table line.
 *
 * A bad line must be refused with the text that names its fault: an operator sees nothing
 * else. Rows are table lines as users of dmsetup write them.
 */
#include <kunit/test.h>

#include "envelope.h"

#define KEY	  ":64:envelope:dm-envelope:vol-1"
#define GOOD	  "aes-xts-plain64 " KEY " 0 /dev/sdx 0"
#define MAX_WORDS 12

struct table_row {
	const char *name;
	const char *line;
	sector_t len;
	const char *error; /* the text begins so; NULL: the line is good */
	struct envelope_table table;
};

static const struct table_row good_rows[] = {
	{ "1 no options", GOOD, 8, NULL, { .sector_size = 4096 } },
	{ "2 zero options", GOOD " 0", 8, NULL, { .sector_size = 4096 } },
	{ "3 sector_size 512", GOOD " 1 sector_size:512", 1, NULL, { .sector_size = 512 } },
	{ "4 sector_size 4096", GOOD " 1 sector_size:4096", 8, NULL, { .sector_size = 4096 } },
	{ "5 discards",
	  GOOD " 1 allow_discards",
	  8,
	  NULL,
	  { .sector_size = 4096, .allow_discards = true } },
	{ "6 both options",
	  GOOD " 2 sector_size:512 allow_discards",
	  3,
	  NULL,
	  { .sector_size = 512, .allow_discards = true } },
	{ "7 both options, other order",
	  GOOD " 2 allow_discards sector_size:512",
	  3,
	  NULL,
	  { .sector_size = 512, .allow_discards = true } },
	{ "8 offsets",
	  "aes-xts-plain64 " KEY " 32768 /dev/sdx 65536",
	  8,
	  NULL,
	  { .sector_size = 4096, .iv_offset = 32768, .start = 65536 } },
	{ "9 offsets past 2^32",
	  "aes-xts-plain64 " KEY " 4294967296 /dev/sdx 8589934592",
	  8,
	  NULL,
	  { .sector_size = 4096, .iv_offset = 1ULL << 32, .start = 1ULL << 33 } },
	{ "10 largest iv_offset",
	  "aes-xts-plain64 " KEY " 18446744073709551608 /dev/sdx 0",
	  8,
	  NULL,
	  { .sector_size = 4096, .iv_offset = U64_MAX - 7 } },
	{ "11 iv_offset of 1 at 512",
	  "aes-xts-plain64 " KEY " 1 /dev/sdx 7 1 sector_size:512",
	  1,
	  NULL,
	  { .sector_size = 512, .iv_offset = 1, .start = 7 } },
};

static const struct table_row bad_rows[] = {
	{ "1 nothing", "", 8, "Not enough arguments" },
	{ "2 four arguments", "aes-xts-plain64 " KEY " 0 /dev/sdx", 8, "Not enough arguments" },
	{ "3 another mode", "aes-cbc-essiv:sha256 " KEY " 0 /dev/sdx 0", 8, "Unsupported cipher" },
	{ "4 another IV", "aes-xts-plain " KEY " 0 /dev/sdx 0", 8, "Unsupported cipher" },
	{ "5 more behind the cipher", "aes-xts-plain64be " KEY " 0 /dev/sdx 0", 8,
	  "Unsupported cipher" },
	{ "6 capitals", "AES-XTS-PLAIN64 " KEY " 0 /dev/sdx 0", 8, "Unsupported cipher" },
	{ "7 capi syntax", "capi:xts(aes)-plain64 " KEY " 0 /dev/sdx 0", 8, "Unsupported cipher" },
	{ "8 hex key", "aes-xts-plain64 00112233445566778899aabbccddeeff 0 /dev/sdx 0", 8,
	  "Key material in a table" },
	{ "9 no key", "aes-xts-plain64 - 0 /dev/sdx 0", 8, "Key material in a table" },
	{ "10 key of 32 bytes", "aes-xts-plain64 :32:envelope:x 0 /dev/sdx 0", 8,
	  "Unsupported key size or key type" },
	{ "11 logon key", "aes-xts-plain64 :64:logon:a:b 0 /dev/sdx 0", 8,
	  "Unsupported key size or key type" },
	{ "12 type that begins like ours", "aes-xts-plain64 :64:envelopes:x 0 /dev/sdx 0", 8,
	  "Unsupported key size or key type" },
	{ "13 only a colon", "aes-xts-plain64 : 0 /dev/sdx 0", 8,
	  "Unsupported key size or key type" },
	{ "14 no description", "aes-xts-plain64 :64:envelope: 0 /dev/sdx 0", 8,
	  "Key description is empty" },
	{ "15 iv_offset is a word", "aes-xts-plain64 " KEY " x /dev/sdx 0", 8,
	  "Invalid iv_offset" },
	{ "16 iv_offset is negative", "aes-xts-plain64 " KEY " -8 /dev/sdx 0", 8,
	  "Invalid iv_offset" },
	{ "17 iv_offset is 2^64", "aes-xts-plain64 " KEY " 18446744073709551616 /dev/sdx 0", 8,
	  "Invalid iv_offset" },
	{ "18 iv_offset has a tail", "aes-xts-plain64 " KEY " 8k /dev/sdx 0", 8,
	  "Invalid iv_offset" },
	{ "19 iv_offset is hex", "aes-xts-plain64 " KEY " 0x8 /dev/sdx 0", 8, "Invalid iv_offset" },
	{ "20 offset is a word", "aes-xts-plain64 " KEY " 0 /dev/sdx start", 8,
	  "Invalid device offset" },
	{ "21 offset is negative", "aes-xts-plain64 " KEY " 0 /dev/sdx -1", 8,
	  "Invalid device offset" },
	{ "22 offset is 2^64", "aes-xts-plain64 " KEY " 0 /dev/sdx 18446744073709551616", 8,
	  "Invalid device offset" },
	{ "23 number of options is a word", GOOD " many", 8, "Invalid number of options" },
	{ "24 too many options", GOOD " 3 allow_discards allow_discards allow_discards", 8,
	  "Invalid number of options" },
	{ "25 fewer options than announced", GOOD " 2 allow_discards", 8,
	  "Invalid number of options" },
	{ "26 more options than announced", GOOD " 1 allow_discards sector_size:512", 8,
	  "More arguments than" },
	{ "27 unknown option", GOOD " 1 same_cpu_crypt", 8, "Unknown option" },
	{ "28 option with a tail", GOOD " 1 allow_discards2", 8, "Unknown option" },
	{ "29 sector_size 1024", GOOD " 1 sector_size:1024", 8, "Invalid sector_size" },
	{ "30 sector_size 0", GOOD " 1 sector_size:0", 8, "Invalid sector_size" },
	{ "31 sector_size without a value", GOOD " 1 sector_size:", 8, "Invalid sector_size" },
	{ "32 sector_size with a tail", GOOD " 1 sector_size:512k", 8, "Invalid sector_size" },
	{ "33 length in half units", GOOD, 9, "Length is not a multiple of sector_size" },
	{ "34 length less than a unit", GOOD, 7, "Length is not a multiple of sector_size" },
	{ "35 iv_offset in half units", "aes-xts-plain64 " KEY " 4 /dev/sdx 0", 8,
	  "iv_offset is not a multiple of sector_size" },
	{ "36 description with a comma", "aes-xts-plain64 :64:envelope:a,sector_size 0 /dev/sdx 0",
	  8, "Key description contains" },
	{ "37 description with a semicolon", "aes-xts-plain64 :64:envelope:a;b 0 /dev/sdx 0", 8,
	  "Key description contains" },
	{ "38 description with an equals sign", "aes-xts-plain64 :64:envelope:a=b 0 /dev/sdx 0", 8,
	  "Key description contains" },
	{ "39 description with a backslash", "aes-xts-plain64 :64:envelope:a\\b 0 /dev/sdx 0", 8,
	  "Key description contains" },
};

KUNIT_ARRAY_PARAM_DESC(good, good_rows, name);
KUNIT_ARRAY_PARAM_DESC(bad, bad_rows, name);

/* Splits a copy of the line as dm core does; the words live as long as the test. */
static unsigned int split(struct kunit *test, const char *line, char **words)
{
	size_t size = strlen(line) + 1;
	char *copy = kunit_kzalloc(test, size, GFP_KERNEL);
	unsigned int n = 0;
	char *word;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	strscpy(copy, line, size);
	while ((word = strsep(&copy, " "))) {
		if (!*word)
			continue;
		KUNIT_ASSERT_LT(test, n, MAX_WORDS);
		words[n++] = word;
	}
	return n;
}

static void good_line_is_taken(struct kunit *test)
{
	const struct table_row *row = test->param_value;
	struct envelope_table table;
	char *words[MAX_WORDS];
	char *error = "none";
	unsigned int n = split(test, row->line, words);

	KUNIT_ASSERT_EQ_MSG(test, envelope_table_parse(n, words, row->len, &table, &error), 0,
			    "error: %s", error);
	KUNIT_EXPECT_STREQ(test, table.description, "dm-envelope:vol-1");
	KUNIT_EXPECT_STREQ(test, table.device, "/dev/sdx");
	KUNIT_EXPECT_EQ(test, table.iv_offset, row->table.iv_offset);
	KUNIT_EXPECT_EQ(test, table.start, row->table.start);
	KUNIT_EXPECT_EQ(test, table.sector_size, row->table.sector_size);
	KUNIT_EXPECT_EQ(test, table.allow_discards, row->table.allow_discards);
}

static void bad_line_is_refused(struct kunit *test)
{
	const struct table_row *row = test->param_value;
	struct envelope_table table;
	char *words[MAX_WORDS];
	char *error = "none";
	unsigned int n = split(test, row->line, words);

	KUNIT_EXPECT_EQ(test, envelope_table_parse(n, words, row->len, &table, &error), -EINVAL);
	KUNIT_EXPECT_TRUE_MSG(test, strstarts(error, row->error), "expected \"%s...\", seen \"%s\"",
			      row->error, error);
}

static struct kunit_case table_cases[] = { KUNIT_CASE_PARAM(good_line_is_taken, good_gen_params),
					   KUNIT_CASE_PARAM(bad_line_is_refused, bad_gen_params),
					   {} };

static struct kunit_suite table_suite = {
	.name = "envelope_table",
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
