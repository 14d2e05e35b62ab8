/* SPDX-License-Identifier: MIT */
/*
 * Groups of grants: the grants that may allow a request are all in a few groups, whose names follow from
 * the request. So a decision reads few grants of the many that a key may have.
 *
 * The groups of a grant are that of its key, grantee and constraint, that of its key and grantee if the
 * grant has DescribeKey, and that of its key and name. Of EncryptionContextSubset the group has the pair
 * whose name comes first, since each request that the grant allows has this pair. These grants are in
 * a group of their key and grantee, too. A request with very many pairs asks for this one, so that no
 * caller makes the KMS look for thousands of groups.
 *
 * Must never leave a grant out of a group: it would not be found, and the request would be denied.
 */
#ifndef ENVELOPE_KMS_GRANT_GROUPS_H
#define ENVELOPE_KMS_GRANT_GROUPS_H

#include "kms/grants/grant.h"
#include "kms/grants/grant_rules.h"

#define GRANT_GROUP_CHARS 32
#define GRANT_GROUPS_MOST 4

/* typedef grant_group_t - one group; Return: 0 to go on, else to stop */
typedef int (*grant_group_t)(const char *group, void *userdata);

struct grant_groups {
	char list[GRANT_GROUPS_MOST][GRANT_GROUP_CHARS + 1];
	size_t count;
};

int grant_groups(const struct grant *grant, struct grant_groups *groups);

int grant_group_of_name(const struct grant *grant, char group[GRANT_GROUP_CHARS + 1]);

int grant_groups_asked(const struct grant_request *request, grant_group_t each, void *userdata);

#endif
