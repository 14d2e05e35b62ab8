/* SPDX-License-Identifier: MIT */
/*
 * Whose temporary credentials are: a role or a user, by its ARN and its unique id.
 *
 * Must never name the session: a role has another one each time.
 */
#ifndef ENVELOPE_WORKER_CALLER_H
#define ENVELOPE_WORKER_CALLER_H

#include <stdbool.h>

#include "lib/kms/worker_protocol.h"

bool caller_text(const char *arn, const char *id, char text[WORKER_PRINCIPAL_MAX]);

#endif
