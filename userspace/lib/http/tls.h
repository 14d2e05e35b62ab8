/* SPDX-License-Identifier: MIT */
/*
 * The certificate of the TLS endpoint: self-signed, for the loopback addresses, made once.
 *
 * Must never be replaced without a warning: clients pin ca.pem.
 */
#ifndef ENVELOPE_TLS_H
#define ENVELOPE_TLS_H

#include "lib/base/fault.h"

struct tls {
	char *certificate; /* PEM, malloc'd */
	char *key;	   /* PEM, malloc'd */
};

int tls_read(const char *directory, struct tls *tls, struct fault *f);

int tls_load(const char *directory, const char *name, struct tls *tls, struct fault *f);

void tls_free(struct tls *tls);

#endif
