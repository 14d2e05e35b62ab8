// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the payload of add_key(2) and KEYCTL_UPDATE, checked field by field.
 *
 * The layout is in uapi/dm-envelope.h. Any other payload is refused, so that later
 * versions can give it a meaning.
 *
 * Must never copy the key bytes: the caller's payload is the one copy, and the
 * keys core wipes it.
 */
#include "envelope.h"

static int check_header(const struct envelope_payload *header)
{
	if (header->magic != ENVELOPE_PAYLOAD_MAGIC)
		return -EINVAL;
	if (header->version != ENVELOPE_PAYLOAD_VERSION)
		return -EINVAL;
	if (header->reserved[0] || header->reserved[1])
		return -EINVAL;
	return 0;
}

/* XTS with equal halves is not XTS: IEEE 1619 asks for independent keys. */
static bool key_is_weak(const u8 *key)
{
	return !crypto_memneq(key, key + ENVELOPE_KEY_SIZE / 2, ENVELOPE_KEY_SIZE / 2);
}

/**
 * envelope_payload_parse() - check a payload
 * @payload: from userspace
 * @size: bytes of @payload
 * @request: filled; @request->key points into @payload. Untouched on error
 *
 * lease.c checks the deadline, which depends on the clock and on the key.
 *
 * Return: 0 or -EINVAL.
 */
int envelope_payload_parse(const void *payload, size_t size, struct envelope_request *request)
{
	struct envelope_payload header;
	const u8 *key = NULL;

	BUILD_BUG_ON(sizeof(struct envelope_payload) != ENVELOPE_PAYLOAD_SIZE);
	BUILD_BUG_ON(offsetof(struct envelope_payload, key) != ENVELOPE_RENEWAL_SIZE);

	if (size != ENVELOPE_PAYLOAD_SIZE && size != ENVELOPE_RENEWAL_SIZE)
		return -EINVAL;
	memcpy(&header, payload, ENVELOPE_RENEWAL_SIZE);
	if (check_header(&header))
		return -EINVAL;

	if (size == ENVELOPE_PAYLOAD_SIZE) {
		key = (const u8 *)payload + ENVELOPE_RENEWAL_SIZE;
		if (header.key_size != ENVELOPE_KEY_SIZE || !header.lease_ns || key_is_weak(key))
			return -EINVAL;
	} else if (header.key_size || header.lease_ns) {
		return -EINVAL;
	}

	request->lease_ns = header.lease_ns;
	request->deadline_ns = header.deadline_ns;
	request->key = key;
	return 0;
}
