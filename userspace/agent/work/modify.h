/* SPDX-License-Identifier: MIT */
/* Changes of a cluster that touch no device. */
#ifndef ENVELOPE_MODIFY_H
#define ENVELOPE_MODIFY_H

#include <stdbool.h>

#include "agent/work/operation.h"

void modify_begin(struct operation *op, bool deletion_protection);

#endif
