/* SPDX-License-Identifier: MIT */
/*
 * Groups of grants: the grants that may allow a request are all in a few groups, whose names follow from
 * the request. So a decision reads few grants of the many that a key may have.
 *
 * The names of most groups have the operation and the whole constraint: each of their grants allows the
 * request that asks for them, so a decision reads one. Two groups of a key and a grantee are of another
 * kind: that of the grants with CreateGrant, and that of the grants with EncryptionContextSubset of more
 * than one pair. A decision may have to read all of their grants, so their number is bounded.
 *
 * A request with very many pairs looks at all grants with one pair, if they are fewer than the pairs.
 *
 * Must never leave a grant out of a group: it would not be found, and the request would be denied.
 */
#ifndef ENVELOPE_KMS_GRANT_GROUPS_H
#define ENVELOPE_KMS_GRANT_GROUPS_H

#include "kms/grants/grant.h"
#include "kms/grants/grant_rules.h"

#define GRANT_GROUP_CHARS 32
#define GRANT_GROUPS_MOST 10
#define GRANTS_OF_A_GROUP 500 /* at most, of a bounded one */

/* typedef grant_group_t - one group; Return: 0 to go on, else to stop */
typedef int (*grant_group_t)(const char *group, void *userdata);

/* typedef grant_fewer_t - has a group fewer than @most grants? False if it cannot be read */
typedef bool (*grant_fewer_t)(const char *group, size_t most, void *userdata);

struct grant_asker {
	grant_group_t each;
	grant_fewer_t has_fewer;
	void *userdata;
};

struct grant_groups {
	char list[GRANT_GROUPS_MOST][GRANT_GROUP_CHARS + 1];
	bool bounded[GRANT_GROUPS_MOST];
	size_t count;
};

int grant_groups(const struct grant *grant, struct grant_groups *groups);

int grant_group_of_terms(const struct grant *grant, char group[GRANT_GROUP_CHARS + 1]);

int grant_groups_asked(const struct grant_request *request, const struct grant_asker *asker);

#endif
