// SPDX-License-Identifier: MIT
/* See config_values.h. */
#include "lib/base/config_values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arn.h"
#include "lib/base/endpoint.h"

/** config_judge_region() - Region= */
int config_judge_region(const char *value, struct fault *f)
{
	if (arn_valid_region(value))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "Region=%.64s is not valid. Give a name such as us-east-1.", value);
}

/** config_judge_account() - AccountId= */
int config_judge_account(const char *value, struct fault *f)
{
	if (arn_valid_account(value))
		return 0;
	return fault_set(f, "InvalidConfiguration", "AccountId=%.64s is not valid. Give 12 digits.",
			 value);
}

/** config_judge_proxy() - Proxy= */
int config_judge_proxy(const char *value, struct fault *f)
{
	return *value ? endpoint_check_proxy(value, f) : 0;
}

/* Is @text a network of an IPv4 address? libcurl ignores /0. */
static bool is_network(const char *text, const char *slash)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	char *end;
	long bits = strtol(slash + 1, &end, 10);

	if ((size_t)(slash - text) >= sizeof(address) || !isdigit((unsigned char)slash[1]))
		return false;
	memcpy(address, text, slash - text);
	address[slash - text] = 0;
	return inet_pton(AF_INET, address, &in) == 1 && !*end && bits >= 1 && bits <= 32;
}

/* libcurl compares an IPv6 address as text, with the shortest form of that in the URL. */
static bool is_shortest(const char *text)
{
	char shortest[INET6_ADDRSTRLEN];
	struct in6_addr in;

	return inet_pton(AF_INET6, text, &in) == 1 &&
	       !strcasecmp(inet_ntop(AF_INET6, &in, shortest, sizeof(shortest)), text);
}

/* Return: what is wrong with a host for libcurl, which ignores what it does not know; or NULL. */
static const char *wrong_host(const char *text)
{
	const char *slash = strchr(text, '/'), *colon = strchr(text, ':');

	if (strstr(text, "://"))
		return "give the name of the host alone";
	if (strpbrk(text, "[]"))
		return "write an IPv6 address without brackets";
	if (strchr(text, '%'))
		return "write an IPv6 address without a zone";
	if (slash && colon)
		return "IPv6 networks are not known, give each address";
	if (slash)
		return is_network(text, slash) ? NULL
					       : "write a network as 10.0.0.0/8, with 1 to 32 bits";
	if (colon && colon == strrchr(text, ':'))
		return "the host has a port, remove it";
	if (colon)
		return is_shortest(text)
			       ? NULL
			       : "write an IPv6 address in its shortest form, such as fd00::1";
	return strchr(text, '*') ? "write a domain without *: its name stands for its subdomains"
				 : NULL;
}

/**
 * config_judge_no_proxy() - NoProxy=: "*" for all hosts, or hosts separated by commas or blanks
 *
 * What libcurl would ignore is refused: the calls would go through the proxy.
 */
int config_judge_no_proxy(const char *value, struct fault *f)
{
	char *copy = strdup(value), *rest = copy, *host;
	const char *wrong = NULL;
	int r = 0;

	if (!copy)
		return fault_set(f, "InternalFailure", "Out of memory.");
	while (strcmp(value, "*") && !wrong && (host = strsep(&rest, ", \t"))) {
		wrong = wrong_host(host);
		if (wrong)
			r = fault_set(f, "InvalidConfiguration", "NoProxy=%.200s is not valid: %s.",
				      host, wrong);
	}
	free(copy);
	return r;
}

/** config_judge_restart() - RestartAfterLeaseEnd= */
int config_judge_restart(const char *value, struct fault *f)
{
	if (!strcmp(value, "boot") || !strcmp(value, "yes") || !strcmp(value, "no"))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "RestartAfterLeaseEnd=%.64s is not valid. Give boot, yes or no.", value);
}

/** config_judge_fencing() - Fencing= */
int config_judge_fencing(const char *value, struct fault *f)
{
	if (!strcmp(value, "auto") || !strcmp(value, "no"))
		return 0;
	return fault_set(f, "InvalidConfiguration", "Fencing=%.64s is not valid. Give auto or no.",
			 value);
}
