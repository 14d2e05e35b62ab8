/* SPDX-License-Identifier: MIT */
/*
 * The audit trail: one CloudTrail-shaped record for every call, allowed or refused, to an
 * append-only file of JSON lines and to the journal.
 *
 * Must never hold plaintext or ciphertext: parameters are recorded by an allow list.
 */
#ifndef ENVELOPE_KMS_AUDIT_H
#define ENVELOPE_KMS_AUDIT_H

#include "call.h"

/** audit_open() - open @path for appending, made if missing (its folder must exist); Return: 0 or -1 */
int audit_open(const char *path, struct audit **audit, struct fault *f);

/**
 * audit_write() - record a call before it is answered
 * @fault: NULL when it was allowed
 *
 * Return: 0, or -1 when the file could not be written: the call must then not be answered.
 */
int audit_write(struct audit *audit, const struct call *call, const struct fault *fault);

void audit_close(struct audit *audit);

#endif
