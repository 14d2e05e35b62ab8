/* SPDX-License-Identifier: MIT */
/*
 * The configuration of a cluster's calls to the KMS: that of the host, with the cluster's own profile
 * and endpoint.
 */
#ifndef ENVELOPE_REACH_H
#define ENVELOPE_REACH_H

#include "lib/base/config.h"

/**
 * struct reach - how a cluster reaches its KMS; "" for what the configuration says
 * @profile: in place of Profile=, and of credentials in the environment
 * @endpoint: in place of KmsEndpoint=, also several
 */
struct reach {
	char profile[128];
	char endpoint[1024];
};

struct config reach_config(const struct config *config, const struct reach *reach);
int reach_check(const struct config *config, const struct reach *reach, struct fault *f);
int reach_check_all(const struct config *config, const struct reach *reach, struct faults *all);

#endif
