// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/header_fixture.c ../tests/unit/luks2_forge.c */
/*
 * Forged volume headers: each one is refused with its reason, or changes the header's hash.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "header_fixture.h"
#include "luks2_forge.h"

#define DIGEST_OF_ANOTHER_KEY "\"W5irWru5ZP+1USStB1rnVDTc+18EKTWuVZsrW35R/ss=\""
#define TOKEN_COPY                                                                                         \
	"{\"type\":\"envelope\",\"keyslots\":[],\"version\":1,\"volume_id\":\"vol-0123456789abcdef0\","    \
	"\"cluster_id\":\"orders-db1\",\"db_cluster_resource_id\":\"cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ\"," \
	"\"key_arn\":\"" KEY_ARN "\",\"region\":\"us-east-1\",\"account\":\"123456789012\","               \
	"\"generation\":1,\"wrapped_key\":\"AAAA\"}"
#define STATE_TOKEN \
	"{\"type\":\"envelope-state\",\"keyslots\":[],\"state\":\"stopped\",\"reason\":\"\",\"time\":\"\"}"
#define HOST "0123456789abcdef0123456789abcdef"
#define OWNER(more, host, claim)                                                \
	"{\"type\":\"envelope-owner\",\"keyslots\":[]," more "\"host\":\"" host \
	"\",\"boot\":\"" HOST "\",\"time\":\"2026-01-31T12:00:00Z\",\"claim\":" claim "}"

#define KMS(kms, more) "{\"type\":\"envelope-kms\",\"keyslots\":[],\"kms\":\"" kms "\"" more "}"

#define KEYSLOT                                                                                                   \
	"{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\",\"stripes\":4000,\"hash\":\"sha256\"},"   \
	"\"area\":{\"type\":\"raw\",\"offset\":\"32768\",\"size\":\"258048\",\"encryption\":\"aes-xts-plain64\"," \
	"\"key_size\":64},\"kdf\":{\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":1000,"                  \
	"\"salt\":\"H4gIxMgDZvakRpNXzkwKziBSEMhmNTPW89Y7qbuoOcs=\"}}"
#define SEGMENT                                                                               \
	"{\"type\":\"crypt\",\"offset\":\"4194304\",\"size\":\"dynamic\",\"iv_tweak\":\"0\"," \
	"\"encryption\":\"aes-xts-plain64\",\"sector_size\":4096}"

struct forgery {
	const char *name;
	const char *pointer;
	const char *value;  /* NULL: delete */
	const char *reason; /* part of the refusal; NULL: accepted, but with another hash */
};

static const struct forgery forgeries[] = {
	/* binary header */
	{ "other uuid", "uuid", "11111111-2222-3333-4444-555555555555", NULL },
	{ "wrong uuid", "uuid", "not-a-uuid", "uuid" },
	{ "uuid in capitals", "uuid", "AAAAAAAA-2222-3333-4444-555555555555", "uuid" },
	{ "other subsystem", "subsystem", "luks", "subsystem" },

	/* how data is encrypted, and where */
	{ "null cipher", "/segments/0/encryption", "\"cipher_null-ecb\"", "tokens.0.key_arn" },
	{ "weaker mode", "/segments/0/encryption", "\"aes-cbc-plain64\"", "segments.0.encryption" },
	{ "other IV", "/segments/0/encryption", "\"aes-xts-plain\"", "segments.0.encryption" },
	{ "sector size 512", "/segments/0/sector_size", "512", NULL },
	{ "sector size 2048", "/segments/0/sector_size", "2048", "segments.0.sector_size" },
	{ "sector size as text", "/segments/0/sector_size", "\"4096\"", "LUKS2" },
	{ "offset moved", "/segments/0/offset", "\"2097152\"", NULL },
	{ "offset odd", "/segments/0/offset", "\"1049088\"", "segments.0.offset" },
	{ "offset with leading zero", "/segments/0/offset", "\"01048576\"", "segments.0.offset" },
	{ "offset past the device", "/segments/0/offset", "\"1099511627776\"", "segments.0.size" },
	{ "iv shifted", "/segments/0/iv_tweak", "\"8\"", "segments.0.iv_tweak" },
	{ "size fixed", "/segments/0/size", "\"1048576\"", NULL },
	{ "size zero", "/segments/0/size", "\"0\"", "LUKS2" },
	{ "size odd", "/segments/0/size", "\"1048577\"", "aligned to sector size" },
	{ "size not whole sectors", "/segments/0/size", "\"1049088\"",
	  "aligned to sector size: 4096" },
	{ "size past the device", "/segments/0/size", "\"8388608\"", "segments.0.size" },
	{ "linear segment", "/segments/0",
	  "{\"type\":\"linear\",\"offset\":\"1048576\","
	  "\"size\":\"dynamic\"}",
	  "segments.0" },
	{ "segment flags", "/segments/0/flags", "[\"backup-final\"]", "No regular segment" },
	{ "unknown segment flags", "/segments/0/flags", "[\"x\"]", "segments.0.flags" },
	{ "integrity", "/segments/0/integrity",
	  "{\"type\":\"hmac(sha256)\","
	  "\"journal_encryption\":\"none\",\"journal_integrity\":\"none\"}",
	  "segments.0.integrity" },
	{ "second segment without digest", "/segments/1", SEGMENT, "Crypt segment 1" },
	{ "no segment", "/segments/0", NULL, "LUKS2" },

	/* digest */
	{ "digest of another key", "/digests/0/digest", DIGEST_OF_ANOTHER_KEY, NULL },
	{ "other salt", "/digests/0/salt", DIGEST_OF_ANOTHER_KEY, NULL },
	{ "digest too short", "/digests/0/digest", "\"AAAA\"", "digests.0.digest" },
	{ "other digest hash", "/digests/0/hash", "\"sha1\"", "digests.0.hash" },
	{ "other iterations", "/digests/0/iterations", "2000", NULL },
	{ "endless iterations", "/digests/0/iterations", "2000000000", "digests.0.iterations" },
	{ "digest for no segment", "/digests/0/segments", "[]", "Crypt segment 0" },
	{ "no digest", "/digests/0", NULL, "Crypt segment 0" },
	{ "second digest", "/digests/1",
	  "{\"type\":\"pbkdf2\",\"keyslots\":[],\"segments\":[],"
	  "\"hash\":\"sha256\",\"iterations\":1000,\"salt\":" DIGEST_OF_ANOTHER_KEY ","
	  "\"digest\":" DIGEST_OF_ANOTHER_KEY "}",
	  "digests.1" },

	/* token */
	{ "other key ARN", "/tokens/0/key_arn", "\"" OTHER_ARN "\"", NULL },
	{ "alias for ARN", "/tokens/0/key_arn", "\"alias/aws/rds\"", "tokens.0.key_arn" },
	{ "ARN of another region", "/tokens/0/region", "\"eu-west-1\"", "tokens.0.key_arn" },
	{ "ARN of another account", "/tokens/0/account", "\"210987654321\"", "tokens.0.key_arn" },
	{ "other generation", "/tokens/0/generation", "2", NULL },
	{ "generation zero", "/tokens/0/generation", "0", "tokens.0.generation" },
	{ "generation as text", "/tokens/0/generation", "\"1\"", "tokens.0.generation" },
	{ "other version", "/tokens/0/version", "2", "tokens.0.version" },
	{ "other volume", "/tokens/0/volume_id", "\"vol-ffffffffffffffff0\"", NULL },
	{ "wrong volume id", "/tokens/0/volume_id", "\"vol-x\"", "tokens.0.volume_id" },
	{ "other cluster", "/tokens/0/cluster_id", "\"orders-db2\"", NULL },
	{ "line feed in cluster id", "/tokens/0/cluster_id", "\"a\\nb\"", "tokens.0.cluster_id" },
	{ "NUL in cluster id", "/tokens/0/cluster_id", "\"orders-db1\\u0000x\"", "metadata" },
	{ "other resource id", "/tokens/0/db_cluster_resource_id",
	  "\"cluster-ZZZZZZZZZZZZZZZZZZZZZZZZZZ\"", NULL },
	{ "resource id missing", "/tokens/0/db_cluster_resource_id", NULL,
	  "tokens.0.db_cluster_resource_id" },
	{ "unknown member of the token", "/tokens/0/extra", "1", "tokens.0.extra" },
	{ "wrapped key that is not base64", "/tokens/0/wrapped_key", "\"?\"",
	  "tokens.0.wrapped_key" },
	{ "wrapped key empty", "/tokens/0/wrapped_key", "\"\"", "tokens.0.wrapped_key" },
	{ "wrapped key missing", "/tokens/0/wrapped_key", NULL, "wrapped_key" },
	{ "no token", "/tokens/0", NULL, "tokens" },
	{ "second token", "/tokens/1", TOKEN_COPY, "tokens.1" },
	{ "token of another kind", "/tokens/1", "{\"type\":\"systemd-tpm2\",\"keyslots\":[]}",
	  "tokens.1.type" },
	{ "state token with more in it", "/tokens/1",
	  "{\"type\":\"envelope-state\",\"keyslots\":[],"
	  "\"state\":\"\",\"reason\":\"\",\"time\":\"\",\"x\":1}",
	  "tokens.1.x" },
	{ "state token without state", "/tokens/1", "{\"type\":\"envelope-state\",\"keyslots\":[]}",
	  "tokens.1.state" },

	{ "owner token with more in it", "/tokens/1", OWNER("\"x\":1,", HOST, "7200"),
	  "tokens.1.x" },
	{ "owner without boot", "/tokens/1",
	  "{\"type\":\"envelope-owner\",\"keyslots\":[],\"host\":\"" HOST "\"}", "tokens.1.boot" },
	{ "owner that is no id", "/tokens/1", OWNER("", "me", "7200"), "tokens.1.host" },
	{ "owner with a negative claim", "/tokens/1", OWNER("", HOST, "-1"), "tokens.1.claim" },
	{ "owner with an endless claim", "/tokens/1", OWNER("", HOST, "86401"), "tokens.1.claim" },

	{ "identity of the KMS with more in it", "/tokens/1", KMS("kms A", ",\"x\":1"),
	  "tokens.1.x" },
	{ "no identity of the KMS", "/tokens/1", "{\"type\":\"envelope-kms\",\"keyslots\":[]}",
	  "tokens.1.kms" },
	{ "empty identity of the KMS", "/tokens/1", KMS("", ""), "tokens.1.kms" },
	{ "line feed in the identity of the KMS", "/tokens/1", KMS("a\\nb", ""), "tokens.1.kms" },

	/* the rest */
	{ "keyslot without digest", "/keyslots/0", KEYSLOT, "Keyslot 0" },
	{ "requirement", "/config/requirements", "{\"mandatory\":[\"offline-reencrypt\"]}",
	  "config.requirements" },
	{ "unknown requirement", "/config/requirements", "{\"mandatory\":[\"from-the-future\"]}",
	  "config.requirements" },
	{ "empty requirements", "/config/requirements", "{}", "config.requirements" },
	{ "activation flag", "/config/flags", "[\"allow-discards\"]", "config.flags" },
	{ "unknown member of config", "/config/extra", "1", "config.extra" },
	{ "unknown top-level member", "/extra", "{}", "extra" },
	{ "member with a blank in its name", "/segments/0/x offset", "1", "segments.0" },
};

static void forged_headers_are_refused_or_change_the_hash(void **state)
{
	const size_t rows = sizeof(forgeries) / sizeof(forgeries[0]);
	unsigned int wrong = 0;

	for (size_t i = 0; i < rows; i++) {
		const struct forgery *forged = &forgeries[i];
		struct volume_header made, read;
		struct fault f = { 0 };
		int r;

		drop_image(state);
		new_image(state);
		made = make_volume();
		luks2_forge(image, forged->pointer, forged->value);
		r = header_read(image, &read, &f);
		if (!forged->reason && r)
			print_error("%s: refused: %s\n", forged->name, f.message);
		else if (!forged->reason && !strcmp(made.header_sha256, read.header_sha256))
			print_error("%s: accepted with the same hash\n", forged->name);
		else if (forged->reason && !r)
			print_error("%s: accepted\n", forged->name);
		else if (forged->reason && (strcmp(f.code, "InvalidVolumeHeader") ||
					    !strstr(f.message, forged->reason)))
			print_error("%s: expected \"%s\", seen %s: %s\n", forged->name,
				    forged->reason, f.code, f.message);
		else
			continue;
		wrong++;
	}
	if (wrong)
		fail_msg("%u of %zu forgeries", wrong, rows);
}

/* Forgeries that need a second change before libcryptsetup finds them valid. */
static void a_keyslot_is_refused(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	luks2_forge(image, "/keyslots/0", KEYSLOT);
	luks2_forge(image, "/digests/0/keyslots", "[\"0\"]");
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", ": keyslots: ");
}

static void a_second_segment_is_refused(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	luks2_forge(image, "/segments/1", SEGMENT);
	luks2_forge(image, "/segments/0/size", "\"3145728\"");
	luks2_forge(image, "/digests/0/segments", "[\"0\",\"1\"]");
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", ": segments.1: ");
}

/* Negative control: a forgery that changes nothing, or only fields that the hash leaves out. */
static void the_forger_itself_does_not_break_headers(void **state)
{
	struct volume_header made = make_volume(), read;
	struct fault f = { 0 };

	luks2_forge(image, "/segments/0/offset", "\"1048576\"");
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.header_sha256, made.header_sha256);
	luks2_forge(image, "/tokens/0/wrapped_key", "\"AAAA\"");
	luks2_forge(image, "/tokens/5", STATE_TOKEN);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.header_sha256, made.header_sha256);
	assert_int_equal(read.wrapped_key_size, 3);
	assert_string_equal(read.state, "stopped");
	luks2_forge(image, "/tokens/6", STATE_TOKEN);
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", "second token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(forged_headers_are_refused_or_change_the_hash),
		with_image(a_keyslot_is_refused),
		with_image(a_second_segment_is_refused),
		with_image(the_forger_itself_does_not_break_headers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
