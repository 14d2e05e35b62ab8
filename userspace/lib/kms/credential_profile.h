/* SPDX-License-Identifier: MIT */
/*
 * Credentials as a profile of CredentialsFile= describes them: keys, a role, a program.
 *
 * Must never run the program nor call a server: a plan only says what the worker is to do.
 */
#ifndef ENVELOPE_CREDENTIAL_PROFILE_H
#define ENVELOPE_CREDENTIAL_PROFILE_H

#include "lib/kms/credential_plan.h"

int credential_profile(const struct config *cfg, struct credential_plan *plan, struct fault *f);

#endif
