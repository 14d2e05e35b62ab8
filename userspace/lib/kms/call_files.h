/* SPDX-License-Identifier: MIT */
/*
 * What a call to the KMS reads from files that an administrator chose: credentials, those of a proxy,
 * and certificates. It is read for each call, so that a rotation takes effect.
 *
 * Must never hold the caller for long: the caller renews leases, and the files may be on a file system
 * that does not answer.
 */
#ifndef ENVELOPE_CALL_FILES_H
#define ENVELOPE_CALL_FILES_H

#include "lib/kms/credential_plan.h"
#include "lib/kms/proxy.h"

/**
 * struct call_files
 * @ca: descriptor of the CA file, which the worker may not open; -1 for none
 * @login: a struct proxy_login
 * @plan: of the credentials
 */
struct call_files {
	int ca;
	struct secret *login;
	struct credential_plan *plan;
};

int call_files_read(const struct config *cfg, bool tls, struct call_files *ret, struct fault *f);
void call_files_free(struct call_files *files);

#endif
