/* SPDX-License-Identifier: MIT */
/*
 * CreateDBCluster: make a volume, or leave nothing of it.
 */
#ifndef ENVELOPE_CREATE_H
#define ENVELOPE_CREATE_H

#include "agent/work/operation.h"

void create_begin(struct operation *op, const char *key);
void create_resume(struct operation *op, const struct job *job);

#endif
