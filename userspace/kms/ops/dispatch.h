/* SPDX-License-Identifier: MIT */
/*
 * From an HTTP request to its answer: authenticate, parse, run, audit.
 *
 * Must never run an operation before the signature is verified, nor give or change anything before
 * the audit.
 */
#ifndef ENVELOPE_KMS_DISPATCH_H
#define ENVELOPE_KMS_DISPATCH_H

#include "kms/call.h"
#include "lib/http/sigv4.h"

/**
 * dispatch() - handle one call
 * @call: kms, transport, source, peer, user agent and time are filled in
 * @target: X-Amz-Target, or NULL
 * @request: headers and body
 * @body: set to the malloc'd JSON answer, terminated
 *
 * Return: the HTTP status.
 */
unsigned int dispatch(struct call *call, const char *target, const struct sigv4_request *request,
		      char **body);

/** call_free() - release what @call owns */
void call_free(struct call *call);

#endif
