/* SPDX-License-Identifier: MIT */
/*
 * From a request to its reply: authenticate, parse, run, audit.
 *
 * Must never run an operation before the signature is verified. Must never reply or keep a change
 * before the audit record is written.
 */
#ifndef ENVELOPE_KMS_DISPATCH_H
#define ENVELOPE_KMS_DISPATCH_H

#include "kms/call.h"
#include "lib/http/request.h"

unsigned int dispatch(struct call *call, const struct http_request *request, char **body);

char *fault_body(const char *code, const char *message);

#endif
