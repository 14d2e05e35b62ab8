/* SPDX-License-Identifier: MIT */
/* How much longer a disk is than the volume on it. */
#ifndef ENVELOPE_GROWTH_H
#define ENVELOPE_GROWTH_H

#include "agent/volume/mapper.h"

void growth_measure(struct mapping *mapping);

#endif
