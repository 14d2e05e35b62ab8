// SPDX-License-Identifier: MIT
/*
 * Volume headers through libcryptsetup. See header.h and docs/format.md.
 *
 * Each function loads the header once into a crypt_device and works on that copy alone.
 */

#include "lib/header/header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/header/block_device.h"
#include "lib/header/draft.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"
#include "lib/header/plain_header.h"
#include "lib/header/volume_profile.h"

#define METADATA_SIZE (16 * 1024) /* bytes of one of the two copies of the metadata */
#define KEYSLOTS_SIZE (VOLUME_DATA_OFFSET - 2 * METADATA_SIZE) /* unused */

/*
 * The key is 512 random bits, so stretching it would slow down each attach and protect nothing:
 * the digest uses the least iterations that LUKS2 allows.
 */
#define DIGEST_ITERATIONS 1000

/** header_measure() - length of the data area, from the segment or else from the device as it is now */
int header_measure(const char *device, int claim, struct volume_header *header, struct fault *f)
{
	uint64_t offset = header->data_offset * 512, size;

	if (block_device_size(device, claim, &size, f))
		return -1;
	if (size < offset + header->sector_size || header->data_size > size - offset)
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: segments.0.size: the data area does not fit on the device.",
				 device);
	size = header->data_size ? header->data_size : size - offset;
	header->data_sectors = size / header->sector_size * (header->sector_size / 512);
	return 0;
}

/* Loads the header again and refuses it unless it is the one that @expected describes. */
static int load_same(struct luks *luks, const char *device, int claim,
		     const struct volume_header *expected, struct fault *f)
{
	struct volume_header now;

	if (luks_load(luks, device, claim, f) || header_inspect(luks, &now, f))
		return -1;
	if (strcmp(now.header_sha256, expected->header_sha256))
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: it has changed since it was read.",
				 device);
	return 0;
}

/** header_token() - the token of a volume, without its wrapped key; a new reference */
struct json_object *header_token(const struct volume_header *header)
{
	struct json_object *token = luks_new_token(VOLUME_TOKEN);

	json_add_int(token, "version", 1);
	json_add_string(token, "volume_id", header->volume_id);
	json_add_string(token, "cluster_id", header->cluster_id);
	json_add_string(token, "db_cluster_resource_id", header->db_cluster_resource_id);
	if (!header->plain)
		json_add_string(token, "key_arn", header->key_arn);
	json_add_string(token, "region", header->region);
	json_add_string(token, "account", header->account);
	json_add_int(token, "generation", header->generation);
	return token;
}

static struct json_object *state_token(const char *state, const char *reason)
{
	struct json_object *token = luks_new_token(VOLUME_STATE_TOKEN);
	struct volume_header limits;
	char text[sizeof(limits.state_reason)], when[sizeof(limits.state_time)];
	time_t now = time(NULL);
	struct tm tm;

	/*
	 * A reason may quote another program. Replace the characters that the profile would
	 * refuse.
	 */
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

static int put_state(struct luks *luks, const char *state, const char *reason, struct fault *f)
{
	struct json_object _cleanup_json_ *token = state_token(state, reason);

	return luks_put_token(luks, luks_find_token(luks, VOLUME_STATE_TOKEN), token, f);
}

/* The volume takes all of the device in whole sectors, and its sectors are whole blocks. */
static int check_sectors(const char *device, int claim, uint64_t size, uint32_t sector,
			 struct fault *f)
{
	uint32_t block;

	if (block_device_block_size(device, claim, &block, f))
		return -1;
	if (sector < block)
		return fault_set(f, "InvalidParameterValue",
				 "%s has blocks of %" PRIu32
				 " bytes. A volume on it cannot have sectors of %" PRIu32
				 " bytes: pass --sector-size 4096.",
				 device, block, sector);
	if (size % sector == 0)
		return 0;
	return fault_set(f, "InvalidParameterValue",
			 "The size of %s, %" PRIu64 " bytes, is no multiple of %" PRIu32
			 ". Make the partition or the device a multiple of %" PRIu32
			 " bytes long%s.",
			 device, size, sector, sector,
			 size % 512 || block > 512 ? "" : ", or pass --sector-size 512");
}

static int check_target(const char *device, int claim, const struct volume_identity *id,
			struct fault *f)
{
	const uint32_t sector = id->sector_size ? id->sector_size : VOLUME_SECTOR_SIZE;
	struct block_device_contents contents;
	uint64_t size;

	/* The disk may have become write-protected since the caller took it. */
	if (block_device_check_writable(device, claim, f) ||
	    block_device_size(device, claim, &size, f) ||
	    block_device_probe(device, claim, &contents, f))
		return -1;
	if (size < 2 * VOLUME_DATA_OFFSET)
		return fault_set(f, "InvalidParameterValue",
				 "%s is too small. A volume needs at least %d bytes.", device,
				 2 * VOLUME_DATA_OFFSET);
	if (check_sectors(device, claim, size, sector, f))
		return -1;
	if (contents.found && !id->overwrite)
		return fault_set(f, "InvalidParameterCombination",
				 "%s already holds data (%s), which would be destroyed. Choose an empty device, or pass --allow-overwrite.",
				 device, contents.what);
	return contents.found ? block_device_wipe_signatures(device, claim, f) : 0;
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
		.sector_size = id->sector_size ? id->sector_size : VOLUME_SECTOR_SIZE,
		/*
		 * The label names the volume until there is a token, in case the format is
		 * interrupted.
		 */
		.label = id->volume_id,
		.subsystem = VOLUME_SUBSYSTEM,
	};
	/* Its digest is in the header of each plain volume, for stock tools: see plain_header.h. */
	static const char no_key[VOLUME_KEY_SIZE];
	int r;

	r = crypt_set_metadata_size(luks->cd, METADATA_SIZE, KEYSLOTS_SIZE);
	if (!r)
		r = crypt_format(luks->cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL,
				 key ? (const char *)key->bytes : no_key, VOLUME_KEY_SIZE, &luks2);
	stack_wipe();
	return r ? luks_write_fault(luks, r, "Cannot format", f) : 0;
}

/* The label is only for people. */
static int label_luks(struct luks *luks, const struct volume_identity *id, struct fault *f)
{
	char label[48];
	int r;

	snprintf(label, sizeof(label), "%.47s", id->cluster_id);
	r = crypt_set_label(luks->cd, label, VOLUME_SUBSYSTEM);
	return r ? luks_write_fault(luks, r, "Cannot label", f) : 0;
}

/**
 * header_format() - make a new volume: header without wrapped key
 * @device: block device, or regular file in tests
 * @claim: from block_device_take() of @device; -1: the function takes the device for itself
 * @id: the identity to write
 * @key: VOLUME_KEY_SIZE bytes; only its digest is written. NULL for a plain volume
 * @out: filled, its hash included, on success
 * @f: VolumeInUse when something holds the device, InvalidParameterCombination when the device
 *	already holds data and @id->overwrite is false, InvalidParameterValue for a wrong identity
 *
 * header_read() refuses the header until header_set_wrapped_key(). That of a plain volume is whole, and
 * has the state "creating". Each names its volume from the first write on: header_erase_unfinished().
 *
 * Return: 0 or -1.
 */
int header_format(const char *device, int claim, const struct volume_identity *id,
		  const struct secret *key, struct volume_header *out, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct volume_header header = { .generation = 1, .plain = id->plain };
	struct draft _cleanup_draft_ draft = { .fd = -1 };
	struct luks _cleanup_luks_ luks = { 0 };
	int _cleanup_close_ own = -1;

	if (!id->plain && key->size != VOLUME_KEY_SIZE)
		return fault_set(f, "InvalidParameterValue", "A volume key has %d bytes, not %zu.",
				 VOLUME_KEY_SIZE, key->size);
	if (volume_identity_check(id, f))
		return -1;
	if (claim < 0)
		claim = own = block_device_take(device, f);
	if (claim < 0 || check_target(device, claim, id, f) || draft_open(&draft, f) ||
	    luks_open(&luks, draft.path, draft.fd, f))
		return -1;
	luks.device = device;
	/* An interrupted format leaves a header that names its volume: see is_unfinished(). */
	if (format_luks(&luks, id, key, f) ||
	    draft_write(&draft, device, claim, VOLUME_DATA_OFFSET, f))
		return -1;

	strcpy(header.volume_id, id->volume_id);
	strcpy(header.cluster_id, id->cluster_id);
	strcpy(header.db_cluster_resource_id, id->db_cluster_resource_id);
	if (!id->plain)
		strcpy(header.key_arn, id->key_arn);
	strcpy(header.region, id->region);
	strcpy(header.account, id->account);
	token = header_token(&header);
	if (luks_put_token(&luks, CRYPT_ANY_TOKEN, token, f) || label_luks(&luks, id, f) ||
	    (id->plain && (put_state(&luks, VOLUME_STATE_CREATING, "not made yet", f) ||
			   plain_header_make(&luks, &draft, f))) ||
	    header_inspect(&luks, &header, f) ||
	    draft_write(&draft, device, claim, 2 * METADATA_SIZE, f) ||
	    header_measure(device, claim, &header, f))
		return -1;
	*out = header;
	return 0;
}

/**
 * header_set_wrapped_key() - store the wrapped data key
 * @claim: as for header_format()
 * @header: from header_format() or header_read(); its wrapped key is replaced on success
 * @blob: CiphertextBlob, @size bytes, at most VOLUME_WRAPPED_KEY_MAX
 * @f: InvalidVolumeHeader when the device no longer holds @header
 *
 * Return: 0 or -1.
 */
int header_set_wrapped_key(const char *device, int claim, struct volume_header *header,
			   const uint8_t *blob, size_t size, struct fault *f)
{
	struct json_object _cleanup_json_ *token = header_token(header);
	struct luks _cleanup_luks_ luks = { 0 };
	int _cleanup_close_ own = -1;
	char *text;

	if (!size || size > VOLUME_WRAPPED_KEY_MAX)
		return fault_set(f, "InvalidParameterValue",
				 "A wrapped key has 1 to %d bytes, not %zu.",
				 VOLUME_WRAPPED_KEY_MAX, size);
	if (claim < 0)
		claim = own = block_device_take(device, f);
	if (claim < 0 || load_same(&luks, device, claim, header, f))
		return -1;
	text = base64_encode(blob, size);
	json_add_string(token, "wrapped_key", text);
	free(text);
	if (!json_has(token, "wrapped_key"))
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (luks_put_token(&luks, luks_find_token(&luks, VOLUME_TOKEN), token, f))
		return -1;
	memcpy(header->wrapped_key, blob, size);
	header->wrapped_key_size = size;
	return 0;
}

/**
 * header_read_claimed() - header_read() of a device that the caller has open
 * @claim: its descriptor; -1: the function opens @device
 *
 * Return: 0 or -1.
 */
int header_read_claimed(const char *device, int claim, struct volume_header *out, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	struct volume_header header;

	if (luks_load(&luks, device, claim, f) || header_inspect(&luks, &header, f) ||
	    header_measure(device, luks.fd, &header, f))
		return -1;
	if (!header.wrapped_key_size && !header.plain)
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: the token holds no wrapped_key. The volume was never completed. Create it anew.",
				 device);
	*out = header;
	return 0;
}

/**
 * header_read() - read, check and hash a header
 * @out: filled on success, else untouched
 * @f: InvalidVolumeHeader, names the field that is outside the profile
 *
 * The content is only checksummed on the disk. Trust it only after the KMS has unwrapped the key
 * with @out->header_sha256 in the encryption context.
 *
 * Return: 0 or -1.
 */
int header_read(const char *device, struct volume_header *out, struct fault *f)
{
	return header_read_claimed(device, -1, out, f);
}

/**
 * header_verify_key() - check that @key is the volume key of this header
 * @header: from header_read(); refused when the device now holds another header
 * @f: InvalidVolumeHeader when it is not
 *
 * Return: 0 or -1.
 */
int header_verify_key(const char *device, const struct volume_header *header,
		      const struct secret *key, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	int r;

	if (load_same(&luks, device, -1, header, f))
		return -1;
	r = crypt_volume_key_verify(luks.cd, (const char *)key->bytes, key->size);
	stack_wipe();
	if (r == -EPERM || r == -EINVAL)
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: digests.0: the key from the KMS is not this volume's key.",
				 device);
	return r < 0 ? luks_fault(&luks, r, "Cannot verify the volume key of", f) : 0;
}

/**
 * header_set_state() - record a state on the disk, where it survives a lost catalog
 * @claim: as for header_format()
 * @volume_id: of the volume that must be on @device
 * @state: one of AWS's words, such as "inaccessible-encryption-credentials"; NULL removes the
 *	record
 * @reason: a sentence
 * @f: VolumeInUse when something holds the device, InvalidVolumeHeader when @device holds another volume
 *	or no volume
 *
 * Not covered by the header's hash.
 *
 * Return: 0 or -1.
 */
int header_set_state(const char *device, int claim, const char *volume_id, const char *state,
		     const char *reason, struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };

	if (header_load_volume(&luks, device, claim, volume_id, f))
		return -1;
	if (!state)
		return luks_remove_token(&luks, luks_find_token(&luks, VOLUME_STATE_TOKEN), f);
	return put_state(&luks, state, reason, f);
}

static int overwrite(const char *device, int claim, struct fault *f)
{
	uint8_t *zeros;
	uint64_t size;
	int r;

	if (block_device_size(device, claim, &size, f))
		return -1;
	if (size > VOLUME_DATA_OFFSET)
		size = VOLUME_DATA_OFFSET;
	zeros = calloc(1, size);
	r = zeros ? block_device_write(device, claim, zeros, size, f)
		  : fault_set(f, "InternalFailure", "Out of memory.");
	free(zeros);
	return r;
}

/**
 * header_erase() - overwrite the header area, and with it the wrapped key
 * @claim: as for header_format()
 * @volume_id: of the volume that must be on @device
 * @f: VolumeInUse when something holds the device, InvalidParameterValue when it holds other
 * data, InvalidVolumeHeader when it holds another volume or no volume
 *
 * Return: 0 or -1.
 */
int header_erase(const char *device, int claim, const char *volume_id, struct fault *f)
{
	struct block_device_contents contents;
	struct luks _cleanup_luks_ luks = { 0 };
	int _cleanup_close_ own = -1;

	if (claim < 0)
		claim = own = block_device_take(device, f);
	if (claim < 0 || block_device_probe(device, claim, &contents, f))
		return -1;
	if (contents.found && strcmp(contents.subsystem, VOLUME_SUBSYSTEM))
		return fault_set(f, "InvalidParameterValue",
				 "%s does not hold a dm-envelope volume (but %s). Nothing was erased.",
				 device, contents.what);
	if (header_load_volume(&luks, device, claim, volume_id, f))
		return -1;
	return overwrite(device, claim, f);
}

static bool says_creating(struct luks *luks)
{
	struct json_object _cleanup_json_ *token = luks_get_token(luks, VOLUME_STATE_TOKEN);
	const char *state = json_get_string(token, "state");

	return state && !strcmp(state, VOLUME_STATE_CREATING);
}

/*
 * Return: 1 when the header is what an interrupted creation of the volume @volume_id leaves, 0
 * when it is not, -1 when the device cannot be read.
 */
static int is_unfinished(const char *device, int claim, const char *volume_id, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	struct block_device_contents contents;
	struct fault ignored;
	const char *found;

	if (block_device_probe(device, claim, &contents, f))
		return -1;
	if (strcmp(contents.subsystem, VOLUME_SUBSYSTEM))
		return 0;
	if (luks_load(&luks, device, claim, &ignored) == 0)
		token = luks_get_token(&luks, VOLUME_TOKEN);
	if (!token)
		return !strcmp(contents.label, volume_id);
	found = json_get_string(token, "volume_id");
	/* A plain volume has no key at all: its header says that it is being made from the first. */
	return found && !strcmp(found, volume_id) &&
	       ((json_has(token, "key_arn") && !json_has(token, "wrapped_key")) ||
		says_creating(&luks));
}

/**
 * header_erase_unfinished() - overwrite the rest of an interrupted creation
 * @claim: as for header_format()
 * @volume_id: of the volume that was to be made
 * @f: VolumeInUse, or the device cannot be read or written
 *
 * Nothing is written unless the header belongs to this volume, and either has no wrapped key or says
 * that its creation has not ended. Nobody has data below such a header. Only a device with such a
 * header is taken.
 *
 * Return: 1 when such a header was erased, 0 when the device has no such header, or -1.
 */
int header_erase_unfinished(const char *device, int claim, const char *volume_id, struct fault *f)
{
	int _cleanup_close_ own = -1;
	int r = is_unfinished(device, claim, volume_id, f);

	if (r == 1 && claim < 0) {
		claim = own = block_device_take(device, f);
		r = claim < 0 ? -1 : is_unfinished(device, claim, volume_id, f);
	}
	if (r == 1 && overwrite(device, claim, f))
		r = -1;
	return r;
}
