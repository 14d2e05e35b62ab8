/* SPDX-License-Identifier: MIT */
/*
 * Where the agent's credentials come from: the chain of providers of AWS's SDKs.
 *
 * Must never go on to the next provider after one that is configured and fails. The next one would
 * be another principal, whose denial would fail the devices.
 */
#ifndef ENVELOPE_CREDENTIAL_CHAIN_H
#define ENVELOPE_CREDENTIAL_CHAIN_H

#include "lib/kms/credential_plan.h"

struct credential_plan *credential_plan_make(const struct config *cfg, struct fault *f);

#endif
