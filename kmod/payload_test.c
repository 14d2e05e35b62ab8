// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: tests of the payload of add_key(2) and KEYCTL_UPDATE.
 *
 * Every row spoils one thing in a good payload, so that a refusal has one cause.
 */
#include <kunit/test.h>

#include "envelope.h"

#define LEASE_NS    (60 * (u64)NSEC_PER_SEC)
#define DEADLINE_NS 0x0123456789abcdefULL

static void good_payload(struct envelope_payload *payload)
{
	unsigned int i;

	*payload = (struct envelope_payload){
		.magic = ENVELOPE_PAYLOAD_MAGIC,
		.version = ENVELOPE_PAYLOAD_VERSION,
		.key_size = ENVELOPE_KEY_SIZE,
		.lease_ns = LEASE_NS,
		.deadline_ns = DEADLINE_NS,
	};
	for (i = 0; i < ENVELOPE_KEY_SIZE; i++)
		payload->key[i] = i;
}

static void good_renewal(struct envelope_payload *payload)
{
	good_payload(payload);
	payload->key_size = 0;
	payload->lease_ns = 0;
}

static void layout_is_the_documented_one(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sizeof(struct envelope_payload), 104);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, magic), 0);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, version), 4);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, key_size), 6);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, lease_ns), 8);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, deadline_ns), 16);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, reserved), 24);
	KUNIT_EXPECT_EQ(test, offsetof(struct envelope_payload, key), 40);
	KUNIT_EXPECT_EQ(test, ENVELOPE_PAYLOAD_SIZE, 104);
	KUNIT_EXPECT_EQ(test, ENVELOPE_RENEWAL_SIZE, 40);
	KUNIT_EXPECT_EQ(test, ENVELOPE_PAYLOAD_MAGIC, 0x454e564c);
}

static void good_payload_is_taken(struct kunit *test)
{
	struct envelope_request request = {};
	struct envelope_payload payload;

	good_payload(&payload);
	KUNIT_ASSERT_EQ(test, envelope_payload_parse(&payload, sizeof(payload), &request), 0);
	KUNIT_EXPECT_EQ(test, request.lease_ns, LEASE_NS);
	KUNIT_EXPECT_EQ(test, request.deadline_ns, DEADLINE_NS);
	/* Not a copy: the key must lie in one place only. */
	KUNIT_EXPECT_PTR_EQ(test, request.key, (const u8 *)payload.key);
}

static void good_renewal_is_taken(struct kunit *test)
{
	struct envelope_request request = {};
	struct envelope_payload payload;

	good_renewal(&payload);
	KUNIT_ASSERT_EQ(test, envelope_payload_parse(&payload, ENVELOPE_RENEWAL_SIZE, &request), 0);
	KUNIT_EXPECT_EQ(test, request.deadline_ns, DEADLINE_NS);
	KUNIT_EXPECT_NULL(test, request.key);
}

/* Payloads come from userspace at any address. */
static void unaligned_payload_is_taken(struct kunit *test)
{
	struct envelope_request request = {};
	struct envelope_payload payload;
	u8 *memory = kunit_kzalloc(test, sizeof(payload) + 1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, memory);
	good_payload(&payload);
	memcpy(memory + 1, &payload, sizeof(payload));
	KUNIT_EXPECT_EQ(test, envelope_payload_parse(memory + 1, sizeof(payload), &request), 0);
	KUNIT_EXPECT_EQ(test, request.deadline_ns, DEADLINE_NS);
}

struct bad_row {
	const char *name;
	bool renewal;
	u8 offset;  /* of the spoilt byte */
	u8 spoil;   /* the byte is xored with this; 0: no byte is spoilt */
	int resize; /* added to the size */
};

#define BYTE_OF(field) offsetof(struct envelope_payload, field)

static const struct bad_row bad_rows[] = {
	{ "1 first byte of magic", false, BYTE_OF(magic), 0x01 },
	{ "2 last byte of magic", false, BYTE_OF(magic) + 3, 0x80 },
	{ "3 version 0", false, BYTE_OF(version), 0x01 },
	{ "4 version 3", false, BYTE_OF(version), 0x02 },
	{ "5 version 257", false, BYTE_OF(version) + 1, 0x01 },
	{ "6 key_size 0 with a key", false, BYTE_OF(key_size), 64 },
	{ "7 key_size 65", false, BYTE_OF(key_size), 0x01 },
	{ "8 key_size 32", false, BYTE_OF(key_size), 64 | 32 },
	{ "9 key_size 64 + 256", false, BYTE_OF(key_size) + 1, 0x01 },
	{ "10 reserved[0], first bit", false, BYTE_OF(reserved[0]), 0x01 },
	{ "11 reserved[0], last bit", false, BYTE_OF(reserved[0]) + 7, 0x80 },
	{ "12 reserved[1], first bit", false, BYTE_OF(reserved[1]), 0x01 },
	{ "13 reserved[1], last bit", false, BYTE_OF(reserved[1]) + 7, 0x80 },
	{ "14 one byte too short", false, 0, 0, -1 },
	{ "15 one byte too long", false, 0, 0, 1 },
	{ "16 a key of 32 bytes", false, 0, 0, -32 },
	{ "17 empty", false, 0, 0, -(int)ENVELOPE_PAYLOAD_SIZE },
	{ "18 one byte", false, 0, 0, 1 - (int)ENVELOPE_PAYLOAD_SIZE },
	{ "19 a key's header without the key", false, 0, 0, -(int)ENVELOPE_KEY_SIZE },
	{ "20 renewal: magic", true, BYTE_OF(magic), 0x01 },
	{ "21 renewal: version", true, BYTE_OF(version), 0x02 },
	{ "22 renewal: key_size 64", true, BYTE_OF(key_size), 64 },
	{ "23 renewal: a lease length", true, BYTE_OF(lease_ns) + 4, 0x01 },
	{ "24 renewal: reserved[0]", true, BYTE_OF(reserved[0]) + 3, 0x10 },
	{ "25 renewal: reserved[1]", true, BYTE_OF(reserved[1]) + 3, 0x10 },
	{ "26 renewal: one byte too short", true, 0, 0, -1 },
	{ "27 renewal: one byte too long", true, 0, 0, 1 },
	{ "28 renewal: of the size of a key's payload", true, 0, 0, ENVELOPE_KEY_SIZE },
};

KUNIT_ARRAY_PARAM_DESC(bad, bad_rows, name);

static void bad_payload_is_refused(struct kunit *test)
{
	const struct bad_row *row = test->param_value;
	size_t size = (row->renewal ? ENVELOPE_RENEWAL_SIZE : ENVELOPE_PAYLOAD_SIZE) + row->resize;
	struct envelope_request request = { .lease_ns = 1, .deadline_ns = 2, .key = (u8 *)test };
	const struct envelope_request before = request;
	struct envelope_payload payload;
	u8 *exact;

	if (row->renewal)
		good_renewal(&payload);
	else
		good_payload(&payload);
	((u8 *)&payload)[row->offset] ^= row->spoil;

	/* The buffer has exactly that size, so that KASAN sees a read past the end. */
	exact = kunit_kzalloc(test, size ?: 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, exact);
	memcpy(exact, &payload, min(size, sizeof(payload)));

	KUNIT_EXPECT_EQ(test, envelope_payload_parse(exact, size, &request), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &request, &before, sizeof(request));
}

static void weak_key_is_refused(struct kunit *test)
{
	struct envelope_request request;
	struct envelope_payload payload;

	good_payload(&payload);
	memcpy(payload.key + 32, payload.key, 32);
	KUNIT_EXPECT_EQ(test, envelope_payload_parse(&payload, sizeof(payload), &request), -EINVAL);
	payload.key[63] ^= 1;
	KUNIT_EXPECT_EQ(test, envelope_payload_parse(&payload, sizeof(payload), &request), 0);
}

static struct kunit_case payload_cases[] = { KUNIT_CASE(layout_is_the_documented_one),
					     KUNIT_CASE(good_payload_is_taken),
					     KUNIT_CASE(good_renewal_is_taken),
					     KUNIT_CASE(unaligned_payload_is_taken),
					     KUNIT_CASE_PARAM(bad_payload_is_refused,
							      bad_gen_params),
					     KUNIT_CASE(weak_key_is_refused),
					     {} };

static struct kunit_suite payload_suite = {
	.name = "envelope_payload",
	.test_cases = payload_cases,
};

kunit_test_suite(payload_suite);
