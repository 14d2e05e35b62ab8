/* SPDX-License-Identifier: MIT */
/*
 * CreateDBCluster: make a volume, or leave nothing of it.
 */
#ifndef ENVELOPE_CREATE_H
#define ENVELOPE_CREATE_H

#include "agent/work/operation.h"

void create_begin(struct operation *op, const char *key);
void create_prepare(struct operation *op);
bool create_intend(struct operation *op);
void create_record(struct operation *op, const char *step, const char *made);
void create_reencrypted(struct operation *op, json_object *response, struct secret *plaintext);
void create_resume(struct operation *op, const struct job *job);

#endif
