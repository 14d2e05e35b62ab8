// SPDX-License-Identifier: MIT
/* See store_set.h. */
#include "kms/store/store_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/json.h"

#define DIGITS	     32 /* of the SHA-256 of a name, which are the way to its entry */
#define GROUP_DIGITS 8	/* of a group, which the ways to all of its members begin with */
#define TAG_CHARS    32
#define GROUP_PREFIX "group/"

/* One walk from the first node to the entry of a name. */
struct walk {
	const char *name;
	char digits[DIGITS + 1];
	const sd_id128_t *tag; /* the new tag of the entry; NULL to drop the entry */
	bool had;	       /* set: the entry was there */
};

/** set_key_name() - the name of a key in the set */
void set_key_name(const char *key_id, char name[SET_NAME_MAX])
{
	snprintf(name, SET_NAME_MAX, "key/%s", key_id);
}

/**
 * set_alias_name() - the name of an alias in the set
 *
 * The aliases of the first region have no region in their names: they had none before a store had
 * several regions, and a row that was lost by then is missed under its old name only.
 */
void set_alias_name(const struct store *store, const char *region, const char *account,
		    const char *alias, char name[SET_NAME_MAX])
{
	if (!strcmp(region, store->region))
		snprintf(name, SET_NAME_MAX, "alias/%s/%s", account, alias);
	else
		snprintf(name, SET_NAME_MAX, "alias/%s/%s/%s", account, region, alias);
}

/** set_grant_name() - the name of a grant in the set */
void set_grant_name(const char *grant_id, char name[SET_NAME_MAX])
{
	snprintf(name, SET_NAME_MAX, "grant/%s", grant_id);
}

/** set_member_name() - the name of a member of @group, which has at least GROUP_DIGITS digits */
void set_member_name(const char *group, const char *member, char name[SET_NAME_MAX])
{
	snprintf(name, SET_NAME_MAX, GROUP_PREFIX "%s/%s", group, member);
}

static int damaged(struct fault *f)
{
	fault_set(f, "KMSInternalException",
		  "The set of keys in the key store is damaged or has been altered, so no key is known to be absent. Restore the key store from a backup.");
	return -EBADMSG;
}

static int begin_walk(struct walk *walk, const char *name, struct fault *f)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	sd_id128_t way;

	*walk = (struct walk){ .name = name };
	if (EVP_Digest(name, strlen(name), digest, NULL, EVP_sha256(), NULL) != 1)
		return fault_set(f, "KMSInternalException",
				 "The set of keys cannot be searched. The set need not be at fault: check memory, and that OpenSSL has SHA-256 (openssl list -providers).");
	memcpy(way.bytes, digest, sizeof(way.bytes));
	sd_id128_to_string(way, walk->digits);
	if (!strncmp(name, GROUP_PREFIX, strlen(GROUP_PREFIX))) {
		memmove(walk->digits + GROUP_DIGITS, walk->digits, DIGITS - GROUP_DIGITS);
		memcpy(walk->digits, name + strlen(GROUP_PREFIX), GROUP_DIGITS);
	}
	return 0;
}

/* The name behind the tag in @slot, or NULL if the slot leads to another node. */
static const char *slot_name(const char *slot)
{
	return slot[TAG_CHARS] ? slot + TAG_CHARS + 1 : NULL;
}

/* Reads the node of the first @depth digits. Return: 0, -EBADMSG, or -1 */
static int read_node(struct store *store, const struct walk *walk, size_t depth,
		     const sd_id128_t *tag, struct json_object **node, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ struct json_object *record = NULL;
	const char *kind, *path;
	int step, r;

	if (store_prepare(store, "SELECT record, seal FROM sets WHERE path = ?", &statement, f))
		return -1;
	sqlite3_bind_text(statement, 1, walk->digits, (int)depth, SQLITE_STATIC);
	step = sqlite3_step(statement);
	if (step != SQLITE_ROW)
		return step == SQLITE_DONE ? damaged(f) : store_fault(store, "read its set", f);
	if (!row_has_tag(statement, 1, tag))
		return damaged(f);
	r = row_read(store, statement, 0, &record, 0, NULL, f);
	if (r)
		return r;
	kind = json_get_string(record, "Record");
	path = json_get_string(record, "Path");
	if (!kind || strcmp(kind, "set") || !path || strlen(path) != depth ||
	    strncmp(path, walk->digits, depth))
		return damaged(f);
	*node = record;
	record = NULL;
	return 0;
}

static int write_node(struct store *store, const struct walk *walk, size_t depth,
		      struct json_object *node, sd_id128_t *tag, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "INSERT OR REPLACE INTO sets VALUES (?, ?, ?)", &statement, f))
		return -1;
	sqlite3_bind_text(statement, 1, walk->digits, (int)depth, SQLITE_STATIC);
	if (row_bind(store, statement, 2, node, NULL, tag, f))
		return -1;
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : store_fault(store, "write its set", f);
}

static int delete_node(struct store *store, const struct walk *walk, size_t depth, struct fault *f)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;

	if (store_prepare(store, "DELETE FROM sets WHERE path = ?", &statement, f))
		return -1;
	sqlite3_bind_text(statement, 1, walk->digits, (int)depth, SQLITE_STATIC);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : store_fault(store, "write its set", f);
}

static struct json_object *new_node(const struct walk *walk, size_t depth)
{
	struct json_object *node = json_object_new_object();
	char path[DIGITS + 1] = "";

	memcpy(path, walk->digits, depth);
	json_add_string(node, "Record", "set");
	json_add_string(node, "Path", path);
	return node;
}

/* The member of a node for the digit at @depth. */
static void slot_key(const struct walk *walk, size_t depth, char key[2])
{
	key[0] = walk->digits[depth];
	key[1] = '\0';
}

static void fill_slot(struct json_object *node, const char *key, const sd_id128_t *tag,
		      const char *name)
{
	char text[TAG_CHARS + 1 + SET_NAME_MAX];

	sd_id128_to_string(*tag, text);
	if (name)
		snprintf(text + TAG_CHARS, sizeof(text) - TAG_CHARS, " %s", name);
	json_add_string(node, key, text);
}

/* Return: 0 with @slot NULL for an empty one, or -EBADMSG */
static int read_slot(struct json_object *node, const char *key, const char **slot, sd_id128_t *tag,
		     struct fault *f)
{
	char hex[TAG_CHARS + 1];

	*slot = json_get_string(node, key);
	if (!*slot)
		return json_has(node, key) ? damaged(f) : 0;
	snprintf(hex, sizeof(hex), "%s", *slot);
	return sd_id128_from_string(hex, tag) < 0 ? damaged(f) : 0;
}

/* Two names share a slot: moves the entry that has it into a node of its own, below. */
static int split(struct store *store, const struct walk *walk, size_t depth, const char *name,
		 const sd_id128_t *entry, sd_id128_t *tag, struct fault *f)
{
	_cleanup_json_ struct json_object *node = new_node(walk, depth);
	struct walk other;
	char key[2];

	if (begin_walk(&other, name, f))
		return -1;
	slot_key(&other, depth, key);
	fill_slot(node, key, entry, name);
	return write_node(store, walk, depth, node, tag, f);
}

static int change(struct store *store, struct walk *walk, size_t depth, sd_id128_t *tag,
		  bool *empty, struct fault *f);

/* Changes the entry below @slot of @node. Return: 0, -EBADMSG, or -1 */
static int change_below(struct store *store, struct walk *walk, size_t depth,
			struct json_object *node, const char *slot, sd_id128_t *tag,
			struct fault *f)
{
	const char *name = slot_name(slot);
	bool empty = false;
	char key[2];
	int r;

	if (name && !walk->tag)
		return 0;
	if (name && split(store, walk, depth + 1, name, tag, tag, f))
		return -1;
	r = change(store, walk, depth + 1, tag, &empty, f);
	if (r)
		return r;
	slot_key(walk, depth, key);
	if (empty)
		json_object_object_del(node, key);
	else
		fill_slot(node, key, tag, NULL);
	return 0;
}

/*
 * Changes the entry of @walk below the node at @depth, and seals the node anew.
 * @tag: of the node, before and after
 * @empty: set if the node has no entry any more, and is deleted
 */
static int change(struct store *store, struct walk *walk, size_t depth, sd_id128_t *tag,
		  bool *empty, struct fault *f)
{
	_cleanup_json_ struct json_object *node = NULL;
	sd_id128_t below = SD_ID128_NULL;
	const char *slot, *name;
	char key[2];
	int r;

	if (depth >= DIGITS)
		return damaged(f);
	slot_key(walk, depth, key);
	r = read_node(store, walk, depth, tag, &node, f);
	if (!r)
		r = read_slot(node, key, &slot, &below, f);
	if (r)
		return r;
	name = slot ? slot_name(slot) : NULL;
	walk->had = name && !strcmp(name, walk->name);
	if (slot && !walk->had)
		r = change_below(store, walk, depth, node, slot, &below, f);
	else if (walk->tag)
		fill_slot(node, key, walk->tag, walk->name);
	else
		json_object_object_del(node, key);
	if (r)
		return r;
	*empty = depth > 0 && json_object_object_length(node) == 2;
	return *empty ? delete_node(store, walk, depth, f)
		      : write_node(store, walk, depth, node, tag, f);
}

/* Return: NULL of a further name of a row, which is not counted */
static int64_t *count_of(struct store *store, const char *name)
{
	if (!strncmp(name, "key/", 4))
		return &store->head.keys;
	if (!strncmp(name, "grant/", 6))
		return &store->head.grants;
	if (!strncmp(name, "user/", 5))
		return &store->head.users;
	return strncmp(name, "alias/", 6) ? NULL : &store->head.aliases;
}

static int change_set(struct store *store, const char *name, const sd_id128_t *tag, struct fault *f)
{
	int64_t *count = count_of(store, name);
	struct walk walk;
	bool empty;
	int r;

	if (begin_walk(&walk, name, f))
		return -1;
	walk.tag = tag;
	r = change(store, &walk, 0, &store->head.set, &empty, f);
	if (r)
		return r;
	if (count)
		*count += (tag ? 1 : 0) - (walk.had ? 1 : 0);
	return 0;
}

/** set_make() - make the set of a store that has none, empty; in a change; Return: 0 or -1 */
int set_make(struct store *store, struct fault *f)
{
	struct walk walk = { 0 };
	_cleanup_json_ struct json_object *node = new_node(&walk, 0);

	store->head.keys = 0;
	store->head.aliases = 0;
	store->head.grants = 0;
	store->head.users = 0;
	return write_node(store, &walk, 0, node, &store->head.set, f);
}

/** set_check() - is the first node of the set there? Return: 0, -EBADMSG, or -1 */
int set_check(struct store *store, struct fault *f)
{
	_cleanup_json_ struct json_object *node = NULL;
	struct walk walk = { 0 };

	return read_node(store, &walk, 0, &store->head.set, &node, f);
}

/**
 * set_find() - is @name in the set?
 * @tag: set to the tag of the seal of its row
 *
 * Return: 0; -ENOENT with @f untouched when its absence is proved; -EBADMSG when the set is damaged;
 * or -1 when the set could not be searched.
 */
int set_find(struct store *store, const char *name, sd_id128_t *tag, struct fault *f)
{
	struct walk walk;
	size_t depth;

	if (begin_walk(&walk, name, f))
		return -1;
	*tag = store->head.set;
	for (depth = 0; depth < DIGITS; depth++) {
		_cleanup_json_ struct json_object *node = NULL;
		const char *slot;
		char key[2];
		int r = read_node(store, &walk, depth, tag, &node, f);

		slot_key(&walk, depth, key);
		if (!r)
			r = read_slot(node, key, &slot, tag, f);
		if (r)
			return r;
		if (!slot)
			return -ENOENT;
		if (slot_name(slot))
			return strcmp(slot_name(slot), name) ? -ENOENT : 0;
	}
	return damaged(f);
}

struct members {
	const char *prefix; /* of the names of the group */
	set_member_t each;
	void *userdata;
};

static int list_below(struct store *store, struct walk *walk, size_t depth, const sd_id128_t *tag,
		      const struct members *members, struct fault *f);

static int list_slot(struct store *store, struct walk *walk, size_t depth, struct json_object *node,
		     const struct members *members, struct fault *f)
{
	size_t prefix = strlen(members->prefix);
	const char *slot, *name;
	sd_id128_t tag;
	char key[2];
	int r;

	slot_key(walk, depth, key);
	r = read_slot(node, key, &slot, &tag, f);
	if (r || !slot)
		return r;
	name = slot_name(slot);
	if (!name)
		return list_below(store, walk, depth + 1, &tag, members, f);
	if (strncmp(name, members->prefix, prefix))
		return 0;
	return members->each(store, name + prefix, &tag, members->userdata, f);
}

/* Lists the members of a group below the node at @depth. The way to the group has one digit a node. */
static int list_below(struct store *store, struct walk *walk, size_t depth, const sd_id128_t *tag,
		      const struct members *members, struct fault *f)
{
	_cleanup_json_ struct json_object *node = NULL;
	int r;

	if (depth >= DIGITS)
		return damaged(f);
	r = read_node(store, walk, depth, tag, &node, f);
	if (r || depth < GROUP_DIGITS)
		return r ? r : list_slot(store, walk, depth, node, members, f);
	for (const char *digit = "0123456789abcdef"; !r && *digit; digit++) {
		walk->digits[depth] = *digit;
		r = list_slot(store, walk, depth, node, members, f);
	}
	return r;
}

/**
 * set_list_group() - hand each member of @group to @each until it stops
 *
 * Return: 0 when it is proved that there is no other member; what @each returned to stop; -EBADMSG or
 * -1 with @f when the set could not be searched.
 */
int set_list_group(struct store *store, const char *group, set_member_t each, void *userdata,
		   struct fault *f)
{
	char prefix[SET_NAME_MAX];
	struct members members = { prefix, each, userdata };
	struct walk walk;

	set_member_name(group, "", prefix);
	if (begin_walk(&walk, prefix, f))
		return -1;
	return list_below(store, &walk, 0, &store->head.set, &members, f);
}

/** set_put() - add @name, or give it another row; in a change; Return: 0 or -1 */
int set_put(struct store *store, const char *name, const sd_id128_t *tag, struct fault *f)
{
	return change_set(store, name, tag, f) ? -1 : 0;
}

/** set_put_row() - as set_put(), of the current row, whose seal is in @column; Return: 0 or -1 */
int set_put_row(struct store *store, const char *name, sqlite3_stmt *statement, int column,
		struct fault *f)
{
	sd_id128_t tag;

	row_tag(statement, column, &tag);
	return set_put(store, name, &tag, f);
}

/**
 * set_drop() - take @name out of the set; in a change
 *
 * Return: 0; -EBADMSG when a node on the way is damaged, and nothing was changed; or -1.
 */
int set_drop(struct store *store, const char *name, struct fault *f)
{
	return change_set(store, name, NULL, f);
}

static int put_back(const char *name, struct fault *f)
{
	fault_set(f, "KMSInternalException",
		  "An old record of %s was put back. Restore the key store from a backup.", name);
	return -EBADMSG;
}

/**
 * set_compare_row() - is the seal of the current row the one that set_find() gave for @name?
 * @column: of the seal
 *
 * Return: 0 or -EBADMSG.
 */
int set_compare_row(const char *name, const sd_id128_t *tag, sqlite3_stmt *statement, int column,
		    struct fault *f)
{
	return row_has_tag(statement, column, tag) ? 0 : put_back(name, f);
}

/**
 * set_check_row() - is the seal of the current row the one that the set names?
 * @column: of the seal
 *
 * Return: 0, -EBADMSG, or -1.
 */
int set_check_row(struct store *store, const char *name, sqlite3_stmt *statement, int column,
		  struct fault *f)
{
	sd_id128_t tag;
	int r = set_find(store, name, &tag, f);

	if (!r)
		return set_compare_row(name, &tag, statement, column, f);
	return r == -ENOENT ? put_back(name, f) : r;
}
