// SPDX-License-Identifier: MIT
/* sources: ../tests/unit/luks2_forge.c */
/*
 * Volume headers on image files: what is written can be read by us and by libcryptsetup, nothing
 * is destroyed unasked, and each forged header is refused with its reason or changes the hash.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libcryptsetup.h>
#include <linux/loop.h>

#include "lib/header/header.h"
#include "luks2_forge.h"

#define IMAGE_SIZE (8 << 20)
#define VOLUME_ID  "vol-0123456789abcdef0"
#define OTHER_ID   "vol-ffffffffffffffff0"
#define KEY_ARN	   "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define OTHER_ARN  "arn:aws:kms:us-east-1:123456789012:key/9999abcd-12ab-34cd-56ef-1234567890ab"

static const struct volume_identity identity = {
	.volume_id = VOLUME_ID,
	.cluster_id = "orders-db1",
	.db_cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	.key_arn = KEY_ARN,
	.region = "us-east-1",
	.account = "123456789012",
};

static char image[64];
static struct secret *key;
static uint8_t blob[180];

static int new_image(void **state)
{
	int fd;

	strcpy(image, "/tmp/envelope-header-XXXXXX");
	fd = mkstemp(image);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE))
		return -1;
	close(fd);
	key = secret_new(VOLUME_KEY_SIZE);
	for (size_t i = 0; i < key->size; i++)
		key->bytes[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)(i * 11 + 3);
	return 0;
}

static int drop_image(void **state)
{
	unlink(image);
	secret_free(key);
	return 0;
}

static void succeeds(int ret, const struct fault *f)
{
	if (ret)
		fail_msg("unexpected fault %s: %s", f->code, f->message);
}

static void refused(int ret, const struct fault *f, const char *code, const char *reason)
{
	if (!ret)
		fail_msg("accepted, expected %s: ...%s...", code, reason);
	if (strcmp(f->code, code) || !strstr(f->message, reason))
		fail_msg("expected %s: ...%s...\n     seen %s: %s", code, reason, f->code,
			 f->message);
}

/* A complete volume on the image. */
static struct volume_header make_volume(void)
{
	struct volume_header header;
	struct fault f = { 0 };

	succeeds(header_format(image, &identity, key, &header, &f), &f);
	succeeds(header_set_wrapped_key(image, &header, blob, sizeof(blob), &f), &f);
	return header;
}

static void write_at(off_t at, const void *bytes, size_t size)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, size, at), size);
	close(fd);
}

static bool image_holds(const void *bytes, size_t size)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	char *all = malloc(IMAGE_SIZE);
	bool found;

	assert_int_equal(read(fd, all, IMAGE_SIZE), IMAGE_SIZE);
	found = memmem(all, IMAGE_SIZE, bytes, size) != NULL;
	free(all);
	close(fd);
	return found;
}

static void what_is_written_is_read_back(void **state)
{
	struct volume_header made = make_volume(), read;
	struct fault f = { 0 };

	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.volume_id, identity.volume_id);
	assert_string_equal(read.cluster_id, identity.cluster_id);
	assert_string_equal(read.db_cluster_resource_id, identity.db_cluster_resource_id);
	assert_string_equal(read.key_arn, KEY_ARN);
	assert_string_equal(read.region, "us-east-1");
	assert_string_equal(read.account, "123456789012");
	assert_int_equal(read.generation, 1);
	assert_int_equal(read.sector_size, 4096);
	assert_int_equal(read.data_offset, 2048);
	assert_int_equal(read.iv_offset, 0);
	assert_int_equal(read.data_sectors, (IMAGE_SIZE - (1 << 20)) / 512);
	assert_int_equal(read.wrapped_key_size, sizeof(blob));
	assert_memory_equal(read.wrapped_key, blob, sizeof(blob));
	assert_string_equal(read.state, "");
	assert_string_equal(read.uuid, made.uuid);
	assert_string_equal(read.header_sha256, made.header_sha256);
	assert_int_equal(strlen(read.header_sha256), 64);
}

static void sector_size_512_can_be_asked_for(void **state)
{
	struct volume_identity id = identity;
	struct volume_header header;
	struct fault f = { 0 };

	id.sector_size = 512;
	succeeds(header_format(image, &id, key, &header, &f), &f);
	assert_int_equal(header.sector_size, 512);
	id.sector_size = 1024;
	refused(header_format(image, &id, key, &header, &f), &f, "InvalidParameterValue",
		"sector size");
}

static void libcryptsetup_agrees(void **state)
{
	struct volume_header header = make_volume();
	struct crypt_device *cd;

	assert_int_equal(crypt_init(&cd, image), 0);
	assert_int_equal(crypt_load(cd, CRYPT_LUKS2, NULL), 0);
	assert_int_equal(crypt_get_data_offset(cd), header.data_offset);
	assert_int_equal(crypt_get_sector_size(cd), header.sector_size);
	assert_int_equal(crypt_get_iv_offset(cd), header.iv_offset);
	assert_string_equal(crypt_get_cipher(cd), "aes");
	assert_string_equal(crypt_get_cipher_mode(cd), "xts-plain64");
	assert_string_equal(crypt_get_uuid(cd), header.uuid);
	assert_string_equal(crypt_get_label(cd), identity.cluster_id);
	assert_int_equal(crypt_volume_key_verify(cd, (char *)key->bytes, key->size), 0);
	for (int i = 0; i < crypt_keyslot_max(CRYPT_LUKS2); i++)
		assert_int_equal(crypt_keyslot_status(cd, i), CRYPT_SLOT_INACTIVE);
	crypt_free(cd);
}

static void the_key_itself_is_not_written(void **state)
{
	make_volume();
	assert_false(image_holds(key->bytes, 16));
	/* The search is able to find things. */
	write_at(5 << 20, key->bytes, 16);
	assert_true(image_holds(key->bytes, 16));
}

static void identities_are_checked_before_anything_is_written(void **state)
{
	static const struct {
		size_t at;
		const char *value;
		const char *reason;
	} rows[] = {
		{ offsetof(struct volume_identity, volume_id), "vol-123", "volume id" },
		{ offsetof(struct volume_identity, volume_id), "vol-0123456789ABCDEF0",
		  "volume id" },
		{ offsetof(struct volume_identity, cluster_id), "", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "a\nb", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "a--b", "cluster identifier" },
		{ offsetof(struct volume_identity, cluster_id), "1db", "cluster identifier" },
		{ offsetof(struct volume_identity, db_cluster_resource_id), "cluster-1",
		  "resource" },
		{ offsetof(struct volume_identity, key_arn), "alias/aws/rds", "ARN" },
		{ offsetof(struct volume_identity, region), "eu-west-1", "region" },
		{ offsetof(struct volume_identity, account), "210987654321", "account" },
	};
	struct volume_header header;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct volume_identity id = identity;
		struct fault f = { 0 };

		*(const char **)((char *)&id + rows[i].at) = rows[i].value;
		refused(header_format(image, &id, key, &header, &f), &f, "InvalidParameterValue",
			rows[i].reason);
	}
	assert_false(image_holds("LUKS", 4));
}

static void a_device_that_holds_data_is_left_alone(void **state)
{
	static const uint8_t mbr_entry[] = { 0, 0, 2, 0, 0x83, 0, 0, 0, 8, 0, 0, 0, 0, 8, 0, 0 };
	struct volume_identity id = identity;
	struct volume_header header;
	struct fault f = { 0 };

	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	refused(header_format(image, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"swap");
	assert_true(image_holds("SWAPSPACE2", 10));

	id.overwrite = true;
	succeeds(header_format(image, &id, key, &header, &f), &f);
	assert_false(image_holds("SWAPSPACE2", 10));

	id.overwrite = false;
	refused(header_format(image, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"crypto_LUKS");

	drop_image(state);
	new_image(state);
	write_at(446, mbr_entry, sizeof(mbr_entry));
	write_at(510, "\x55\xaa", 2);
	refused(header_format(image, &id, key, &header, &f), &f, "InvalidParameterCombination",
		"dos partition table");
}

static void small_and_missing_devices_are_refused(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };

	assert_int_equal(truncate(image, 1 << 20), 0);
	refused(header_format(image, &identity, key, &header, &f), &f, "InvalidParameterValue",
		"too small");
	refused(header_format("/dev/null", &identity, key, &header, &f), &f,
		"InvalidParameterValue", "not a block device");
	refused(header_format("/nonexistent", &identity, key, &header, &f), &f,
		"InvalidParameterValue", "No such file");
	refused(header_read("/nonexistent", &header, &f), &f, "InvalidParameterValue",
		"No such file");
	refused(header_read(image, &header, &f), &f, "InvalidVolumeHeader", "no LUKS2 header");
}

/* Attaches the image to a loop device. Returns its descriptor, or -1 where there are none. */
static int attach_loop(char path[32])
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file, loop, number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (control >= 0)
		close(control);
	if (number < 0)
		return -1;
	snprintf(path, 32, "/dev/loop%d", number);
	loop = open(path, O_RDWR | O_CLOEXEC);
	file = open(image, O_RDWR | O_CLOEXEC);
	if (loop >= 0 && ioctl(loop, LOOP_SET_FD, file)) {
		close(loop);
		loop = -1;
	}
	close(file);
	return loop;
}

static void a_block_device_in_use_is_refused(void **state)
{
	struct volume_header header;
	struct fault f = { 0 };
	int format, erase, after, loop, holder;
	struct fault format_fault = { 0 }, erase_fault = { 0 };
	char path[32];

	loop = attach_loop(path);
	if (loop < 0) {
		print_message("no loop devices here: needs root and the loop module\n");
		skip();
	}
	holder = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	format = header_format(path, &identity, key, &header, &format_fault);
	erase = header_erase(path, VOLUME_ID, &erase_fault);
	close(holder);
	after = header_format(path, &identity, key, &header, &f);
	ioctl(loop, LOOP_CLR_FD);
	close(loop);

	assert_true(holder >= 0);
	refused(format, &format_fault, "VolumeInUse", "in use");
	refused(erase, &erase_fault, "VolumeInUse", "in use");
	succeeds(after, &f);
}

static void a_volume_without_wrapped_key_is_not_readable(void **state)
{
	struct volume_header header, read;
	struct fault f = { 0 };

	succeeds(header_format(image, &identity, key, &header, &f), &f);
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", "wrapped_key");
	refused(header_set_wrapped_key(image, &header, blob, 0, &f), &f, "InvalidParameterValue",
		"1 to 6144");
	refused(header_set_wrapped_key(image, &header, blob, 6145, &f), &f, "InvalidParameterValue",
		"1 to 6144");
}

static void the_largest_wrapped_key_fits(void **state)
{
	static uint8_t large[VOLUME_WRAPPED_KEY_MAX];
	struct volume_header header, read;
	struct fault f = { 0 };

	memset(large, 0xa5, sizeof(large));
	succeeds(header_format(image, &identity, key, &header, &f), &f);
	succeeds(header_set_wrapped_key(image, &header, large, sizeof(large), &f), &f);
	succeeds(header_set_state(image, VOLUME_ID, "inaccessible-encryption-credentials",
				  "a reason", &f),
		 &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_memory_equal(read.wrapped_key, large, sizeof(large));
}

static void only_the_volume_key_is_verified(void **state)
{
	struct volume_header header = make_volume();
	struct secret *shorter = secret_new(32);
	struct fault f = { 0 };

	succeeds(header_verify_key(image, &header, key, &f), &f);
	refused(header_verify_key(image, &header, shorter, &f), &f, "InvalidVolumeHeader",
		"digests.0");
	key->bytes[63] ^= 1;
	refused(header_verify_key(image, &header, key, &f), &f, "InvalidVolumeHeader", "digests.0");
	secret_free(shorter);
}

static void a_header_exchanged_after_reading_is_noticed(void **state)
{
	struct volume_header header = make_volume();
	struct fault f = { 0 };

	luks2_forge(image, "/tokens/0/key_arn", "\"" OTHER_ARN "\"");
	refused(header_verify_key(image, &header, key, &f), &f, "InvalidVolumeHeader", "changed");
	refused(header_set_wrapped_key(image, &header, blob, sizeof(blob), &f), &f,
		"InvalidVolumeHeader", "changed");
}

static void states_are_recorded_replaced_and_removed(void **state)
{
	struct volume_header header = make_volume(), read;
	struct fault f = { 0 };

	succeeds(header_set_state(image, VOLUME_ID, "stopped", "first", &f), &f);
	succeeds(header_set_state(image, VOLUME_ID, "inaccessible-encryption-credentials",
				  "DisabledException:\n\xff key is disabled", &f),
		 &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "inaccessible-encryption-credentials");
	assert_string_equal(read.state_reason, "DisabledException:?? key is disabled");
	assert_int_equal(strlen(read.state_time), strlen("2026-01-01T00:00:00Z"));
	assert_string_equal(read.header_sha256, header.header_sha256);
	assert_memory_equal(read.wrapped_key, blob, sizeof(blob));

	succeeds(header_set_state(image, VOLUME_ID, NULL, NULL, &f), &f);
	succeeds(header_set_state(image, VOLUME_ID, NULL, NULL, &f), &f);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "");

	luks2_forge(image, "subsystem", "something-else");
	refused(header_set_state(image, VOLUME_ID, "stopped", "", &f), &f, "InvalidVolumeHeader",
		"no dm-envelope");
}

static void erasing_leaves_nothing_of_the_header(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	assert_true(image_holds("LUKS\xba\xbe", 6));
	assert_true(image_holds("SKUL\xba\xbe", 6));
	assert_true(image_holds("wrapped_key", 11));
	succeeds(header_erase(image, VOLUME_ID, &f), &f);
	assert_false(image_holds("LUKS\xba\xbe", 6));
	assert_false(image_holds("SKUL\xba\xbe", 6));
	assert_false(image_holds("wrapped_key", 11));
	refused(header_read(image, &read, &f), &f, "InvalidVolumeHeader", "no LUKS2 header");
	refused(header_erase(image, VOLUME_ID, &f), &f, "InvalidVolumeHeader", "no LUKS2 header");

	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	refused(header_erase(image, VOLUME_ID, &f), &f, "InvalidParameterValue", "nothing erased");
	assert_true(image_holds("SWAPSPACE2", 10));
}

/* Whoever writes by a path that has become another disk's must not reach that disk's header. */
static void another_volumes_header_is_not_written(void **state)
{
	struct volume_header read;
	struct fault f = { 0 };

	make_volume();
	refused(header_set_state(image, OTHER_ID, "stopped", "", &f), &f, "InvalidVolumeHeader",
		" is " VOLUME_ID ", not " OTHER_ID);
	refused(header_set_state(image, OTHER_ID, NULL, NULL, &f), &f, "InvalidVolumeHeader",
		"not " OTHER_ID);
	refused(header_erase(image, OTHER_ID, &f), &f, "InvalidVolumeHeader",
		" is " VOLUME_ID ", not " OTHER_ID);
	succeeds(header_read(image, &read, &f), &f);
	assert_string_equal(read.state, "");

	luks2_forge(image, "/tokens/0", NULL);
	refused(header_set_state(image, VOLUME_ID, "stopped", "", &f), &f, "InvalidVolumeHeader",
		"without an id");
	refused(header_erase(image, VOLUME_ID, &f), &f, "InvalidVolumeHeader", "without an id");
	assert_true(image_holds("LUKS\xba\xbe", 6));
}

/* ---- forged headers ---- */

#define DIGEST_OF_ANOTHER_KEY "\"W5irWru5ZP+1USStB1rnVDTc+18EKTWuVZsrW35R/ss=\""
#define TOKEN_COPY                                                                                         \
	"{\"type\":\"envelope\",\"keyslots\":[],\"version\":1,\"volume_id\":\"vol-0123456789abcdef0\","    \
	"\"cluster_id\":\"orders-db1\",\"db_cluster_resource_id\":\"cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ\"," \
	"\"key_arn\":\"" KEY_ARN "\",\"region\":\"us-east-1\",\"account\":\"123456789012\","               \
	"\"generation\":1,\"wrapped_key\":\"AAAA\"}"
#define STATE_TOKEN \
	"{\"type\":\"envelope-state\",\"keyslots\":[],\"state\":\"stopped\",\"reason\":\"\",\"time\":\"\"}"
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
	const char *reason; /* in the refusal; NULL: accepted, but with another hash */
};

static const struct forgery forgeries[] = {
	/* binary header */
	{ "other uuid", "uuid", "11111111-2222-3333-4444-555555555555", NULL },
	{ "uuid that is none", "uuid", "not-a-uuid", "uuid" },
	{ "uuid in capitals", "uuid", "AAAAAAAA-2222-3333-4444-555555555555", "uuid" },
	{ "other subsystem", "subsystem", "luks", "subsystem" },

	/* how data is encrypted, and where */
	{ "null cipher", "/segments/0/encryption", "\"cipher_null-ecb\"", "segments.0.encryption" },
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
	{ "volume id that is none", "/tokens/0/volume_id", "\"vol-x\"", "tokens.0.volume_id" },
	{ "other cluster", "/tokens/0/cluster_id", "\"orders-db2\"", NULL },
	{ "line feed in cluster id", "/tokens/0/cluster_id", "\"a\\nb\"", "tokens.0.cluster_id" },
	{ "NUL in cluster id", "/tokens/0/cluster_id", "\"orders-db1\\u0000x\"",
	  "tokens.0.cluster_id" },
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

/* Negative control: a forger who changes nothing, or only what the hash leaves out. */
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

#define with_image(function) cmocka_unit_test_setup_teardown(function, new_image, drop_image)

/* What a format that ended after so many steps has left: 1 the LUKS2 header, 2 the token. */
static void begin_volume(const char *volume_id, int steps)
{
	struct crypt_params_luks2 luks2 = { .label = volume_id,
					    .subsystem = VOLUME_SUBSYSTEM,
					    .sector_size = 4096,
					    .data_alignment = 2048 };
	struct volume_identity id = identity;
	struct volume_header header;
	struct crypt_device *cd;
	struct fault f = { 0 };

	id.volume_id = volume_id;
	id.overwrite = true;
	if (steps == 2) {
		succeeds(header_format(image, &id, key, &header, &f), &f);
		return;
	}
	assert_int_equal(crypt_init(&cd, image), 0);
	assert_int_equal(crypt_set_metadata_size(cd, 16384, (1 << 20) - 2 * 16384), 0);
	assert_int_equal(crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL,
				      (char *)key->bytes, key->size, &luks2),
			 0);
	crypt_free(cd);
}

static void only_the_unfinished_header_of_that_volume_is_erased(void **state)
{
	struct fault f = { 0 };

	assert_int_equal(header_erase_unfinished(image, VOLUME_ID, &f), 0);
	for (int steps = 1; steps <= 2; steps++) {
		begin_volume(VOLUME_ID, steps);
		assert_int_equal(header_erase_unfinished(image, OTHER_ID, &f), 0);
		assert_true(image_holds(VOLUME_ID, strlen(VOLUME_ID)));
		assert_int_equal(header_erase_unfinished(image, VOLUME_ID, &f), 1);
		assert_false(image_holds("LUKS", 4));
	}
	/* Torn by a power cut: neither copy of the metadata is whole. */
	begin_volume(VOLUME_ID, 1);
	write_at(4096, "torn", 4);
	write_at(16384, "torn", 4);
	assert_int_equal(header_erase_unfinished(image, VOLUME_ID, &f), 1);
	assert_false(image_holds("LUKS", 4));
	/* Finished: with its wrapped key there may be data. */
	make_volume();
	assert_int_equal(header_erase_unfinished(image, VOLUME_ID, &f), 0);
	assert_int_equal(header_read(image, &(struct volume_header){ 0 }, &f), 0);
	/* Of others. */
	succeeds(header_erase(image, VOLUME_ID, &f), &f);
	write_at(4096 - 10, "SWAPSPACE2", 10);
	write_at(1024, "\1\0\0\0\377\0\0\0", 8);
	assert_int_equal(header_erase_unfinished(image, VOLUME_ID, &f), 0);
	assert_true(image_holds("SWAPSPACE2", 10));
	refused(header_erase_unfinished("/nonexistent", VOLUME_ID, &f), &f, "InvalidParameterValue",
		"cannot open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_image(what_is_written_is_read_back),
		with_image(sector_size_512_can_be_asked_for),
		with_image(libcryptsetup_agrees),
		with_image(the_key_itself_is_not_written),
		with_image(identities_are_checked_before_anything_is_written),
		with_image(a_device_that_holds_data_is_left_alone),
		with_image(small_and_missing_devices_are_refused),
		with_image(a_block_device_in_use_is_refused),
		with_image(a_volume_without_wrapped_key_is_not_readable),
		with_image(the_largest_wrapped_key_fits),
		with_image(only_the_volume_key_is_verified),
		with_image(a_header_exchanged_after_reading_is_noticed),
		with_image(states_are_recorded_replaced_and_removed),
		with_image(erasing_leaves_nothing_of_the_header),
		with_image(another_volumes_header_is_not_written),
		with_image(only_the_unfinished_header_of_that_volume_is_erased),
		with_image(forged_headers_are_refused_or_change_the_hash),
		with_image(a_keyslot_is_refused),
		with_image(a_second_segment_is_refused),
		with_image(the_forger_itself_does_not_break_headers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
