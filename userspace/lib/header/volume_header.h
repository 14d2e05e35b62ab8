/* SPDX-License-Identifier: MIT */
/* What a volume header holds: the strict LUKS2 profile of docs/format.md, as plain data. */
#ifndef ENVELOPE_VOLUME_HEADER_H
#define ENVELOPE_VOLUME_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arn.h"

#define VOLUME_SUBSYSTEM       "dm-envelope" /* LUKS2 subsystem label */
#define VOLUME_TOKEN	       "envelope"    /* token with the wrapped key */
#define VOLUME_STATE_TOKEN     "envelope-state"
#define VOLUME_STATE_CREATING  "creating" /* in the token, until the creation has ended */
#define VOLUME_OWNER_TOKEN     "envelope-owner"
#define VOLUME_KMS_TOKEN       "envelope-kms"
#define VOLUME_CIPHER	       "aes-xts-plain64"
#define VOLUME_PLAIN_CIPHER    "cipher_null-ecb" /* of a plain volume: not encrypted */
#define MAPPER_UUID_PREFIX     "ENVELOPE-"	 /* dm uuid of its device; the volume id follows */

#define VOLUME_KEY_SIZE	       64	     /* bytes: AES-256-XTS */
#define VOLUME_WRAPPED_KEY_MAX 6144	     /* bytes: KMS's limit of a CiphertextBlob */
#define VOLUME_SECTOR_SIZE     4096	     /* bytes, unless the identity says otherwise */
#define VOLUME_METADATA_BYTES  (32 * 1024)   /* the two copies of the metadata of LUKS2 */
#define VOLUME_DATA_OFFSET     (1024 * 1024) /* bytes before the data area */
#define VOLUME_KMS_MAX	       300	     /* bytes of the identity of a KMS, with its end */

/**
 * struct volume_identity - what header_format() writes
 * @volume_id: "vol-" and 17 lower-case hex digits
 * @cluster_id: DB cluster identifier; also becomes the LUKS2 label (cut at 47 bytes)
 * @db_cluster_resource_id: "cluster-" and 26 digits of upper-case base32
 * @key_arn: ARN of the KMS key, never an alias
 * @region: region of @key_arn
 * @account: account of @key_arn
 * @sector_size: 512 or 4096; 0 means 4096
 * @plain: the volume is not encrypted; @key_arn is not read
 * @overwrite: true destroys whatever the device holds
 */
struct volume_identity {
	const char *volume_id;
	const char *cluster_id;
	const char *db_cluster_resource_id;
	const char *key_arn;
	const char *region;
	const char *account;
	uint32_t sector_size;
	bool plain;
	bool overwrite;
};

/**
 * struct volume_owner - the host that a volume belongs to
 * @host, @boot: 32 hex digits; "" for none
 * @time: of this stamp, UTC, for people; later than in the host's stamp before
 * @claim: seconds from this stamp for which the host keeps the volume without a new stamp; 0: the host
 *	has stopped the cluster
 */
struct volume_owner {
	char host[33];
	char boot[33];
	char time[32];
	uint32_t claim;
};

/**
 * struct volume_header - a header that passed the profile check; plain data, nothing to free
 * @data_offset: start of the data area, in 512-byte sectors
 * @data_sectors: length of the data area, in 512-byte sectors, a whole number of @sector_size
 * @data_size: length in bytes as the segment fixes it, 0 for "to the end of the device"
 * @plain: not encrypted: @key_arn is "" and there is no wrapped key
 * @iv_offset: added to the sector number to form the IV, in 512-byte sectors
 * @digest_salt: base64, as in the header
 * @digest: base64, as in the header
 * @wrapped_key_size: 0 directly after header_format(); after header_read() only of a plain volume
 * @state: "" unless a state has been recorded by header_set_state()
 * @kms: identity of the KMS that gave the key last; "" unless header_set_kms() has recorded one
 * @header_sha256: volume_hash() of this header, 64 hex digits
 *
 * @data_sectors, @wrapped_key, the state, @owner and @kms are the fields that @header_sha256 does not
 * cover.
 */
struct volume_header {
	char uuid[37];
	char volume_id[22];
	char cluster_id[64];
	char db_cluster_resource_id[35];
	char key_arn[ARN_MAX];
	char region[32];
	char account[13];
	uint64_t generation;

	bool plain;
	uint64_t data_offset;
	uint64_t data_size;
	uint64_t data_sectors;
	uint64_t iv_offset;
	uint32_t sector_size;

	uint32_t digest_iterations;
	char digest_salt[129];
	char digest[129];

	uint8_t wrapped_key[VOLUME_WRAPPED_KEY_MAX];
	size_t wrapped_key_size;

	char state[64];
	char state_reason[256];
	char state_time[32];
	struct volume_owner owner;
	char kms[VOLUME_KMS_MAX];

	char header_sha256[65];
};

#endif
