/* SPDX-License-Identifier: MIT */
/*
 * The loss of a key by the KMS's refusal, and the window in which it can be undone.
 */
#ifndef ENVELOPE_KEY_LOSS_H
#define ENVELOPE_KEY_LOSS_H

#include "agent/agent.h"

void key_loss_denied(struct cluster *cluster, const struct fault *f);
void key_loss_undone(struct cluster *cluster);
void key_loss_end_window(struct cluster *cluster);
void key_loss_check_window(struct cluster *cluster);

#endif
