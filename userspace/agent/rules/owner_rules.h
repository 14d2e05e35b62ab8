/* SPDX-License-Identifier: MIT */
/* The rules of a volume that several hosts can reach. Pure, as all rules. */
#ifndef ENVELOPE_OWNER_RULES_H
#define ENVELOPE_OWNER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/header/volume_header.h"

int rules_owner(const char *cluster_id, const struct volume_owner *owner, const char *host,
		uint64_t unchanged_s, bool take_over, struct fault *f);

bool rules_may_fence(const struct volume_owner *owner, bool take_over, bool fencing);

int rules_delete_reserved(const char *cluster_id, uint32_t left_s, struct fault *f);
void rules_not_fenced(struct fault *f, const char *why);

#endif
