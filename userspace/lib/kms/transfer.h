/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request of the worker with libcurl: to the KMS, or to a source of credentials. Headers and
 * the body may hold secrets.
 *
 * Must never follow a redirection, nor use a proxy of the environment. A proxy of the configuration gets
 * the name of the server alone: TLS ends at the server, and no answer of the proxy is taken for the
 * server's.
 */
#ifndef ENVELOPE_TRANSFER_H
#define ENVELOPE_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/secret.h"
#include "lib/kms/proxy.h"

/**
 * struct transfer - from transfer_open() to transfer_close()
 * @body: the answer, in secret memory, with @max bytes and a terminator
 * @size, @max: bytes in @body, and the most that it takes
 * @too_large: the answer had more
 * @cancelled: asked about once a second and when data move; NULL for never
 * @error: libcurl's words, or ""
 */
struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct secret *body;
	size_t size, max;
	bool too_large;
	bool (*cancelled)(void);
	char error[CURL_ERROR_SIZE];
};

int transfer_open(struct transfer *t, size_t max, long timeout_ms, bool (*cancelled)(void));
CURLcode transfer_add_header(struct transfer *t, const char *name, const char *value);
CURLcode transfer_proxy(struct transfer *t, const struct proxy *proxy);
void transfer_way(const struct transfer *t, const char *url, const struct proxy *proxy, char *text,
		  size_t size);
CURLcode transfer_trust(struct transfer *t, const char *ca_pem, const char *ca_file);
CURLcode transfer_sign(struct transfer *t, const char *region, const char *service,
		       const char *access_key, const char *secret_key, const char *session_token);
void transfer_close(struct transfer *t);

#define _cleanup_transfer_ __attribute__((cleanup(transfer_close)))

#endif
