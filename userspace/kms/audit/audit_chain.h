/* SPDX-License-Identifier: MIT */
/*
 * The chain that the KMS makes of its audit trail (lib/audit/chain.h), with its head outside of the
 * trail (chain_head.h). A chain goes on from file to file, and from start to start.
 *
 *	Cut tail	The trail ends before the head. The chain goes on behind the head, so each later
 *			check misses the records, and a record says so.
 *	Power cut	The host went down, and records that nobody had to wait for were not on the disk
 *			yet. The next record has their number.
 *	Short chain	The key store knows a later record: trail and head were put back, or both are
 *			gone. As a cut tail.
 *	Lost head	A new chain begins, with a number that no earlier record has.
 *
 * Must never use a place twice. Must never keep the KMS from starting: its clients need it.
 */
#ifndef ENVELOPE_KMS_AUDIT_CHAIN_H
#define ENVELOPE_KMS_AUDIT_CHAIN_H

#include <stdbool.h>

#include <json-c/json.h>

#include "lib/audit/chain.h"
#include "lib/audit/trail.h"
#include "lib/base/secret.h"

struct audit_chain;

int audit_chain_open(const char *path, const char *head, const struct secret *root,
		     struct audit_chain **ret, struct fault *f);

const struct trail_chain *audit_chain_of_trail(struct audit_chain *chain);

const char *audit_chain_notice(const struct audit_chain *chain, struct json_object **details);

int64_t audit_chain_sequence(const struct audit_chain *chain);

bool audit_chain_expect(struct audit_chain *chain, int64_t sequence);

bool audit_chain_is_cut(const struct audit_chain *chain);

bool audit_chain_knows(const struct audit_chain *chain, const char *line, size_t size);

struct chain_key *audit_chain_key(const struct audit_chain *chain);

void audit_chain_close(struct audit_chain *chain);

#endif
