// SPDX-License-Identifier: MIT
/*
 * envelope status [--watch]: the state of the volumes in the kernel, once or at each change.
 *
 * Must never poll: the agent sends each change.
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/agent_client.h"
#include "cli/disk_note.h"
#include "cli/explain.h"
#include "cli/one_cluster.h"
#include "cli/output.h"

static const struct option_spec status_options[] = {
	OPTION_IDENTIFIER(false, "only this cluster (default: all)"),
	{ .name = "watch",
	  .kind = OPTION_SWITCH,
	  .help = "print again at each change, until interrupted (default: once)" },
	{ 0 }
};

static const struct column volume_columns[] = { { "DBClusterIdentifier", "DBClusterIdentifier" },
						{ "Status", "Status" },
						{ "Device", "DeviceState" },
						{ "Reason", "DeviceReason" },
						{ "LeaseSeconds", "LeaseSecondsLeft" },
						{ "CryptoDriver", "CryptoDriver" },
						{ "Reads", "Reads" },
						{ "Writes", "Writes" },
						{ "Errors", "Errors" },
						{ "Refused", "Refused" },
						{ 0 } };

/* Prints what is special about a volume's device. */
static void show_device(struct json_object *o)
{
	char name[128];

	output_text(o, "DBClusterIdentifier", name, sizeof(name));
	if (json_get_bool(o, "ReadOnly", false))
		printf("%s: The device is read-only.\n", name);
	disk_note_show(o);
	if (json_has(o, "GrowableBytes"))
		printf("%s: The disk has %" PRId64
		       " bytes more than the volume. To use them: envelope cluster modify --db-cluster-identifier %s --grow\n",
		       name, json_get_int(o, "GrowableBytes", 0), name);
}

/* Prints what does not fit into a table: the reason of a status, a warning, and the KMS's last error. */
static void show_notes(struct json_object *volumes)
{
	static const char *const notes[] = { "StatusReason", "Warning", "LastError" };
	char name[128], text[512];
	size_t row, i;

	for (row = 0; row < json_object_array_length(volumes); row++) {
		struct json_object *o = json_object_array_get_idx(volumes, row);

		show_device(o);
		for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
			const char *note = json_get_string(o, notes[i]);

			if (!note || !*note)
				continue;
			output_text(o, "DBClusterIdentifier", name, sizeof(name));
			printf("%s: %s\n", name, output_text(o, notes[i], text, sizeof(text)));
		}
	}
	output_flush();
}

static int show(const struct invocation *invocation, struct json_object *reply, bool watching)
{
	struct json_object *volumes = json_get_array(reply, "volumes");
	const char *problem = json_get_string(reply, "problem");

	if (!volumes) {
		struct fault f;

		fault_set(&f, "InternalFailure", "The agent's answer has no list of volumes.");
		return explain_fault(invocation, &f);
	}
	if (invocation->json && watching) {
		output_json_line(reply);
	} else if (invocation->json) {
		output_json(reply);
	} else if (json_object_array_length(volumes) == 0) {
		fprintf(stderr,
			"This host has no volumes yet. See: envelope cluster create --help\n");
	} else {
		output_table(volume_columns, volumes);
		show_notes(volumes);
	}
	if (problem && !invocation->json)
		fprintf(stderr, "%s\n", problem);
	return 0;
}

static int on_change(struct json_object *reply, void *userdata)
{
	const struct invocation *invocation = userdata;

	if (!invocation->json) {
		time_t now = time(NULL);
		struct tm tm;
		char text[32];

		strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now, &tm));
		printf("-- %s\n", text);
	}
	return show(invocation, reply, true);
}

static int run_status(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct fault f;
	int r;

	if (json_get_bool(invocation->local, "watch", false)) {
		r = agent_stream(invocation, on_change, (void *)invocation, &f);
		return r < 0 ? explain_fault(invocation, &f) : r;
	}
	if (agent_call(invocation, &reply, &f) < 0)
		return explain_fault(invocation, &f);
	return show(invocation, reply, false);
}

const struct command status_commands[] = {
	{
		.noun = "status",
		.operation = "Status",
		.method = "Status",
		.progress = "Reading the volumes",
		.reads = true,
		.summary = "Show the state of the volumes, their leases and counters",
		.details =
			"Errors counts I/O that failed on the device below. Refused counts I/O that was refused\n"
			"because the key was gone. LeaseSeconds counts down to the end of the device, unless the KMS\n"
			"agrees before. With --watch --output json each change is one line.",
		.example = "  envelope status --watch",
		.options = status_options,
		.run = run_status,
	},
	{ 0 }
};
