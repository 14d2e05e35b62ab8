/* SPDX-License-Identifier: MIT */
/*
 * The grants on a key, asked when the policy of the key neither allows nor denies.
 *
 * Must never answer that no grant allows the access unless the key store proves it.
 */
#ifndef ENVELOPE_KMS_KEY_GRANTS_H
#define ENVELOPE_KMS_KEY_GRANTS_H

#include "kms/auth/access.h"

int key_grants_ask(const struct access *access, bool permitted, bool *allowed, struct fault *f);

#endif
