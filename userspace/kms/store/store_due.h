/* SPDX-License-Identifier: MIT */
/*
 * The search for keys by a hint: a column of their rows that says when a key is due for something, 0 for
 * never. An index finds the rows, so that no other row is opened. The column is not sealed: the record
 * decides, and a hint that disagrees with its record is set anew.
 *
 * Must never be taken for a proof that a key is due.
 */
#ifndef ENVELOPE_KMS_STORE_DUE_H
#define ENVELOPE_KMS_STORE_DUE_H

#include "kms/store/store_row.h"

/**
 * struct due_hint - the statements of one hint
 * @find: KEY_COLUMNS and the hint of the rows with a hint up to ?1, behind hint ?2 and key ?3
 * @next: the earliest hint after ?1
 * @set: make ?1 the hint of key ?2
 */
struct due_hint {
	const char *find;
	const char *next;
	const char *set;
};

/* @column: in quotes; has an index over the rows in which it is above 0 */
#define DUE_HINT(column)                                                                    \
	{                                                                                   \
		.find = "SELECT " KEY_COLUMNS ", " column " FROM keys WHERE " column " > 0" \
			" AND " column " <= ?1 AND (" column " > ?2 OR (" column            \
			" = ?2 AND key_id > ?3)) ORDER BY " column ", key_id",              \
		.next = "SELECT min(" column ") FROM keys WHERE " column " > 0 AND " column \
			" > ?",                                                             \
		.set = "UPDATE keys SET " column " = ? WHERE key_id = ?",                   \
	}

int due_find(struct store *store, const struct due_hint *hint, int64_t now,
	     const struct due_place *behind, struct cmk *cmk, struct due_place *found,
	     struct fault *f);

int due_next(struct store *store, const struct due_hint *hint, int64_t now, int64_t *next,
	     struct fault *f);

int due_set(struct store *store, const struct due_hint *hint, const char *key_id, int64_t value,
	    struct fault *f);

int64_t due_turn_begin(void);

bool due_turn_is_over(int64_t begun);

#endif
