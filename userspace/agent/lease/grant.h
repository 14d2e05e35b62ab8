/* SPDX-License-Identifier: MIT */
/*
 * The last grant of a cluster's key, and whether a refusal is a verdict beside it.
 */
#ifndef ENVELOPE_GRANT_H
#define ENVELOPE_GRANT_H

#include "agent/agent.h"
#include "lib/kms/worker.h"

void grant_load(struct cluster *cluster);
struct grant grant_answer(const struct cluster *cluster, const struct kms_worker *worker);
int grant_given(const struct cluster *cluster, const struct kms_worker *worker, struct grant *grant,
		struct fault *f);
bool grant_is_older(const struct cluster *cluster, const struct kms_worker *worker,
		    struct fault *why);
void grant_record(struct cluster *cluster, const struct grant *grant);
bool grant_note(struct cluster *cluster, const struct kms_worker *worker, struct fault *why);
bool grant_from_header(struct cluster *cluster, const struct volume_header *header);
bool grant_judge(const struct cluster *cluster, const struct kms_worker *worker,
		 const struct fault *f, struct fault *why);

#endif
