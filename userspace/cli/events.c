// SPDX-License-Identifier: MIT
/*
 * envelope events [--since] [--follow]: the audit trail, one record a line.
 *
 * Must never change or leave out a record in JSON output.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/output.h"

/* the format of the records' eventTime, UTC */
#define RECORD_TIME "%Y-%m-%dT%H:%M:%SZ"

static const struct option_spec events_options[] = {
	{ .name = "since",
	  .kind = OPTION_STRING,
	  .placeholder = "TIME",
	  .help = "only later records: 2026-01-31T12:00:00Z or 2026-01-31 (UTC), or 90s, 10m, 2h, 7d before now (default: all)" },
	{ .name = "limit",
	  .kind = OPTION_INTEGER,
	  .placeholder = "NUMBER",
	  .parameter = "limit",
	  .help = "only the newest NUMBER of records, 1 to 1000 (default: 1000)" },
	{ .name = "follow",
	  .kind = OPTION_SWITCH,
	  .parameter = "follow",
	  .help = "stay, and print new records as they are written, until interrupted (default: no)" },
	{ 0 }
};

/* Reads "90s", "10m", "2h", "7d" as seconds; -1 for another text. */
static long long relative_seconds(const char *text)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
	};
	char *end;
	long long count;
	size_t i;

	if (*text < '0' || *text > '9')
		return -1;
	count = strtoll(text, &end, 10);
	if (count > 100000000 || !*end || end[1])
		return -1;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return count * units[i].seconds;
	return -1;
}

/* Turns --since into the form of the records' eventTime, UTC. */
static int parse_since(const char *text, char *ret, size_t size, struct fault *f)
{
	static const char *const formats[] = { RECORD_TIME, "%Y-%m-%d" };
	long long seconds = relative_seconds(text);
	struct tm tm = { 0 };
	size_t i;

	if (seconds >= 0) {
		time_t then = time(NULL) - (time_t)seconds;

		gmtime_r(&then, &tm);
		strftime(ret, size, RECORD_TIME, &tm);
		return 0;
	}
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *end;

		memset(&tm, 0, sizeof(tm));
		end = strptime(text, formats[i], &tm);
		if (end && !*end) {
			strftime(ret, size, RECORD_TIME, &tm);
			return 0;
		}
	}
	return fault_set(f, "Usage",
			 "--since %s is not a time. Write 2026-01-31T12:00:00Z (UTC), 2026-01-31, or 10m, 2h, 7d.",
			 text);
}

/* What an event of the agent itself is about: a cluster and its new state, or the jump of a clock. */
static const char *service_subject(struct json_object *details, char *text, size_t size)
{
	char first[64], second[64];

	if (json_has(details, "dbClusterIdentifier")) {
		snprintf(text, size, "%s %s",
			 output_text(details, "dbClusterIdentifier", first, sizeof(first)),
			 output_text(details, "status", second, sizeof(second)));
		return text;
	}
	if (!json_has(details, "from") || !json_has(details, "to"))
		return "-";
	snprintf(text, size, "%s to %s", output_text(details, "from", first, sizeof(first)),
		 output_text(details, "to", second, sizeof(second)));
	return text;
}

/* The subject of the record: the cluster, else the key, else what an event of the agent is about. */
static const char *subject(struct json_object *record, char *text, size_t size)
{
	static const char *const fields[] = { "dBClusterIdentifier", "dbClusterIdentifier", "keyId",
					      "destinationKeyId" };
	struct json_object *parameters = json_get_object(record, "requestParameters");
	struct json_object *details = json_get_object(record, "serviceEventDetails");
	size_t i;

	for (i = 0; parameters && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (json_has(parameters, fields[i]))
			return output_text(parameters, fields[i], text, size);
	return details ? service_subject(details, text, size) : "-";
}

static void show(const struct invocation *invocation, struct json_object *record)
{
	char time_text[40], name[64], error[64], about[160];

	if (invocation->json) {
		output_json_line(record);
		return;
	}
	output_value(output_text(record, "eventTime", time_text, sizeof(time_text)), 20);
	output_value(output_text(record, "eventName", name, sizeof(name)), 31);
	output_value(output_text(record, "errorCode", error, sizeof(error)), 26);
	printf("%s\n", subject(record, about, sizeof(about)));
	output_flush();
}

/* struct listing - @shown: number of records */
struct listing {
	const struct invocation *invocation;
	size_t shown;
};

static int on_reply(struct json_object *reply, void *userdata)
{
	struct listing *listing = userdata;
	const struct invocation *invocation = listing->invocation;
	struct json_object *records = json_get_array(reply, "events");
	size_t i;

	if (!records) {
		struct fault f;

		fault_set(&f, "InternalFailure", "The agent's answer has no list of events.");
		return explain_fault(invocation, &f);
	}
	listing->shown += json_object_array_length(records);
	for (i = 0; i < json_object_array_length(records); i++)
		show(invocation, json_object_array_get_idx(records, i));
	return 0;
}

static int run_events(const struct invocation *invocation)
{
	const char *since = json_get_string(invocation->local, "since");
	struct listing listing = { .invocation = invocation };
	char time_text[32];
	struct fault f;
	int r;

	if (since) {
		if (parse_since(since, time_text, sizeof(time_text), &f) < 0)
			return explain_usage(invocation->command, &f);
		json_add_string(invocation->params, "since", time_text);
	}
	r = agent_stream(invocation, on_reply, &listing, &f);
	if (r == 0 && !listing.shown && !invocation->json)
		fprintf(stderr, since ? "The audit trail has no records since then.\n"
				      : "The audit trail has no records yet.\n");
	return r < 0 ? explain_fault(invocation, &f) : r;
}

const struct command events_commands[] = {
	{
		.noun = "events",
		.operation = "Events",
		.method = "Events",
		.progress = "Reading the audit trail",
		.reads = true,
		.summary = "Show the audit trail: every KMS call and every change of state",
		.details =
			"Text shows the time, the event, the error code, and the cluster or key. With --output\n"
			"json each line is one whole record in CloudTrail's format. The file of AuditFile= has all records.",
		.example = "  envelope events --since 2h --output json",
		.options = events_options,
		.run = run_events,
	},
	{ 0 }
};
