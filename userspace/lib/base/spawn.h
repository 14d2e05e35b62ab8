/* SPDX-License-Identifier: MIT */
/* Programs that are started: none gets the signals of its parent. */
#ifndef ENVELOPE_SPAWN_H
#define ENVELOPE_SPAWN_H

#include <spawn.h>

void spawn_attributes(posix_spawnattr_t *attributes, short flags);

#endif
