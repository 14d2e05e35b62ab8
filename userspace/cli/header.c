// SPDX-License-Identifier: MIT
/*
 * envelope header backup | restore: the file is the client's, with the client's permissions. The file
 * has the form that cryptsetup luksHeaderBackup writes, so that cryptsetup can put it back too.
 *
 * Must never judge a backup: the agent compares it with its catalog.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/agent_client.h"
#include "cli/explain.h"
#include "cli/one_cluster.h"
#include "cli/output.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/header/header_backup.h"

#define OPTION_FILE(must, text)                                                                 \
	{                                                                                       \
		.name = "file", .kind = OPTION_STRING, .placeholder = "FILE", .required = must, \
		.help = text                                                                    \
	}

static const struct option_spec backup_options[] = {
	OPTION_IDENTIFIER(true, "the cluster"),
	OPTION_FILE(true, "the file to write, which must not exist; only its owner can read it"),
	{ 0 }
};

static const struct option_spec restore_options[] = {
	OPTION_IDENTIFIER(true, "the cluster; it must be stopped"),
	OPTION_FILE(false,
		    "the backup, of this command or of cryptsetup luksHeaderBackup (default: the copy in the catalog)"),
	{ 0 }
};

/* Writes the bytes and, in place of the unused keyslots area, zeros. */
static int write_backup(const char *path, const char *hex, struct fault *f)
{
	uint8_t *bytes = calloc(1, VOLUME_DATA_OFFSET);
	struct fault why = { 0 };
	int r;

	if (!bytes)
		return fault_set(f, "InternalFailure", "Out of memory.");
	if (!hex || hex_decode(hex, bytes, HEADER_BACKUP_BYTES) < 0) {
		free(bytes);
		return fault_set(f, "InternalFailure", "The agent's answer has no volume header.");
	}
	r = file_create(path, 0600, bytes, VOLUME_DATA_OFFSET, &why);
	free(bytes);
	return r ? fault_set(f, "InvalidParameterValue", "%s", why.message) : 0;
}

static int run_backup(const struct invocation *invocation)
{
	_cleanup_json_ struct json_object *reply = NULL, *document = NULL, *backup = NULL;
	const char *path = json_get_string(invocation->local, "file");
	struct fault f;

	/* Before the agent is asked; the write refuses an existing file as well. */
	if (access(path, F_OK) == 0) {
		fault_set(&f, "InvalidParameterValue", "%s exists already. Choose another file.",
			  path);
		return explain_fault(invocation, &f);
	}
	if (agent_call(invocation, &reply, &f) < 0 ||
	    write_backup(path, json_get_string(reply, "header"), &f) < 0)
		return explain_fault(invocation, &f);
	backup = json_object_new_object();
	json_add_string(backup, "DBClusterIdentifier",
			json_get_string(invocation->params, "dbClusterIdentifier"));
	json_add_string(backup, "File", path);
	json_add_int(backup, "Size", VOLUME_DATA_OFFSET);
	if (!invocation->json) {
		output_record(backup);
		return 0;
	}
	document = json_object_new_object();
	json_add_object(document, "HeaderBackup", json_object_get(backup));
	output_json(document);
	return 0;
}

/* Adds the header in the file to the parameters of the call. */
static int read_backup(const struct invocation *invocation, struct fault *f)
{
	const char *path = json_get_string(invocation->local, "file");
	uint8_t bytes[HEADER_BACKUP_BYTES];
	const char *why;
	int fd = file_open(path, &why);
	ssize_t size;
	char *hex;

	if (fd < 0)
		return fault_set(f, "InvalidParameterValue",
				 "%s cannot be read: %s. Check the path and its permissions.", path,
				 why);
	size = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (size != (ssize_t)sizeof(bytes))
		return fault_set(f, "InvalidParameterValue",
				 "%s is too short for the backup of a volume header.", path);
	hex = hex_encode(bytes, sizeof(bytes));
	if (!hex)
		return fault_set(f, "InternalFailure", "Out of memory.");
	json_add_string(invocation->params, "header", hex);
	free(hex);
	return 0;
}

static int run_restore(const struct invocation *invocation)
{
	struct fault f;

	if (json_has(invocation->local, "file") && read_backup(invocation, &f) < 0)
		return explain_fault(invocation, &f);
	return one_cluster_run(invocation);
}

const struct command header_commands[] = {
	{
		.noun = "header",
		.verb = "backup",
		.operation = "BackupVolumeHeader",
		.method = "BackupHeader",
		.progress = "Reading the volume's header",
		.summary = "Write a volume's header, with its wrapped key, to a file",
		.details =
			"A damaged header makes the volume unreadable. The agent's catalog has a copy of it, which\n"
			"is lost with the disk of this host: keep the file on another disk. The cluster may be in\n"
			"use. The wrapped data key in the file is of no use without the KMS. Make a backup after\n"
			"cluster create, after a start with --take-over and after the loss of a key.",
		.example =
			"  envelope header backup --db-cluster-identifier db1 --file /root/db1.header",
		.options = backup_options,
		.run = run_backup,
	},
	{
		.noun = "header",
		.verb = "restore",
		.operation = "RestoreVolumeHeader",
		.method = "RestoreHeader",
		.progress = "Restoring the volume's header",
		.summary = "Put a volume's header back, from the catalog or a file",
		.details =
			"Without --file the agent puts back the copy in its catalog. The agent refuses a backup of\n"
			"another volume, and for a cluster that has lost its key a backup that is older than the loss.\n"
			"A device with other data is not written to. The first start after it may need --take-over:\n"
			"StatusReason says when.",
		.example =
			"  envelope header restore --db-cluster-identifier db1 --file /root/db1.header",
		.options = restore_options,
		.run = run_restore,
	},
	{ 0 }
};
