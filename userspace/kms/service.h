/* SPDX-License-Identifier: MIT */
/*
 * The KMS behind an HTTP server: makes a call of each request, and a response of its reply.
 *
 * Must never look into a request before dispatch() has authenticated it.
 */
#ifndef ENVELOPE_KMS_SERVICE_H
#define ENVELOPE_KMS_SERVICE_H

#include "kms/call.h"
#include "lib/http/http.h"

struct http_service kms_service(struct kms *kms, uid_t agent);

#endif
