// SPDX-License-Identifier: MIT
/*
 * Volume headers through libcryptsetup. See header.h and docs/format.md.
 *
 * Each function loads the header once into a crypt_device and works on that copy alone.
 */

#include "lib/header/header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libcryptsetup.h>

#include "lib/base/base64.h"
#include "lib/header/block_device.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/header/volume_hash.h"
#include "lib/header/volume_profile.h"

#define METADATA_SIZE (16 * 1024) /* bytes of one of the two copies of the metadata */
#define KEYSLOTS_SIZE (VOLUME_DATA_OFFSET - 2 * METADATA_SIZE) /* unused */
#define INVALID	      "InvalidVolumeHeader"

/*
 * The key is 512 random bits, so stretching it would slow down each attach and protect nothing:
 * the digest uses the least iterations that LUKS2 allows.
 */
#define DIGEST_ITERATIONS 1000

/*
 * A crypt_device and what libcryptsetup said about it: @error is its first error message, @flaw
 * what it found wrong with the metadata, @previous the debug message before the current one.
 */
struct luks {
	struct crypt_device *cd;
	const char *device;
	char error[256];
	char flaw[256];
	char previous[256];
};

static void luks_close(struct luks *luks)
{
	crypt_free(luks->cd);
}

#define _cleanup_luks_ __attribute__((cleanup(luks_close)))

/*
 * libcryptsetup tells only its debug log what is wrong with metadata, just before it says that it
 * tries a repair. Should that wording change, the fault falls back to a general sentence.
 */
static void keep_message(int level, const char *message, void *userdata)
{
	struct luks *luks = userdata;
	int length = strcspn(message, "\n");

	if (level == CRYPT_LOG_ERROR && !luks->error[0])
		snprintf(luks->error, sizeof(luks->error), "%.*s", length, message);
	if (!strncmp(message, "Repairing JSON metadata", 23))
		strcpy(luks->flaw, luks->previous);
	snprintf(luks->previous, sizeof(luks->previous), "%.*s", length, message);
	log_debug("libcryptsetup: %.*s", length, message);
}

/* Fills @f from libcryptsetup's error message, or from @err, a negative errno. */
static int luks_fault(const struct luks *luks, int err, const char *what, struct fault *f)
{
	const char *code = err == -EINVAL  ? INVALID
			   : err == -EBUSY ? "VolumeInUse"
					   : "InternalFailure";

	return fault_set(f, code, "%s %s: %s", what, luks->device,
			 luks->error[0] ? luks->error : strerror(-err));
}

static int luks_open(struct luks *luks, const char *device, struct fault *f)
{
	uint64_t size;
	int err;

	*luks = (struct luks){ .device = device };
	if (block_device_size(device, &size, f))
		return -1;
	err = crypt_init(&luks->cd, device);
	if (err)
		return fault_set(f, "InvalidParameterValue", "cannot open %s: %s", device,
				 strerror(-err));
	crypt_set_log_callback(luks->cd, keep_message, luks);
	return 0;
}

static int luks_load(struct luks *luks, const char *device, struct fault *f)
{
	int err;

	if (luks_open(luks, device, f))
		return -1;
	crypt_set_debug_level(CRYPT_DEBUG_ALL);
	err = crypt_load(luks->cd, CRYPT_LUKS2, NULL);
	crypt_set_debug_level(CRYPT_DEBUG_NONE);
	if (err && luks->flaw[0])
		return fault_set(f, INVALID, "volume header of %s refused: not valid LUKS2: %s",
				 device, luks->flaw);
	if (err == -EINVAL)
		return fault_set(f, INVALID, "%s holds no LUKS2 header, or a damaged one", device);
	return err ? luks_fault(luks, err, "cannot load the volume header of", f) : 0;
}

/* Checks and hashes the header that @luks has in memory. */
static int inspect(struct luks *luks, struct volume_header *out, struct fault *f)
{
	struct json_object _cleanup_json_ *metadata = NULL;
	struct fault reason = { 0 };
	const char *text;
	int err = crypt_dump_json(luks->cd, &text, 0);

	if (err)
		return luks_fault(luks, err, "cannot read the volume header of", f);
	metadata = json_parse(text, strlen(text));
	if (volume_profile_check(metadata, crypt_get_uuid(luks->cd), crypt_get_subsystem(luks->cd),
				 out, &reason))
		return fault_set(f, reason.code, "volume header of %s refused: %s", luks->device,
				 reason.message);
	return volume_hash(out, out->header_sha256, f);
}

/* Length of the data area, from the segment or else from the device as it is now. */
static int measure(const char *device, struct volume_header *header, struct fault *f)
{
	uint64_t offset = header->data_offset * 512, size;

	if (block_device_size(device, &size, f))
		return -1;
	if (size < offset + header->sector_size || header->data_size > size - offset)
		return fault_set(f, INVALID,
				 "volume header of %s refused: segments.0.size: the data area does not fit on the device",
				 device);
	size = header->data_size ? header->data_size : size - offset;
	header->data_sectors = size / header->sector_size * (header->sector_size / 512);
	return 0;
}

/* Loads the header again and refuses it unless it is the one that @expected describes. */
static int load_same(struct luks *luks, const char *device, const struct volume_header *expected,
		     struct fault *f)
{
	struct volume_header now;

	if (luks_load(luks, device, f) || inspect(luks, &now, f))
		return -1;
	if (strcmp(now.header_sha256, expected->header_sha256))
		return fault_set(f, INVALID,
				 "volume header of %s refused: it has changed since it was read",
				 device);
	return 0;
}

/* The id of the first token of @type, or CRYPT_ANY_TOKEN (meaning: a new one). */
static int find_token(struct luks *luks, const char *type)
{
	for (int id = 0; id < crypt_token_max(CRYPT_LUKS2); id++) {
		struct json_object _cleanup_json_ *token = NULL;
		const char *text, *found;

		if (crypt_token_json_get(luks->cd, id, &text) < 0)
			continue;
		token = json_parse(text, strlen(text));
		found = json_get_string(token, "type");
		if (found && !strcmp(found, type))
			return id;
	}
	return CRYPT_ANY_TOKEN;
}

/* The first token of @type, a new reference; NULL: there is none. */
static struct json_object *get_token(struct luks *luks, const char *type)
{
	int id = find_token(luks, type);
	const char *text;

	if (id == CRYPT_ANY_TOKEN || crypt_token_json_get(luks->cd, id, &text) < 0)
		return NULL;
	return json_parse(text, strlen(text));
}

/*
 * Loads the header and refuses it unless it is that of the volume @volume_id: a path that was
 * right once may belong to another disk by now.
 */
static int load_volume(struct luks *luks, const char *device, const char *volume_id,
		       struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	const char *subsystem, *found;

	if (luks_load(luks, device, f))
		return -1;
	subsystem = crypt_get_subsystem(luks->cd);
	if (!subsystem || strcmp(subsystem, VOLUME_SUBSYSTEM))
		return fault_set(f, INVALID, "%s is no dm-envelope volume", device);
	token = get_token(luks, VOLUME_TOKEN);
	found = json_get_string(token, "volume_id");
	if (!found || strcmp(found, volume_id))
		return fault_set(f, INVALID,
				 "the volume on %s is %.64s, not %s: nothing was written; if device names have changed, restart enveloped to have the volume found",
				 device, found ? found : "one without an id", volume_id);
	return 0;
}

static struct json_object *new_token(const char *type)
{
	struct json_object *token = json_object_new_object();

	json_add_string(token, "type", type);
	json_object_object_add(token, "keyslots", json_object_new_array());
	return token;
}

static int put_token(struct luks *luks, int id, struct json_object *token, struct fault *f)
{
	int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	int ret = crypt_token_json_set(luks->cd, id, json_object_to_json_string_ext(token, flags));

	return ret < 0 ? luks_fault(luks, ret, "cannot write the volume header of", f) : 0;
}

static struct json_object *volume_token(const struct volume_header *header)
{
	struct json_object *token = new_token(VOLUME_TOKEN);

	json_add_int(token, "version", 1);
	json_add_string(token, "volume_id", header->volume_id);
	json_add_string(token, "cluster_id", header->cluster_id);
	json_add_string(token, "db_cluster_resource_id", header->db_cluster_resource_id);
	json_add_string(token, "key_arn", header->key_arn);
	json_add_string(token, "region", header->region);
	json_add_string(token, "account", header->account);
	json_add_int(token, "generation", header->generation);
	return token;
}

static struct json_object *state_token(const char *state, const char *reason)
{
	struct json_object *token = new_token(VOLUME_STATE_TOKEN);
	struct volume_header limits;
	char text[sizeof(limits.state_reason)], when[sizeof(limits.state_time)];
	time_t now = time(NULL);
	struct tm tm;

	/* Reasons quote other programs: what the profile would refuse must not be written. */
	snprintf(text, sizeof(text), "%s", reason);
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_add_string(token, "state", state);
	json_add_string(token, "reason", text);
	json_add_string(token, "time", when);
	return token;
}

static int check_target(const char *device, const struct volume_identity *id, struct fault *f)
{
	struct block_device_contents contents;
	uint64_t size;

	if (block_device_check_unused(device, f) || block_device_size(device, &size, f) ||
	    block_device_probe(device, &contents, f))
		return -1;
	if (size < 2 * VOLUME_DATA_OFFSET)
		return fault_set(f, "InvalidParameterValue",
				 "%s is too small: a volume needs at least %d bytes", device,
				 2 * VOLUME_DATA_OFFSET);
	if (contents.found && !id->overwrite)
		return fault_set(f, "InvalidParameterCombination",
				 "%s already holds data (%s), which would be destroyed: choose an empty device, or pass --allow-overwrite",
				 device, contents.what);
	return contents.found ? block_device_wipe_signatures(device, f) : 0;
}

static int format_luks(struct luks *luks, const struct volume_identity *id,
		       const struct secret *key, struct fault *f)
{
	const struct crypt_pbkdf_type pbkdf = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha256",
		.iterations = DIGEST_ITERATIONS,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};
	struct crypt_params_luks2 luks2 = {
		.pbkdf = &pbkdf,
		.data_alignment = VOLUME_DATA_OFFSET / 512,
		.sector_size = id->sector_size ? id->sector_size : 4096,
		/* Until there is a token: whose it is must be known when this is interrupted. */
		.label = id->volume_id,
		.subsystem = VOLUME_SUBSYSTEM,
	};
	int err;

	err = crypt_set_metadata_size(luks->cd, METADATA_SIZE, KEYSLOTS_SIZE);
	if (!err)
		err = crypt_format(luks->cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL,
				   (const char *)key->bytes, key->size, &luks2);
	stack_wipe();
	return err ? luks_fault(luks, err, "cannot format", f) : 0;
}

/* The label is for people. */
static int label_luks(struct luks *luks, const struct volume_identity *id, struct fault *f)
{
	char label[48];
	int err;

	snprintf(label, sizeof(label), "%.47s", id->cluster_id);
	err = crypt_set_label(luks->cd, label, VOLUME_SUBSYSTEM);
	return err ? luks_fault(luks, err, "cannot label", f) : 0;
}

int header_format(const char *device, const struct volume_identity *id, const struct secret *key,
		  struct volume_header *out, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct volume_header header = { .generation = 1 };
	struct luks _cleanup_luks_ luks = { 0 };

	if (key->size != VOLUME_KEY_SIZE)
		return fault_set(f, "InvalidParameterValue", "a volume key has %d bytes, not %zu",
				 VOLUME_KEY_SIZE, key->size);
	if (volume_identity_check(id, f) || check_target(device, id, f) ||
	    luks_open(&luks, device, f) || format_luks(&luks, id, key, f))
		return -1;

	strcpy(header.volume_id, id->volume_id);
	strcpy(header.cluster_id, id->cluster_id);
	strcpy(header.db_cluster_resource_id, id->db_cluster_resource_id);
	strcpy(header.key_arn, id->key_arn);
	strcpy(header.region, id->region);
	strcpy(header.account, id->account);
	token = volume_token(&header);
	if (put_token(&luks, CRYPT_ANY_TOKEN, token, f) || label_luks(&luks, id, f) ||
	    inspect(&luks, &header, f) || measure(device, &header, f))
		return -1;
	*out = header;
	return 0;
}

int header_set_wrapped_key(const char *device, struct volume_header *header, const uint8_t *blob,
			   size_t size, struct fault *f)
{
	struct json_object _cleanup_json_ *token = volume_token(header);
	struct luks _cleanup_luks_ luks = { 0 };
	char *text;

	if (!size || size > VOLUME_WRAPPED_KEY_MAX)
		return fault_set(f, "InvalidParameterValue",
				 "a wrapped key has 1 to %d bytes, not %zu", VOLUME_WRAPPED_KEY_MAX,
				 size);
	if (load_same(&luks, device, header, f))
		return -1;
	text = base64_encode(blob, size);
	json_add_string(token, "wrapped_key", text);
	free(text);
	if (!json_has(token, "wrapped_key"))
		return fault_set(f, "InternalFailure", "out of memory");
	if (put_token(&luks, find_token(&luks, VOLUME_TOKEN), token, f))
		return -1;
	memcpy(header->wrapped_key, blob, size);
	header->wrapped_key_size = size;
	return 0;
}

int header_read(const char *device, struct volume_header *out, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	struct volume_header header;

	if (luks_load(&luks, device, f) || inspect(&luks, &header, f) ||
	    measure(device, &header, f))
		return -1;
	if (!header.wrapped_key_size)
		return fault_set(f, INVALID,
				 "volume header of %s refused: the token holds no wrapped_key: the volume was never completed, create it anew",
				 device);
	*out = header;
	return 0;
}

int header_verify_key(const char *device, const struct volume_header *header,
		      const struct secret *key, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	int err;

	if (load_same(&luks, device, header, f))
		return -1;
	err = crypt_volume_key_verify(luks.cd, (const char *)key->bytes, key->size);
	stack_wipe();
	if (err == -EPERM || err == -EINVAL)
		return fault_set(f, INVALID,
				 "volume header of %s refused: digests.0: the KMS gave a key that is not this volume's",
				 device);
	return err < 0 ? luks_fault(&luks, err, "cannot verify the volume key of", f) : 0;
}

int header_set_state(const char *device, const char *volume_id, const char *state,
		     const char *reason, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	int id, err;

	if (load_volume(&luks, device, volume_id, f))
		return -1;
	id = find_token(&luks, VOLUME_STATE_TOKEN);
	if (!state) {
		err = id == CRYPT_ANY_TOKEN ? 0 : crypt_token_json_set(luks.cd, id, NULL);
		return err < 0 ? luks_fault(&luks, err, "cannot write the volume header of", f) : 0;
	}
	token = state_token(state, reason);
	return put_token(&luks, id, token, f);
}

static int overwrite(struct luks *luks, struct fault *f)
{
	uint64_t size;
	int err;

	if (block_device_size(luks->device, &size, f))
		return -1;
	if (size > VOLUME_DATA_OFFSET)
		size = VOLUME_DATA_OFFSET;
	err = crypt_wipe(luks->cd, luks->device, CRYPT_WIPE_ZERO, 0, size / 4096 * 4096, size, 0,
			 NULL, NULL);
	return err ? luks_fault(luks, err, "cannot erase the volume header of", f) : 0;
}

int header_erase(const char *device, const char *volume_id, struct fault *f)
{
	struct block_device_contents contents;
	struct luks _cleanup_luks_ luks = { 0 };

	if (block_device_check_unused(device, f) || block_device_probe(device, &contents, f))
		return -1;
	if (contents.found && strcmp(contents.subsystem, VOLUME_SUBSYSTEM))
		return fault_set(f, "InvalidParameterValue",
				 "%s does not hold a dm-envelope volume (but %s): nothing erased",
				 device, contents.what);
	if (load_volume(&luks, device, volume_id, f))
		return -1;
	return overwrite(&luks, f);
}

/* Is it what header_format() leaves of the volume @volume_id, at whatever step it ended? */
static bool is_unfinished(struct luks *luks, const struct block_device_contents *contents,
			  const char *volume_id)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct fault ignored;
	const char *found;

	if (strcmp(contents->subsystem, VOLUME_SUBSYSTEM))
		return false;
	if (luks_load(luks, luks->device, &ignored) == 0)
		token = get_token(luks, VOLUME_TOKEN);
	if (!token)
		return !strcmp(contents->label, volume_id);
	found = json_get_string(token, "volume_id");
	return found && !strcmp(found, volume_id) && !json_has(token, "wrapped_key");
}

int header_erase_unfinished(const char *device, const char *volume_id, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { .device = device };
	struct block_device_contents contents;

	if (block_device_probe(device, &contents, f))
		return -1;
	if (!is_unfinished(&luks, &contents, volume_id))
		return 0;
	return block_device_check_unused(device, f) || overwrite(&luks, f) ? -1 : 1;
}
