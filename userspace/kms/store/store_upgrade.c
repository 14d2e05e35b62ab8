// SPDX-License-Identifier: MIT
/*
 * The step from each version of the database to the next. A new database takes the same steps.
 *
 * Must never leave a database between two versions: all steps are one transaction.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "kms/store/store.h"
#include "kms/store/store_counter.h"
#include "kms/store/store_row.h"
#include "kms/store/store_set.h"
#include "lib/base/json.h"

static const char first_schema[] =
	"CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1),"
	" record TEXT NOT NULL, seal BLOB NOT NULL) STRICT;"
	"CREATE TABLE keys (key_id TEXT PRIMARY KEY, account TEXT NOT NULL,"
	" record TEXT NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE aliases (account TEXT NOT NULL, name TEXT NOT NULL,"
	" target TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,"
	" record TEXT NOT NULL, seal BLOB NOT NULL, PRIMARY KEY (account, name))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX aliases_by_target ON aliases (target);";

/* The columns beside record and seal find and order rows, as those of the other tables. */
static const char grants_schema[] =
	"CREATE TABLE grants (grant_id TEXT PRIMARY KEY,"
	" key_id TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,"
	" grantee TEXT NOT NULL, retiring TEXT NOT NULL,"
	" record TEXT NOT NULL, seal BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX grants_by_key ON grants (key_id, grant_id);"
	"CREATE INDEX grants_by_retiring ON grants (retiring, grant_id) WHERE retiring <> '';";

static const char materials_schema[] =
	"CREATE TABLE materials (key_id TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,"
	" number INTEGER NOT NULL, record TEXT NOT NULL, seal BLOB NOT NULL,"
	" PRIMARY KEY (key_id, number)) STRICT, WITHOUT ROWID;"
	"ALTER TABLE keys ADD COLUMN rotation INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX keys_by_rotation ON keys (rotation) WHERE rotation > 0;";

/* A record that is no JSON, or has no region, is damaged: its row stays, in the first region. */
static const char regions_schema[] =
	"DROP INDEX aliases_by_target;"
	"ALTER TABLE aliases RENAME TO aliases_before;"
	"CREATE TABLE aliases (region TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,"
	" target TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,"
	" record TEXT NOT NULL, seal BLOB NOT NULL, PRIMARY KEY (region, account, name))"
	" STRICT, WITHOUT ROWID;"
	"INSERT INTO aliases SELECT coalesce(CASE WHEN json_valid(record)"
	" THEN json_extract(record, '$.Region') END, ''), account, name, target, record, seal"
	" FROM aliases_before;"
	"DROP TABLE aliases_before;"
	"CREATE INDEX aliases_by_target ON aliases (target);";

/* Names of users have no case. */
static const char users_schema[] =
	"CREATE TABLE users (account TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE,"
	" first_key TEXT NOT NULL, second_key TEXT NOT NULL,"
	" record TEXT NOT NULL, seal BLOB NOT NULL, PRIMARY KEY (account, name))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX users_by_first_key ON users (first_key);"
	"CREATE INDEX users_by_second_key ON users (second_key);";

#define KEYS_IN_ORDER "SELECT " KEY_COLUMNS " FROM keys ORDER BY key_id"

static int run(struct store *store, const char *sql, struct fault *f)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_fault(store, "upgrade the database", f);
	return 0;
}

static int each_row(struct store *store, const char *sql, row_each_t each, void *userdata,
		    struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, sql, &statement, f))
		return -1;
	return row_list(store, statement, each, userdata, f);
}

/* A damaged row keeps the hint 0: it cannot be destroyed anyway. */
static int fill_hint(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int r = key_row_open(store, statement, &cmk, NULL, f);

	if (r)
		return r == -EBADMSG ? 0 : -1;
	return key_hint(&cmk) ? key_set_hint(store, &cmk, f) : 0;
}

static int add_hints(struct store *store, struct fault *f)
{
	if (run(store, "ALTER TABLE keys ADD COLUMN deletion INTEGER NOT NULL DEFAULT 0", f) ||
	    each_row(store, KEYS_IN_ORDER, fill_hint, NULL, f))
		return -1;
	return run(store, "CREATE INDEX keys_by_deletion ON keys (deletion) WHERE deletion > 0", f);
}

/* A damaged row is in the set under the name that its columns give: its key is not absent. */
static int put_key(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char name[SET_NAME_MAX];
	int r = key_row_open(store, statement, &cmk, NULL, f);

	if (r && r != -EBADMSG)
		return -1;
	*(int64_t *)userdata += r ? 1 : 0;
	set_key_name((const char *)sqlite3_column_text(statement, 0), name);
	return set_put_row(store, name, statement, 3, f);
}

static int put_alias(struct store *store, sqlite3_stmt *statement, void *userdata, struct fault *f)
{
	char name[SET_NAME_MAX];
	struct alias alias;
	int r = alias_row_open(store, statement, &alias, f);

	if (r && r != -EBADMSG)
		return -1;
	*(int64_t *)userdata += r ? 1 : 0;
	set_alias_name(store, (const char *)sqlite3_column_text(statement, 0),
		       (const char *)sqlite3_column_text(statement, 1),
		       (const char *)sqlite3_column_text(statement, 2), name);
	return set_put_row(store, name, statement, 4, f);
}

/* @damaged: set to the number of rows that no longer open */
static int add_set(struct store *store, int64_t *damaged, struct fault *f)
{
	if (run(store,
		"CREATE TABLE sets (path TEXT PRIMARY KEY, record TEXT NOT NULL,"
		" seal BLOB NOT NULL) STRICT, WITHOUT ROWID",
		f) ||
	    set_make(store, f) ||
	    each_row(store, "SELECT " KEY_COLUMNS " FROM keys", put_key, damaged, f))
		return -1;
	return each_row(store, "SELECT " ALIAS_COLUMNS " FROM aliases", put_alias, damaged, f);
}

/* Stores of older versions have no id. */
static int make_id(struct store *store, struct fault *f)
{
	sd_id128_t id;

	if (store->id[0])
		return 0;
	if (sd_id128_randomize(&id))
		return fault_set(f, "KMSInternalException",
				 "The kernel gave no random bytes for the id of the key store. Start again.");
	sd_id128_to_uuid_string(id, store->id);
	return 0;
}

static int tell(struct store *store, const struct store_setup *setup, int64_t version,
		int64_t damaged, struct fault *f)
{
	struct json_object *details;

	if (version == 0 || !setup->event)
		return 0;
	details = json_object_new_object();
	json_add_int(details, "fromVersion", version);
	json_add_int(details, "toVersion", STORE_VERSION);
	json_add_int(details, "keys", store->head.keys);
	json_add_int(details, "aliases", store->head.aliases);
	json_add_int(details, "damagedRecords", damaged);
	return setup->event("UpgradeKeyStore", details, setup->userdata, f);
}

/* AWS's own keys are rotated each year. A damaged row is left as it is. */
static int begin_rotation(struct store *store, sqlite3_stmt *statement, void *userdata,
			  struct fault *f)
{
	_cleanup_cmk_ struct cmk cmk = { 0 };
	int r = key_row_read(store, statement, &cmk, NULL, f);

	if (r)
		return r == -EBADMSG ? 0 : -1;
	if (!cmk.aws_managed)
		return 0;
	cmk_begin_rotation(&cmk, CMK_ROTATION_DAYS, store_clock(store));
	return store_update_key(store, &cmk, f);
}

static int add_materials(struct store *store, struct fault *f)
{
	if (run(store, materials_schema, f))
		return -1;
	return each_row(store, KEYS_IN_ORDER, begin_rotation, NULL, f);
}

/* Gives each alias its region as a column, before any step reads an alias. */
static int add_regions(struct store *store, const char *first, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	snprintf(store->region, sizeof(store->region), "%s", first);
	if (run(store, regions_schema, f) ||
	    store_prepare(store, "UPDATE aliases SET region = ? WHERE region = ''", &statement, f))
		return -1;
	store_bind_text(statement, 1, first);
	return sqlite3_step(statement) == SQLITE_DONE
		       ? 0
		       : store_fault(store, "write the regions of its aliases", f);
}

/* An alias of another region than the first, which Region= named before, gets its name in the set. */
static int rename_alias(struct store *store, sqlite3_stmt *statement, void *userdata,
			struct fault *f)
{
	char before[SET_NAME_MAX], name[SET_NAME_MAX];
	struct alias alias;
	int r = alias_row_open(store, statement, &alias, f);

	if (!r) {
		set_alias_name(store, store->region, alias.account, alias.name, before);
		set_alias_name(store, alias.region, alias.account, alias.name, name);
		r = set_check_row(store, before, statement, 4, f);
	}
	/* A damaged row is missed under the name that it has. */
	if (r)
		return r == -EBADMSG ? 0 : -1;
	return set_drop(store, before, f) ? -1 : set_put_row(store, name, statement, 4, f);
}

static int rename_aliases(struct store *store, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "SELECT " ALIAS_COLUMNS " FROM aliases WHERE region <> ?",
			  &statement, f))
		return -1;
	store_bind_text(statement, 1, store->region);
	return row_list(store, statement, rename_alias, NULL, f);
}

/* What a policy does not name is never asked for, so a name is looked for in the whole text. */
static int bind_policy(struct store *store, sqlite3_stmt *statement, void *userdata,
		       struct fault *f)
{
	const struct bound_user *user = userdata;
	_cleanup_cmk_ struct cmk cmk = { 0 };
	char quoted[USER_ARN_MAX + 2];
	int r = key_row_read(store, statement, &cmk, NULL, f);

	if (r)
		return r == -EBADMSG ? 0 : -1;
	snprintf(quoted, sizeof(quoted), "\"%s\"", user->arn);
	if (!cmk.policy || !strstr(cmk.policy, quoted))
		return 0;
	if (!cmk.policy_users)
		cmk.policy_users = json_object_new_object();
	json_add_string(cmk.policy_users, user->arn, user->id);
	return store_update_key(store, &cmk, f);
}

/* Policies and grants that a version with users kept are for the users that have the names now. */
static int bind_user(struct store *store, const struct bound_user *user, struct fault *f)
{
	struct bound_user named = *user;

	return each_row(store, KEYS_IN_ORDER, bind_policy, &named, f) ||
			       grant_bind_user(store, user, f)
		       ? -1
		       : 0;
}

static int take_steps(struct store *store, const struct store_setup *setup, int64_t version,
		      struct fault *f)
{
	int64_t damaged = 0;

	if ((version < 1 && run(store, first_schema, f)) ||
	    (version < 6 && add_regions(store, setup->region, f)) ||
	    (version < 2 && add_hints(store, f)) || (version < 3 && add_set(store, &damaged, f)) ||
	    (version >= 3 && version < 6 && rename_aliases(store, f)) ||
	    (version < 4 && run(store, grants_schema, f)) ||
	    (version < 5 && add_materials(store, f)) ||
	    (version < 7 && run(store, users_schema, f)) ||
	    (version == 7 && user_each_name(store, bind_user, f)))
		return -1;
	return tell(store, setup, version, damaged, f);
}

static int tell_accepted(struct store *store, const struct store_setup *setup, struct fault *f)
{
	struct json_object *details;

	if (!setup->event)
		return 0;
	details = json_object_new_object();
	json_add_int(details, "storeChange", store->head.change);
	if (store->counter.change != COUNTER_UNKNOWN)
		json_add_int(details, "counterChange", store->counter.change);
	return setup->event("AcceptRollback", details, setup->userdata, f);
}

/*
 * The next change is later than each one that was counted. A counter that is lost, or was begun anew by
 * an acceptance that did not end, does not say how many there were: the number goes on at the seconds
 * since 1970, which are more.
 */
static void pass_counted(struct store *store)
{
	int64_t counted = store->counter.change > 0 ? store->counter.change : time(NULL);

	if (store->head.change < counted)
		store->head.change = counted;
}

/* Takes the steps that a counted database of @version lacks, and seals its head anew. */
static int renew(struct store *store, const struct store_setup *setup, int64_t version,
		 struct fault *f)
{
	bool own;
	int r;

	if (change_begin(store, &own, f))
		return -1;
	r = version < STORE_VERSION ? take_steps(store, setup, version, f) : 0;
	return change_end(store, own, r ? r : store_write_head(store, f), f);
}

/*
 * Makes the old copy the present one. A crash in between leaves the store as it was, or as accepted.
 */
static int accept(struct store *store, const struct store_setup *setup, int64_t version,
		  struct fault *f)
{
	if (tell_accepted(store, setup, f))
		return -1;
	pass_counted(store);
	if (store->counter.change == COUNTER_UNKNOWN && counter_begin(store, f))
		return -1;
	store->head.set_change = store->head.change + 1;
	return renew(store, setup, version, f);
}

/* Upgrades a database that is not counted yet. Change 0 is what an interrupted upgrade has left. */
static int upgrade(struct store *store, const struct store_setup *setup, int64_t version,
		   const char *path, struct fault *f)
{
	bool own;

	if (version > 0 && store->counter.change > 0 &&
	    (setup->accept ? tell_accepted(store, setup, f) : counter_check(store, path, f)))
		return -1;
	/* What agents saw of the store before it was put back is older then. */
	if (version > 0 && setup->accept)
		pass_counted(store);
	if (make_id(store, f) || counter_begin(store, f) || change_begin(store, &own, f))
		return -1;
	return change_end(store, own, take_steps(store, setup, version, f), f);
}

/**
 * store_upgrade() - prove that the root key is the database's and that the database is the present one,
 * then bring it to this version
 * @path: of the database, for faults
 * @setup: of store_open()
 * @f: InvalidConfiguration
 *
 * The record of the upgrade comes before the upgrade is kept.
 *
 * Return: 0 or -1.
 */
int store_upgrade(struct store *store, const char *path, const struct store_setup *setup,
		  struct fault *f)
{
	int64_t version;
	int r;

	if (store_read_head(store, path, &version, f))
		return -1;
	if (version == 0 && !setup->create)
		return store_headless(path, f);
	if (version < STORE_VERSION_SET) {
		r = upgrade(store, setup, version, path, f);
	} else if (store_check_set(store, path, f)) {
		return -1;
	} else {
		r = counter_check(store, path, f);
		if (r && setup->accept)
			r = accept(store, setup, version, f);
		else if (!r && version < STORE_VERSION)
			r = renew(store, setup, version, f);
	}
	return r ? -1 : counter_write(store, f);
}
