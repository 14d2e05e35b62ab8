/* SPDX-License-Identifier: MIT */
/*
 * The header on the disk as the witness against the catalog: it has the key's ARN, which its hash
 * covers, and the wrapped key.
 */
#ifndef ENVELOPE_CATALOG_WITNESS_H
#define ENVELOPE_CATALOG_WITNESS_H

#include "agent/agent.h"

/**
 * typedef catalog_witness_done_t - called once, from the event loop, unless the cluster has gone
 * @refusal: as passed to catalog_witness()
 * @damage: of the catalog; an empty code if the header agrees, or cannot be read
 */
typedef void (*catalog_witness_done_t)(struct cluster *cluster, const struct fault *refusal,
				       const struct fault *damage);

int catalog_witness_compare(const struct cluster *cluster, const struct volume_header *header,
			    struct fault *f);
void catalog_witness(struct cluster *cluster, const struct fault *refusal,
		     catalog_witness_done_t done);

#endif
