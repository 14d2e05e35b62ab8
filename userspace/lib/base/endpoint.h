/* SPDX-License-Identifier: MIT */
/*
 * The address of a server in the configuration. One judge: a check, a reload and a call must agree.
 *
 * Must never repeat an address with user information: it may hold a password.
 */
#ifndef ENVELOPE_ENDPOINT_H
#define ENVELOPE_ENDPOINT_H

#include "lib/base/fault.h"

const char *endpoint_socket(const char *text);
int endpoint_check(const char *text, struct fault *f);
int endpoint_check_proxy(const char *text, struct fault *f);

#endif
