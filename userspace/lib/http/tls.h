/* SPDX-License-Identifier: MIT */
/*
 * The certificate of the TLS endpoint: self-signed, for the loopback addresses, made once.
 *
 * Must never be replaced silently: clients pin ca.pem.
 */
#ifndef ENVELOPE_KMS_TLS_H
#define ENVELOPE_KMS_TLS_H

#include "lib/base/fault.h"

struct tls {
	char *certificate; /* PEM, malloc'd */
	char *key;	   /* PEM, malloc'd */
};

/**
 * tls_load() - read ca.pem and tls-key.pem of @directory
 *
 * Both are made when neither is there.
 *
 * Return: 0 or -1.
 */
int tls_load(const char *directory, struct tls *tls, struct fault *f);

void tls_free(struct tls *tls);

#endif
