/* SPDX-License-Identifier: MIT */
/*
 * A key store in a folder of its own, for tests: key A enabled, key B disabled, alias/one of A. The
 * test may open the database file beside the store, as an attacker does.
 */
#ifndef ENVELOPE_KMS_STORE_FIXTURE_H
#define ENVELOPE_KMS_STORE_FIXTURE_H

#include "kms/keys/crypto.h"
#include "kms/store/store.h"

#define A	"aaaaaaaa-0000-4000-8000-000000000001"
#define B	"bbbbbbbb-0000-4000-8000-000000000002"
#define DUE	"cccccccc-0000-4000-8000-00000000000d"
#define ACCOUNT "123456789012"
#define NOW	1700000000

/* What a version before several regions does not have. */
#define BEFORE_REGIONS                                                                         \
	"CREATE TABLE before (account TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL" \
	" REFERENCES keys (key_id) ON DELETE CASCADE, record TEXT NOT NULL,"                   \
	" seal BLOB NOT NULL, PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID;"             \
	"INSERT INTO before SELECT account, name, target, record, seal FROM aliases;"          \
	"DROP TABLE aliases; ALTER TABLE before RENAME TO aliases;"                            \
	"CREATE INDEX aliases_by_target ON aliases (target);"                                  \
	"DROP TABLE users;"

/* What a version before rotations does not have, either. */
#define BEFORE_ROTATIONS                                                    \
	BEFORE_REGIONS "DROP TABLE materials; DROP INDEX keys_by_rotation;" \
		       "ALTER TABLE keys DROP COLUMN rotation;"

struct store_fixture {
	char folder[64];
	char database[96];
	struct secret *root;
	struct store *store;
};

int store_fixture_open(struct store_fixture *x, const struct secret *root, struct store **store,
		       struct fault *f);
int store_fixture_set_up(void **state);
int store_fixture_tear_down(void **state);
#define STORE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, store_fixture_set_up, store_fixture_tear_down)

void store_fixture_add_key(struct store *store, const char *key_id, enum key_state state,
			   int64_t deletion, uint8_t fill);
void store_fixture_take_back(struct store_fixture *x, int version, const char *sql);
void store_fixture_tamper(struct store_fixture *x, const char *sql);
const char *store_fixture_query(struct store_fixture *x, const char *sql, int column);
long long store_fixture_count(struct store_fixture *x, const char *sql);
int store_fixture_destroy_due(struct store_fixture *x, int64_t now, store_destroyed_t each,
			      void *userdata, int64_t *next);
int store_fixture_get(struct store_fixture *x, const char *key_id, struct fault *f);

#endif
