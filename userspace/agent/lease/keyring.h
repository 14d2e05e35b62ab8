/* SPDX-License-Identifier: MIT */
/*
 * Volume keys in the kernel: the keyring "envelope" in root's user keyring, and keys of type
 * "envelope" in it. A key outlives the agent; the next agent finds the key by its description. The
 * keyring is looked up at each use, since it can be unlinked or revoked under the agent.
 *
 * Must never read a key back or hold its bytes longer than the call that adds it.
 */
#ifndef ENVELOPE_KEYRING_H
#define ENVELOPE_KEYRING_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"

int keyring_open(int32_t *ret, struct fault *f);
int32_t keyring_find(int32_t keyring, const char *description);
int keyring_add(int32_t keyring, const char *description, const struct secret *key,
		uint64_t lease_ns, uint64_t deadline_ns, int32_t *ret, struct fault *f);
int keyring_renew(int32_t *keyring, int32_t key, uint64_t deadline_ns);
int keyring_revoke(int32_t keyring, int32_t key);

#endif
