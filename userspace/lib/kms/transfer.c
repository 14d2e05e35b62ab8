// SPDX-License-Identifier: MIT
/* See transfer.h. */
#include "lib/kms/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t take_body(char *data, size_t one, size_t size, void *userdata)
{
	struct transfer *t = userdata;

	if (size > t->max - t->size) {
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	memcpy(t->body->bytes + t->size, data, size);
	t->size += size;
	return size;
}

static int progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = userdata;

	return t->cancelled && t->cancelled();
}

/**
 * transfer_open() - prepare a request
 * @max: bytes of an answer
 * @timeout_ms: of the whole request
 *
 * The process must have called curl_global_init(). transfer_close() is due in any case.
 *
 * Return: 0, or -1 when out of memory, or of memory that can be locked.
 */
int transfer_open(struct transfer *t, size_t max, long timeout_ms, bool (*cancelled)(void))
{
	CURL *c = curl_easy_init();

	*t = (struct transfer){
		.curl = c, .body = secret_new(max + 1), .max = max, .cancelled = cancelled
	};
	if (!c || !t->body)
		return -1;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	return curl_easy_setopt(c, CURLOPT_USERAGENT, "dm-envelope/" ENVELOPE_VERSION) ? -1 : 0;
}

/**
 * transfer_add_header() - add a header, which may be secret
 * @name: with ": "
 */
CURLcode transfer_add_header(struct transfer *t, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 1;
	struct curl_slist *longer = NULL;
	char *line = malloc(size);

	if (line) {
		snprintf(line, size, "%s%s", name, value);
		longer = curl_slist_append(t->headers, line);
		explicit_bzero(line, size);
		free(line);
	}
	if (!longer)
		return CURLE_OUT_OF_MEMORY;
	t->headers = longer;
	return CURLE_OK;
}

/**
 * transfer_proxy() - make the request through a proxy
 * @proxy: NULL for none
 *
 * What the proxy answers to CONNECT is hidden: a header in it could name a fault or another KMS. An
 * answer other than 200 is an error of the transport.
 */
CURLcode transfer_proxy(struct transfer *t, const struct proxy *proxy)
{
	CURL *c = t->curl;
	CURLcode r;

	if (!proxy)
		return CURLE_OK;
	r = curl_easy_setopt(c, CURLOPT_PROXY, proxy->url);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_NOPROXY, proxy->not_for);
	if (r || !*proxy->login->username)
		return r;
	r = curl_easy_setopt(c, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
	if (!r)
		r = curl_easy_setopt(c, CURLOPT_PROXYUSERNAME, proxy->login->username);
	return r ? r : curl_easy_setopt(c, CURLOPT_PROXYPASSWORD, proxy->login->password);
}

/* An address of this host, to which no proxy is a way. */
static bool is_loopback(const char *url)
{
	return !strncmp(url, "https://127.", 12) || !strncmp(url, "https://localhost", 17) ||
	       !strncmp(url, "https://[::1]", 13);
}

/**
 * transfer_way() - say of a failed transfer which proxy was on its way, and how to change that
 * @url: of the server
 * @proxy: NULL for none
 * @text: a sentence with a space before it, or ""
 */
void transfer_way(const struct transfer *t, const char *url, const struct proxy *proxy, char *text,
		  size_t size)
{
	long tunnel = 0;

	*text = '\0';
	if (strncmp(url, "https://", 8))
		return;
	if (!proxy) {
		if (!is_loopback(url))
			snprintf(text, size, " No proxy was asked: Proxy= is not set.");
		return;
	}
	curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &tunnel);
	if (tunnel == 407)
		snprintf(text, size,
			 " The proxy %.100s wants credentials: see ProxyCredentialsFile=.",
			 proxy->url);
	else if (tunnel >= 300)
		snprintf(text, size,
			 " The proxy %.100s makes no tunnel to this host. To ask the host directly, add it to NoProxy=.",
			 proxy->url);
	else
		snprintf(text, size,
			 " Proxy=%.100s is asked for each host that is not in NoProxy=%.100s.",
			 proxy->url, proxy->not_for ? proxy->not_for : "");
}

/**
 * transfer_trust() - trust one authority alone
 * @ca_pem, @ca_file: its certificates, or the file with them; both NULL: the system's authorities
 */
CURLcode transfer_trust(struct transfer *t, const char *ca_pem, const char *ca_file)
{
	struct curl_blob ca = { 0 };
	CURLcode r = CURLE_OK;

	if (ca_pem) {
		ca = (struct curl_blob){ (void *)ca_pem, strlen(ca_pem), CURL_BLOB_COPY };
		r = curl_easy_setopt(t->curl, CURLOPT_CAINFO_BLOB, &ca);
	} else if (ca_file) {
		r = curl_easy_setopt(t->curl, CURLOPT_CAINFO, ca_file);
	}
	/* Not the system's directory. */
	if (!r && (ca_pem || ca_file))
		r = curl_easy_setopt(t->curl, CURLOPT_CAPATH, NULL);
	return r;
}

/**
 * transfer_sign() - sign the request with SigV4
 * @session_token: of temporary credentials; NULL or "" for none
 */
CURLcode transfer_sign(struct transfer *t, const char *region, const char *service,
		       const char *access_key, const char *secret_key, const char *session_token)
{
	char scope[96];
	CURLcode r;

	snprintf(scope, sizeof(scope), "aws:amz:%.64s:%s", region, service);
	r = curl_easy_setopt(t->curl, CURLOPT_AWS_SIGV4, scope);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_USERNAME, access_key);
	if (!r)
		r = curl_easy_setopt(t->curl, CURLOPT_PASSWORD, secret_key);
	if (!r && session_token && *session_token)
		r = transfer_add_header(t, "X-Amz-Security-Token: ", session_token);
	return r;
}

/** transfer_close() - release and wipe; also what transfer_open() has left */
void transfer_close(struct transfer *t)
{
	curl_slist_free_all(t->headers);
	curl_easy_cleanup(t->curl);
	secret_free(t->body);
}
