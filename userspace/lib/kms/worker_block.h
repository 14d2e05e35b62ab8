/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of struct worker_block: memory shared with one worker for one call.
 *
 * Must never be released before it is wiped: the kernel frees shared pages as they are.
 */
#ifndef ENVELOPE_WORKER_BLOCK_H
#define ENVELOPE_WORKER_BLOCK_H

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/kms/worker_protocol.h"

int worker_block_new(struct worker_block **ret, struct fault *f);
struct secret *worker_block_take_plaintext(struct worker_block *block);
void worker_block_free(struct worker_block *block);

#endif
