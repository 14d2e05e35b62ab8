/* SPDX-License-Identifier: MIT */
/*
 * The HTTP proxy between the worker and servers: Proxy=, NoProxy=, ProxyCredentialsFile=.
 *
 * Must never come from the environment, nor put its credentials anywhere but into locked memory.
 */
#ifndef ENVELOPE_PROXY_H
#define ENVELOPE_PROXY_H

#include "lib/base/config.h"

/** struct proxy_login - secret; "" in both when the proxy asks for none */
struct proxy_login {
	char username[256];
	char password[256];
};

/**
 * struct proxy - all borrowed
 * @url: "http://HOST:PORT"
 * @not_for: hosts that are asked directly, separated by commas
 */
struct proxy {
	const char *url;
	const char *not_for;
	const struct proxy_login *login;
};

int proxy_login_load(const struct config *cfg, struct proxy_login *login, struct fault *f);

#endif
