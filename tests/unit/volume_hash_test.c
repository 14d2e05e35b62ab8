// SPDX-License-Identifier: MIT
/*
 * The canonical hash of a volume header: a fixed vector, so that no later change makes existing
 * volumes unreadable, and a proof that each field counts.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/header/volume_hash.h"

static const struct volume_header vector = {
	.uuid = "080b15bb-b5ab-4f0c-97dd-37ef38ff19ae",
	.volume_id = "vol-0123456789abcdef0",
	.cluster_id = "orders-db1",
	.db_cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	.key_arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
	.region = "us-east-1",
	.account = "123456789012",
	.generation = 1,
	.data_offset = 2048,
	.sector_size = 4096,
	.digest_iterations = 1000,
	.digest_salt = "af/p/EmhFQBy3/UZkv2vdhRFn0QQ1ery66X3C0KA5Cw=",
	.digest = "W5irWru5ZP+1USStB1rnVDTc+18EKTWuVZsrW35R/ss=",
};

static const char vector_text[] =
	"dm-envelope volume header 1\n"
	"uuid=080b15bb-b5ab-4f0c-97dd-37ef38ff19ae\n"
	"segment.type=crypt\n"
	"segment.offset=1048576\n"
	"segment.size=dynamic\n"
	"segment.iv_tweak=0\n"
	"segment.encryption=aes-xts-plain64\n"
	"segment.sector_size=4096\n"
	"digest.type=pbkdf2\n"
	"digest.hash=sha256\n"
	"digest.iterations=1000\n"
	"digest.salt=af/p/EmhFQBy3/UZkv2vdhRFn0QQ1ery66X3C0KA5Cw=\n"
	"digest.digest=W5irWru5ZP+1USStB1rnVDTc+18EKTWuVZsrW35R/ss=\n"
	"requirements=\n"
	"token.type=envelope\n"
	"token.version=1\n"
	"token.volume_id=vol-0123456789abcdef0\n"
	"token.cluster_id=orders-db1\n"
	"token.db_cluster_resource_id=cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
	"token.key_arn=arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\n"
	"token.region=us-east-1\n"
	"token.account=123456789012\n"
	"token.generation=1\n";

/* sha256sum(1) of the text above */
static const char vector_sha256[] =
	"72baff969e77cf676c57f5e71185e09f4ab1835574f972c427050233985eb05e";

static void the_text_follows_the_format(void **state)
{
	char text[VOLUME_HASH_TEXT_MAX];

	assert_int_equal(volume_hash_text(&vector, text), sizeof(vector_text) - 1);
	assert_string_equal(text, vector_text);
}

static void the_hash_is_that_of_sha256sum(void **state)
{
	char hex[65];

	assert_int_equal(volume_hash(&vector, hex, NULL), 0);
	assert_string_equal(hex, vector_sha256);
}

/* Changes one byte of each field that must count; the hash must follow. */
static void each_field_counts(void **state)
{
#define FIELD(name)                                         \
	{                                                   \
#name, offsetof(struct volume_header, name) \
	}
	static const struct {
		const char *name;
		size_t at;
	} fields[] = {
		FIELD(uuid),
		FIELD(volume_id),
		FIELD(cluster_id),
		FIELD(db_cluster_resource_id),
		FIELD(key_arn),
		FIELD(region),
		FIELD(account),
		FIELD(generation),
		FIELD(data_offset),
		FIELD(data_size),
		FIELD(iv_offset),
		FIELD(sector_size),
		FIELD(digest_iterations),
		FIELD(digest_salt),
		FIELD(digest),
	};
	char hex[65];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct volume_header changed = vector;

		((char *)&changed)[fields[i].at] ^= 1;
		assert_int_equal(volume_hash(&changed, hex, NULL), 0);
		if (!strcmp(hex, vector_sha256))
			fail_msg("%s does not count", fields[i].name);
	}
}

static void fields_that_may_change_do_not_count(void **state)
{
	struct volume_header changed = vector;
	char hex[65];

	changed.wrapped_key_size = 17;
	changed.wrapped_key[3] = 1;
	changed.data_sectors = 99;
	strcpy(changed.state, "stopped");
	assert_int_equal(volume_hash(&changed, hex, NULL), 0);
	assert_string_equal(hex, vector_sha256);
}

/* The longest values of the profile must not be cut. */
static void the_longest_header_fits(void **state)
{
	struct volume_header longest = vector;
	char text[VOLUME_HASH_TEXT_MAX];

	memset(longest.cluster_id, 'a', sizeof(longest.cluster_id) - 1);
	memset(longest.key_arn, 'a', sizeof(longest.key_arn) - 1);
	memset(longest.region, 'a', sizeof(longest.region) - 1);
	memset(longest.digest_salt, 'a', sizeof(longest.digest_salt) - 1);
	memset(longest.digest, 'a', sizeof(longest.digest) - 1);
	longest.generation = longest.data_size = UINT64_MAX;
	assert_true(volume_hash_text(&longest, text) > 0);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_follows_the_format),
		cmocka_unit_test(the_hash_is_that_of_sha256sum),
		cmocka_unit_test(each_field_counts),
		cmocka_unit_test(fields_that_may_change_do_not_count),
		cmocka_unit_test(the_longest_header_fits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
