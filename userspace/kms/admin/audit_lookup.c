// SPDX-License-Identifier: MIT
/*
 * envelope-kms audit lookup: the records of the trail that match, the oldest first, one a line as the
 * trail has them.
 *
 * Must never print a line of a chain whose tag does not fit. Must never hold more than two records.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms/admin/admin.h"
#include "kms/audit/chain_head.h"
#include "kms/audit/line_reader.h"
#include "kms/audit/trail_files.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

/** struct lookup - what to look for; each string is NULL for any */
struct lookup {
	const char *event;
	const char *key;
	const char *principal;
	const char *error;
	const char *since; /* ISO 8601 in UTC: the text's order is that of time */
	const char *until;
	int64_t most; /* 0: all */
	int64_t printed;
	int64_t left_out;  /* lines whose tags do not fit */
	int64_t unchained; /* lines that were printed, and have no chain */
	struct chain_key *chain;
	bool chained; /* the chain has begun */
	struct {
		char *text; /* NULL: it does not match */
		size_t size;
		struct chain_link link; /* all zero: no chain */
	} last;				/* the line before, which the next record may call torn */
};

static bool is(struct json_object *o, const char *name, const char *wanted)
{
	const char *value = json_get_string(o, name);

	return value && !strcmp(value, wanted);
}

/* By name, ARN, access key or service. */
static bool is_by(struct json_object *record, const char *who)
{
	static const char *const names[] = { "userName", "arn", "accessKeyId", "principalId",
					     "invokedBy" };
	struct json_object *identity = json_get_object(record, "userIdentity");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is(identity, names[i], who))
			return true;
	return false;
}

/* @key: the ARN of the key, or its id at the ARN's end */
static bool is_about(struct json_object *record, const char *key)
{
	struct json_object *list = json_get_array(record, "resources");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *arn = json_get_string(json_object_array_get_idx(list, i), "ARN");
		const char *id = arn ? strrchr(arn, '/') : NULL;

		if (arn && (!strcmp(arn, key) || (id && !strcmp(id + 1, key))))
			return true;
	}
	return is(json_get_object(record, "requestParameters"), "keyId", key);
}

static bool is_in_time(struct json_object *record, const struct lookup *lookup)
{
	const char *time = json_get_string(record, "eventTime");

	if (!lookup->since && !lookup->until)
		return true;
	return time && (!lookup->since || strcmp(time, lookup->since) >= 0) &&
	       (!lookup->until || strcmp(time, lookup->until) <= 0);
}

static bool matches(struct json_object *record, const struct lookup *lookup)
{
	return (!lookup->event || is(record, "eventName", lookup->event)) &&
	       (!lookup->error || is(record, "errorCode", lookup->error)) &&
	       (!lookup->key || is_about(record, lookup->key)) &&
	       (!lookup->principal || is_by(record, lookup->principal)) &&
	       is_in_time(record, lookup);
}

/* Lines of an older version stand before the chain. @link: set; all zero without a chain */
static bool is_record(struct lookup *lookup, const struct line *line, struct chain_link *link)
{
	if (chain_read(lookup->chain, line->text, line->size, link))
		lookup->chained = true;
	else if (lookup->chained || !chain_parse(line->text, line->size, link))
		return false;
	return true;
}

static void forget_last(struct lookup *lookup)
{
	free(lookup->last.text);
	memset(&lookup->last, 0, sizeof(lookup->last));
}

/* As verify.c: the record before was torn in front of its line feed. */
static bool is_torn_before(const struct lookup *lookup, const struct chain_link *link)
{
	const struct chain_link *last = &lookup->last.link;

	return link->torn && link->torn == (int64_t)lookup->last.size &&
	       link->sequence == last->sequence &&
	       !memcmp(link->previous, last->previous, CHAIN_TAG_BYTES);
}

/* Prints the line before, if it matches. Return: 0 to go on, 1 to stop */
static int print_last(struct lookup *lookup)
{
	char *text = lookup->last.text;
	size_t size = lookup->last.size;
	int r = 0;

	if (text && (fwrite(text, 1, size, stdout) != size || putchar('\n') == EOF))
		r = 1;
	else if (text)
		r = ++lookup->printed == lookup->most;
	if (text && !lookup->last.link.sequence)
		lookup->unchained++;
	forget_last(lookup);
	return r;
}

/* Return: 0 to go on, 1 to stop */
static int take(struct lookup *lookup, const struct line *line)
{
	_cleanup_json_ struct json_object *record = NULL;
	struct chain_link link = { 0 };
	int r = 0;

	if (!line->whole || !is_record(lookup, line, &link)) {
		lookup->left_out++;
		return print_last(lookup);
	}
	if (is_torn_before(lookup, &link)) {
		lookup->left_out++;
		forget_last(lookup);
	} else {
		r = print_last(lookup);
	}
	lookup->last.link = link;
	lookup->last.size = line->size;
	record = json_parse(line->text, line->size);
	if (!r && record && matches(record, lookup)) {
		lookup->last.text = strndup(line->text, line->size);
		r = !lookup->last.text;
	}
	return r;
}

static int read_file(struct lookup *lookup, const struct trail_file *file, struct fault *f)
{
	struct line_reader *reader = line_reader_new(file->fd);
	struct line line;
	int r = -1, stop = 0;

	while (reader && !stop && (r = line_reader_next(reader, &line)) > 0)
		stop = take(lookup, &line);
	if (!stop)
		stop = print_last(lookup);
	forget_last(lookup);
	line_reader_free(reader);
	if (r < 0)
		return fault_set(f, "InternalFailure",
				 "The audit trail %.400s cannot be read to its end.", file->path);
	return stop;
}

static int read_files(struct lookup *lookup, const char *path, struct fault *f)
{
	struct trail_files files;
	int r = 0;

	if (trail_files_open(path, lookup->chain, &files, f))
		return -1;
	for (size_t i = 0; !r && i < files.count; i++)
		r = read_file(lookup, &files.files[i], f);
	trail_files_close(&files);
	if (lookup->left_out)
		log_warning("%" PRId64
			    " line(s) are left out: they are no records. Run envelope-kms audit verify.",
			    lookup->left_out);
	if (lookup->unchained)
		log_warning("%" PRId64
			    " line(s) are not protected: no chain proves that they are records of the KMS.",
			    lookup->unchained);
	return r < 0 ? -1 : 0;
}

static int check_time(const char *name, const char *value, struct fault *f)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	size_t i;

	for (i = 0; value && form[i]; i++)
		if (form[i] == 'd' ? value[i] < '0' || value[i] > '9' : value[i] != form[i])
			break;
	if (!value || (!form[i] && !value[i]))
		return 0;
	return fault_set(f, "Usage", "--%s '%.32s' is not a time such as 2026-11-30T08:00:00Z.",
			 name, value);
}

/** admin_audit_lookup() - see struct admin_command */
int admin_audit_lookup(const struct admin_call *call, struct fault *f)
{
	_cleanup_secret_ struct secret *secret = chain_secret(call->root);
	struct lookup lookup = {
		.event = admin_value(call, "event-name"),
		.key = admin_value(call, "key-id"),
		.principal = admin_value(call, "principal"),
		.error = admin_value(call, "error-code"),
		.since = admin_value(call, "start-time"),
		.until = admin_value(call, "end-time"),
	};
	int r;

	if (check_time("start-time", lookup.since, f) || check_time("end-time", lookup.until, f) ||
	    admin_number(call, "max-items", &lookup.most, f))
		return -1;
	lookup.chain = secret ? chain_key_new(secret) : NULL;
	if (!lookup.chain)
		return fault_set(f, "InternalFailure",
				 "The key of the audit trail cannot be made. Raise LimitMEMLOCK.");
	r = read_files(&lookup, call->settings->audit_file, f);
	chain_key_free(lookup.chain);
	return r;
}
