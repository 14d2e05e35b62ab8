// SPDX-License-Identifier: MIT
/* Would each cluster with a profile or an endpoint of its own have a way to its KMS? */
#include "agent/own_reach.h"

struct subject {
	const char *cluster;
	struct faults *all;
};

/* Names the cluster in the fault. */
static void name_cluster(const struct fault *wrong, void *userdata)
{
	const struct subject *subject = userdata;
	struct fault f;

	fault_set(&f, wrong->code,
		  "The cluster %s has a profile or an endpoint of its own: %.400s Correct that, or give others with which its KMS gives the key, since a refusal ends the access: envelope cluster modify --db-cluster-identifier %s --profile PROFILE --kms-endpoint URL",
		  subject->cluster, wrong->message, subject->cluster);
	faults_add(subject->all, &f);
}

/**
 * own_reach_check() - judge the reach of one cluster
 * @all: takes all faults
 *
 * Return: 0 or -1.
 */
int own_reach_check(const struct config *config, const char *cluster, const struct reach *reach,
		    struct faults *all)
{
	struct subject subject = { .cluster = cluster, .all = all };
	struct faults its = { .each = name_cluster, .userdata = &subject };

	return reach_check_all(config, reach, &its);
}
