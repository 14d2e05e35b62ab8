// SPDX-License-Identifier: MIT
/* Getting credentials, step by step. See credential_steps.h. */

#include "worker/credential_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "lib/base/credential_text.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "worker/caller.h"
#include "worker/credential_http.h"
#include "worker/credential_process.h"

#define METADATA  "latest/meta-data/iam/security-credentials/"
#define TOKEN_TTL "X-aws-ec2-metadata-token-ttl-seconds: "

/* What the steps share. @end_ms and @cancelled end each wait. @principal: of the result so far. */
struct run {
	struct worker_block *block;
	char principal[WORKER_PRINCIPAL_MAX];
	const char *ca_pem;
	const struct proxy *proxy;
	int64_t end_ms;
	bool (*cancelled)(void);
};

/* "2026-01-02T03:04:05Z" to seconds since 1970; 0 for another text */
static int64_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	return end && strchr(".Z+", *end) ? (int64_t)timegm(&tm) : 0;
}

static int unusable(const char *where, const char *what, struct fault *f)
{
	return fault_set(f, "CredentialsUnavailable", "No credentials from %.200s: the answer %s.",
			 where, what);
}

/* Makes the three texts the result so far. */
static int take(struct run *run, const char *where, const char *access, const char *secret,
		const char *token, const char *expiration, struct fault *f)
{
	struct credentials *c = &run->block->fetched;

	if (!access || !*access || !secret || !*secret)
		return unusable(where, "has no access key", f);
	if (strlen(access) >= sizeof(c->access_key) || strlen(secret) >= sizeof(c->secret_key) ||
	    (token && strlen(token) >= sizeof(c->session_token)))
		return unusable(where, "has a key or a token that is too long", f);
	if (!credential_text_is_plain(access) || !credential_text_is_plain(secret) ||
	    (token && !credential_text_is_plain(token)))
		return unusable(where, "has a control character in a key or in the token", f);
	if (expiration && !parse_time(expiration))
		return unusable(where, "has an expiration that is no time", f);
	run->principal[0] = '\0';
	memset(c, 0, sizeof(*c));
	strcpy(c->access_key, access);
	strcpy(c->secret_key, secret);
	strcpy(c->session_token, token ? token : "");
	run->block->fetched_expire = parse_time(expiration);
	return 0;
}

/* The answers of a container's host, of the metadata service and of a program. */
static int take_json(struct run *run, const char *where, const struct secret *body,
		     const char *token_key, struct fault *f)
{
	const char *text = (const char *)body->bytes;
	struct json_object _cleanup_json_ *o = json_parse(text, strlen(text));

	if (!o)
		return unusable(where, "is not JSON", f);
	/* The reader of JSON would end a text here. */
	if (strstr(text, "\\u0000"))
		return unusable(where, "has a control character in it", f);
	return take(run, where, json_get_string(o, "AccessKeyId"),
		    json_get_string(o, "SecretAccessKey"), json_get_string(o, token_key),
		    json_get_string(o, "Expiration"), f);
}

static int process(struct run *run, struct json_object *step, struct fault *f)
{
	const char *command = json_get_string(step, "command");
	struct secret _cleanup_secret_ *output = credential_process_run(command, run->end_ms,
									run->cancelled, f);
	struct json_object _cleanup_json_ *o = NULL;

	if (!output)
		return -1;
	o = json_parse((char *)output->bytes, strlen((char *)output->bytes));
	if (json_get_int(o, "Version", 0) != 1)
		return unusable("credential_process", "is not JSON with \"Version\": 1", f);
	return take_json(run, "credential_process", output, "SessionToken", f);
}

static struct secret *get(const struct run *run, const char *method, const char *url,
			  const char *header, const char *value, struct fault *f)
{
	const struct credential_request request = {
		.method = method,
		.url = url,
		.header = value ? header : NULL,
		.header_value = value,
		.ca_pem = run->ca_pem,
		.end_ms = run->end_ms,
		.cancelled = run->cancelled,
	};

	return credential_http(&request, f);
}

static int container(struct run *run, struct json_object *step, struct fault *f)
{
	const char *url = json_get_string(step, "url");
	const char *token = *run->block->token ? run->block->token : NULL;
	struct secret _cleanup_secret_ *body = get(run, "GET", url, "Authorization: ", token, f);

	return body ? take_json(run, url, body, "Token", f) : -1;
}

/* IMDSv2 only: a token first, which a forwarded request of another host does not get. */
static int instance(struct run *run, struct json_object *step, struct fault *f)
{
	const char *base = json_get_string(step, "url");
	const char *slash = *base && base[strlen(base) - 1] == '/' ? "" : "/";
	struct secret _cleanup_secret_ *token = NULL, *role = NULL, *body = NULL;
	char url[1024];

	snprintf(url, sizeof(url), "%s%slatest/api/token", base, slash);
	token = get(run, "PUT", url, TOKEN_TTL, "21600", f);
	if (!token)
		return -1;
	if (!credential_text_is_plain((char *)token->bytes))
		return unusable(url, "has a control character in the token", f);
	snprintf(url, sizeof(url), "%s%s" METADATA, base, slash);
	role = get(run, "GET", url, "X-aws-ec2-metadata-token: ", (char *)token->bytes, f);
	if (!role)
		return -1;
	((char *)role->bytes)[strcspn((char *)role->bytes, "\r\n")] = '\0';
	if (!credential_text_is_plain((char *)role->bytes))
		return unusable(url, "has a control character in the role's name", f);
	snprintf(url, sizeof(url), "%s%s" METADATA "%.256s", base, slash, (char *)role->bytes);
	body = get(run, "GET", url, "X-aws-ec2-metadata-token: ", (char *)token->bytes, f);
	return body ? take_json(run, url, body, "Token", f) : -1;
}

/* Appends "&NAME=VALUE" in a form's encoding to @form. */
static void add_field(struct secret *form, const char *name, const char *value)
{
	char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;
	char *text = (char *)form->bytes;
	size_t used = strlen(text);

	if (!escaped)
		return;
	snprintf(text + used, form->size - used, "&%s=%s", name, escaped);
	explicit_bzero(escaped, strlen(escaped));
	curl_free(escaped);
}

/* The text of the first element @name of @xml, or NULL. @end: where it ends */
static char *element(char *xml, const char *name, char **end)
{
	char tag[64], *text;

	snprintf(tag, sizeof(tag), "<%s>", name);
	text = strstr(xml, tag);
	if (text)
		text += strlen(tag);
	*end = text ? strchr(text, '<') : NULL;
	return *end ? text : NULL;
}

/* The texts of the elements @names of @xml. They end only now: an ended text hides those behind it. */
static void elements(char *xml, const char *const names[], size_t count, char *text[])
{
	char *end[4];

	for (size_t i = 0; i < count; i++)
		text[i] = element(xml, names[i], &end[i]);
	for (size_t i = 0; i < count; i++)
		if (text[i])
			*end[i] = '\0';
}

static int take_xml(struct run *run, const char *where, const struct secret *body, struct fault *f)
{
	static const char *const names[] = { "AccessKeyId", "SecretAccessKey", "SessionToken",
					     "Expiration" };
	static const char *const user[] = { "Arn", "AssumedRoleId" };
	char *text[4], *role[2] = { NULL };
	char *xml = strstr((char *)body->bytes, "<Credentials>");
	char *whose = strstr((char *)body->bytes, "<AssumedRoleUser>");
	char principal[WORKER_PRINCIPAL_MAX];

	if (!xml)
		return unusable(where, "is not one of STS", f);
	if (whose)
		elements(whose, user, 2, role);
	caller_text(role[0], role[1], principal);
	elements(xml, names, 4, text);
	if (take(run, where, text[0], text[1], text[2], text[3], f))
		return -1;
	memcpy(run->principal, principal, sizeof(principal));
	return 0;
}

/* @sign: NULL for a call that proves itself */
static struct secret *ask_sts(const struct run *run, struct json_object *step,
			      const struct secret *form, const struct credentials *sign,
			      int64_t end_ms, struct fault *f)
{
	const char *url = json_get_string(step, "url");
	const struct credential_request request = {
		.method = "POST",
		.url = url,
		.region = json_get_string(step, "region"),
		.ca_pem = run->ca_pem,
		.proxy = strncmp(url, "https://", 8) ? NULL : run->proxy,
		.end_ms = end_ms,
		.cancelled = run->cancelled,
		.body = (char *)form->bytes,
		.sign = sign,
	};

	return credential_http(&request, f);
}

/* AssumeRole, signed, or AssumeRoleWithWebIdentity, which proves itself with its token. */
static int assume(struct run *run, struct json_object *step, bool web, struct fault *f)
{
	struct secret _cleanup_secret_ *form = secret_new(4 * CREDENTIAL_TOKEN_MAX), *body = NULL;
	struct secret _cleanup_secret_ *with = secret_new(sizeof(struct credentials));
	const struct worker_block *block = run->block;
	int64_t seconds = json_get_int(step, "durationSeconds", 0);
	char number[24];

	if (!form || !with)
		return fault_set(f, "InternalFailure", "No memory can be locked for credentials.");
	memcpy(with->bytes, *block->fetched.access_key ? &block->fetched : &block->source,
	       sizeof(block->source));
	snprintf((char *)form->bytes, form->size, "Action=%s&Version=2011-06-15",
		 web ? "AssumeRoleWithWebIdentity" : "AssumeRole");
	add_field(form, "RoleArn", json_get_string(step, "roleArn"));
	add_field(form, "RoleSessionName", json_get_string(step, "sessionName"));
	add_field(form, "ExternalId", json_get_string(step, "externalId"));
	snprintf(number, sizeof(number), "%lld", (long long)seconds);
	add_field(form, "DurationSeconds", seconds ? number : NULL);
	add_field(form, "WebIdentityToken", web ? block->token : NULL);
	body = ask_sts(run, step, form, web ? NULL : (struct credentials *)with->bytes, run->end_ms,
		       f);
	return body ? take_xml(run, json_get_string(step, "url"), body, f) : -1;
}

/*
 * GetCallerIdentity, which each caller may ask. Long-lived keys are known by themselves. Most of the
 * time stays for the call to the KMS.
 */
static int caller(struct run *run, struct json_object *step, struct fault *f)
{
	static const char query[] = "Action=GetCallerIdentity&Version=2011-06-15";
	static const char *const names[] = { "Arn", "UserId" };
	struct secret _cleanup_secret_ *form = secret_new(sizeof(query)), *body = NULL;
	struct worker_block *block = run->block;
	int64_t now = credential_now_ms();
	char *text[2] = { NULL };
	struct fault why = { 0 };

	if (!*block->fetched.access_key)
		block->fetched = block->source;
	if (!*block->fetched.session_token)
		return 0;
	if (!form)
		return fault_set(f, "InternalFailure", "No memory can be locked for credentials.");
	memcpy(form->bytes, query, sizeof(query));
	body = ask_sts(run, step, form, &block->fetched, now + (run->end_ms - now) / 3, &why);
	if (body)
		elements((char *)body->bytes, names, 2, text);
	if (!caller_text(text[0], text[1], run->principal))
		log_warning("STS does not say whose the credentials are. A denial after the next change of them stops clusters, and ends none. %s",
			    why.message);
	return 0;
}

static int step_run(struct run *run, struct json_object *step, struct fault *f)
{
	const char *kind = json_get_string(step, "kind");

	if (kind && !strcmp(kind, "process"))
		return process(run, step, f);
	if (kind && !strcmp(kind, "container"))
		return container(run, step, f);
	if (kind && !strcmp(kind, "instance"))
		return instance(run, step, f);
	if (kind && !strcmp(kind, "caller"))
		return caller(run, step, f);
	if (kind && (!strcmp(kind, "role") || !strcmp(kind, "web-identity")))
		return assume(run, step, !strcmp(kind, "web-identity"), f);
	return fault_set(f, "InternalFailure", "The request has an unknown step.");
}

/**
 * credential_steps_run() - get credentials
 * @steps: an array, in order
 * @block: its source and token are used, and wiped; its fetched credentials and whose they are are the
 *	result
 * @proxy: to STS, or NULL. A container's host and the metadata service are this host's own
 * @end_ms: of CLOCK_MONOTONIC; what has not ended by then is given up
 * @f: zeroed by the caller; CredentialsUnavailable
 *
 * Return: 0, or -1 with nothing fetched.
 */
int credential_steps_run(struct json_object *steps, struct worker_block *block, const char *ca_pem,
			 const struct proxy *proxy, int64_t end_ms, bool (*cancelled)(void),
			 struct fault *f)
{
	struct run run = { .block = block,
			   .ca_pem = ca_pem,
			   .proxy = proxy,
			   .end_ms = end_ms,
			   .cancelled = cancelled };
	size_t count = json_object_array_length(steps);
	int r = 0;

	for (size_t i = 0; !r && i < count; i++)
		r = step_run(&run, json_object_array_get_idx(steps, i), f);
	explicit_bzero(&block->source, sizeof(block->source));
	explicit_bzero(block->token, sizeof(block->token));
	if (r)
		explicit_bzero(&block->fetched, sizeof(block->fetched));
	else
		memcpy(block->principal, run.principal, sizeof(run.principal));
	return r;
}
