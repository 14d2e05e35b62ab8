// SPDX-License-Identifier: MIT
#include "lib/base/spawn.h"

#include <signal.h>

/**
 * spawn_attributes() - attributes of a program that starts with no signal blocked or ignored
 * @attributes: to be destroyed with posix_spawnattr_destroy()
 * @flags: POSIX_SPAWN_ flags besides
 */
void spawn_attributes(posix_spawnattr_t *attributes, short flags)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(attributes);
	posix_spawnattr_setflags(attributes,
				 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
}
