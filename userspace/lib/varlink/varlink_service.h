/* SPDX-License-Identifier: MIT */
/*
 * org.varlink.service, the interface through which every varlink service
 * describes itself. Used by varlink_server.c only.
 */
#ifndef ENVELOPE_VARLINK_SERVICE_H
#define ENVELOPE_VARLINK_SERVICE_H

#include "lib/varlink/varlink.h"

int varlink_service_answer(const struct varlink_service *service, struct varlink_call *call,
			   const char *method, json_object *params);

#endif
