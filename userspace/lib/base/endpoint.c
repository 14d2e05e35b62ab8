// SPDX-License-Identifier: MIT
/* Judging addresses. See endpoint.h. */

#include "lib/base/endpoint.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include <curl/curl.h>

#define SPACES " \t"
#define SOURCE_FORMS \
	"give https://HOST, or http:// with a loopback address or an address of the container's host"

/* What libcurl does not take, in words for the user. */
static const char *words_for(CURLUcode r)
{
	switch (r) {
	case CURLUE_BAD_PORT_NUMBER:
		return "give a port of 1 to 65535";
	case CURLUE_BAD_IPV6:
		return "write an IPv6 address as [ADDRESS]";
	case CURLUE_NO_HOST:
		return "the name of the host is missing";
	default:
		return curl_url_strerror(r);
	}
}

/* True if @url has the part. */
static bool has(CURLU *url, CURLUPart part, const char *except)
{
	char *text = NULL;
	bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK && strcmp(text, except);

	curl_free(text);
	return found;
}

/* The hosts that may be asked without TLS: this one, and those of its containers. */
static bool is_local(CURLU *url)
{
	static const char *const hosts[] = {
		"127.0.0.1",	 "[::1]",	   "localhost",
		"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
	};
	bool local = false;
	char *host = NULL;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		local |= !strcasecmp(host, hosts[i]);
	curl_free(host);
	return local;
}

/* Return: what is wrong with an address that begins with "SCHEME://", or NULL. */
static const char *wrong_url(const char *text, enum endpoint_kind kind)
{
	CURLU *url = curl_url();
	const char *wrong = NULL;
	CURLUcode r;

	if (!url)
		return "out of memory";
	r = curl_url_set(url, CURLUPART_URL, text, 0);
	if (r)
		wrong = words_for(r);
	else if (!has(url, CURLUPART_HOST, ""))
		wrong = words_for(CURLUE_NO_HOST);
	else if (has(url, CURLUPART_PORT, "") && !has(url, CURLUPART_PORT, "0"))
		wrong = words_for(CURLUE_BAD_PORT_NUMBER);
	else if (kind == ENDPOINT_SOURCE && !strncmp(text, "http://", 7) && !is_local(url))
		wrong = SOURCE_FORMS;
	else if (kind == ENDPOINT_SERVER && has(url, CURLUPART_PATH, "/"))
		wrong = "it has a path: remove what follows the port";
	curl_url_cleanup(url);
	return wrong;
}

static const char *wrong_endpoint(const char *text)
{
	const char *path = endpoint_socket(text);

	if (path && strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return NULL;
	if (path)
		return "the path of a socket has at most 107 bytes";
	if (strncmp(text, "https://", 8))
		return "give unix:/PATH or https://HOST[:PORT]";
	if (strpbrk(text, "?#"))
		return "it has a query or a fragment: remove what follows the port";
	return wrong_url(text, ENDPOINT_SERVER);
}

/** endpoint_socket() - path of "unix:/PATH", in @text; NULL for another address */
const char *endpoint_socket(const char *text)
{
	return strncmp(text, "unix:/", 6) ? NULL : text + 5;
}

static int judged(const char *key, const char *text, const char *wrong, struct fault *f)
{
	size_t size = strcspn(text, "?#");

	/* A query may hold a secret. */
	return wrong ? fault_set(f, "InvalidConfiguration", "%s=%.*s is not valid: %s.", key,
				 size < 200 ? (int)size : 200, text, wrong)
		     : 0;
}

/* An address with user information is not repeated. */
static int check_user(const char *key, const char *text, struct fault *f)
{
	if (!strchr(text, '@'))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "%s= is not valid: it has user information. Remove what precedes the @ and the @ itself.",
			 key);
}

/** endpoint_count() - how many addresses there are in @text, separated by spaces */
size_t endpoint_count(const char *text)
{
	size_t count = 0;

	for (text += strspn(text, SPACES); *text; text += strspn(text, SPACES)) {
		count++;
		text += strcspn(text, SPACES);
	}
	return count;
}

/** endpoint_at() - the address @number of those in @text, from 0 on; malloc'd, NULL for none */
char *endpoint_at(const char *text, size_t number)
{
	for (text += strspn(text, SPACES); number && *text; number--) {
		text += strcspn(text, SPACES);
		text += strspn(text, SPACES);
	}
	return *text ? strndup(text, strcspn(text, SPACES)) : NULL;
}

static int check_one(const char *text, struct fault *f)
{
	/* Not repeated: a line feed would be a line of its own in a log. */
	for (const char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			return fault_set(f, "InvalidConfiguration",
					 "KmsEndpoint= is not valid: it has a control character, such as a line feed.");
	if (!endpoint_socket(text) && check_user("KmsEndpoint", text, f))
		return -1;
	return judged("KmsEndpoint", text, wrong_endpoint(text), f);
}

/**
 * endpoint_check() - judge the addresses of a KMS
 * @text: "unix:/PATH" or "https://HOST[:PORT]", with a slash at its end or without; several of them,
 *	separated by spaces
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int endpoint_check(const char *text, struct fault *f)
{
	size_t count = endpoint_count(text);
	int r = count ? 0 : check_one(text, f);

	if (count > ENDPOINTS_MAX)
		return fault_set(f, "InvalidConfiguration",
				 "KmsEndpoint= has %zu addresses. Give at most %d.", count,
				 ENDPOINTS_MAX);
	for (size_t i = 0; i < count && !r; i++) {
		char *address = endpoint_at(text, i);

		r = address ? check_one(address, f)
			    : fault_set(f, "InternalFailure", "Out of memory.");
		free(address);
	}
	return r;
}

/**
 * endpoint_check_proxy() - judge the address of a proxy
 * @text: "http://HOST:PORT"; the port has no default, since programs have different ones
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int endpoint_check_proxy(const char *text, struct fault *f)
{
	const char *wrong = "give http://HOST:PORT";
	size_t size = strlen(text);

	if (check_user("Proxy", text, f))
		return -1;
	/* A port is what ends the address: the last colon of [::1] has a bracket behind it. */
	if (!strncmp(text, "http://", 7) && !strpbrk(text, "?#") && size > 7 &&
	    strspn(strrchr(text, ':') + 1, "0123456789") && !strchr(strrchr(text, ':'), ']'))
		wrong = wrong_url(text, ENDPOINT_SERVER);
	return judged("Proxy", text, wrong, f);
}

/**
 * endpoint_check_source() - judge the address of a server that gives credentials
 * @key: where it is configured
 * @text: with a path, or without
 * @kind: ENDPOINT_SOURCE: a secret goes there, so only over TLS or to this host. ENDPOINT_METADATA:
 *	this host's own service, at any address; the path of a request follows
 * @f: InvalidConfiguration
 *
 * Return: 0 or -1.
 */
int endpoint_check_source(const char *key, const char *text, enum endpoint_kind kind,
			  struct fault *f)
{
	const char *wrong = kind == ENDPOINT_METADATA ? "give http://HOST" : SOURCE_FORMS;

	if (check_user(key, text, f))
		return -1;
	if (kind == ENDPOINT_METADATA && strpbrk(text, "?#"))
		wrong = "it has a query or a fragment: remove it";
	else if (!strncmp(text, "https://", 8) || !strncmp(text, "http://", 7))
		wrong = wrong_url(text, kind);
	return judged(key, text, wrong, f);
}

/**
 * endpoint_host() - host of an address that endpoint_check() takes
 *
 * Return: in lower case, an IPv6 address in brackets, malloc'd; NULL for a socket, and without memory.
 */
char *endpoint_host(const char *text)
{
	CURLU *url = endpoint_socket(text) ? NULL : curl_url();
	char *host = NULL, *copy = NULL;

	if (url && !curl_url_set(url, CURLUPART_URL, text, 0) &&
	    !curl_url_get(url, CURLUPART_HOST, &host, 0))
		copy = strdup(host);
	for (char *at = copy; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	curl_free(host);
	curl_url_cleanup(url);
	return copy;
}
