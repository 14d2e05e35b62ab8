// SPDX-License-Identifier: MIT
/*
 * The canonical text of a volume header and its SHA-256. See volume_hash.h and docs/format.md.
 *
 * The text has one line per field, always all fields, always in this order. The profile refuses
 * values with a line feed, so two different headers never share a text.
 */

#include "lib/header/volume_hash.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/evp.h>

/**
 * volume_hash_text() - the canonical text (docs/format.md)
 * @header: a header that passed volume_profile_check()
 * @text: destination of VOLUME_HASH_TEXT_MAX bytes
 *
 * Return: its length in bytes, or -1 when it does not fit.
 */
int volume_hash_text(const struct volume_header *header, char text[VOLUME_HASH_TEXT_MAX])
{
	char size[24] = "dynamic";
	int n;

	if (header->data_size)
		snprintf(size, sizeof(size), "%" PRIu64, header->data_size);

	n = snprintf(text, VOLUME_HASH_TEXT_MAX,
		     "dm-envelope volume header 1\n"
		     "uuid=%s\n"
		     "segment.type=crypt\n"
		     "segment.offset=%" PRIu64 "\n"
		     "segment.size=%s\n"
		     "segment.iv_tweak=%" PRIu64 "\n"
		     "segment.encryption=%s\n"
		     "segment.sector_size=%" PRIu32 "\n"
		     "digest.type=pbkdf2\n"
		     "digest.hash=sha256\n"
		     "digest.iterations=%" PRIu32 "\n"
		     "digest.salt=%s\n"
		     "digest.digest=%s\n"
		     "requirements=\n"
		     "token.type=" VOLUME_TOKEN "\n"
		     "token.version=1\n"
		     "token.volume_id=%s\n"
		     "token.cluster_id=%s\n"
		     "token.db_cluster_resource_id=%s\n"
		     "token.key_arn=%s\n"
		     "token.region=%s\n"
		     "token.account=%s\n"
		     "token.generation=%" PRIu64 "\n",
		     header->uuid, header->data_offset * 512, size, header->iv_offset,
		     header->plain ? VOLUME_PLAIN_CIPHER : VOLUME_CIPHER, header->sector_size,
		     header->digest_iterations, header->digest_salt, header->digest,
		     header->volume_id, header->cluster_id, header->db_cluster_resource_id,
		     header->key_arn, header->region, header->account, header->generation);
	return n > 0 && n < VOLUME_HASH_TEXT_MAX ? n : -1;
}

/**
 * volume_hash() - SHA-256 of the canonical text
 * @header: a header that passed volume_profile_check()
 * @hex: destination, 64 lower-case hex digits and NUL
 * @f: InternalFailure
 *
 * Return: 0 or -1.
 */
int volume_hash(const struct volume_header *header, char hex[65], struct fault *f)
{
	char text[VOLUME_HASH_TEXT_MAX];
	unsigned char digest[32];
	unsigned int digest_size = sizeof(digest);
	int length = volume_hash_text(header, text);

	if (length < 0)
		return fault_set(f, "InternalFailure",
				 "The volume header is too long to be hashed.");
	if (!EVP_Digest(text, length, digest, &digest_size, EVP_sha256(), NULL))
		return fault_set(f, "InternalFailure",
				 "OpenSSL has no SHA-256. Check its configuration.");
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}
