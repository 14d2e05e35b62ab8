/* SPDX-License-Identifier: MIT */
/*
 * A key store with GRANTS grants: half of them on key A, half on key DUE.
 */
#ifndef ENVELOPE_KMS_GRANT_FIXTURE_H
#define ENVELOPE_KMS_GRANT_FIXTURE_H

#include "kms/grants/grant.h"
#include "kms_store_fixture.h"

#define GRANTS 40
#define AGENT  "arn:aws:iam::" ACCOUNT ":user/enveloped"

struct sought {
	const char *id;
	bool found;
};

struct grant grant_fixture_make(const char *key_id, int i);

int grant_fixture_set_up(void **state);

int grant_fixture_compare(const struct grant *grant, void *userdata);

#define GRANT_TEST(name) \
	cmocka_unit_test_setup_teardown(name, grant_fixture_set_up, store_fixture_tear_down)

#endif
