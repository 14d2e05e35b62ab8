// SPDX-License-Identifier: MIT
/* Judging addresses. See endpoint.h. */

#include "lib/base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <curl/curl.h>

#define SPACES " \t"

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

/* Return: what is wrong with an address that begins with "SCHEME://", or NULL. */
static const char *wrong_url(const char *text)
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
	else if (has(url, CURLUPART_PATH, "/"))
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
	return wrong_url(text);
}

/** endpoint_socket() - path of "unix:/PATH", in @text; NULL for another address */
const char *endpoint_socket(const char *text)
{
	return strncmp(text, "unix:/", 6) ? NULL : text + 5;
}

static int judged(const char *key, const char *text, const char *wrong, struct fault *f)
{
	return wrong ? fault_set(f, "InvalidConfiguration", "%s=%.200s is not valid: %s.", key,
				 text, wrong)
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
		wrong = wrong_url(text);
	return judged("Proxy", text, wrong, f);
}
