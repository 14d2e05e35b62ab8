/* SPDX-License-Identifier: MIT */
/*
 * The loss of a key by the KMS's refusal: the second question that confirms it, and the window in
 * which it can be undone.
 */
#ifndef ENVELOPE_KEY_LOSS_H
#define ENVELOPE_KEY_LOSS_H

#include "agent/agent.h"
#include "lib/kms/worker.h"

#define LOSS_REASON_MAX 200 /* bytes of the reason that a person gives */

void key_loss_denied(struct cluster *cluster, uint64_t asked_ns, const struct kms_worker *worker,
		     const struct fault *f);
void key_loss_confirm(struct cluster *cluster, const char *reason);
void key_loss_undone(struct cluster *cluster);
void key_loss_check(struct cluster *cluster);

#endif
