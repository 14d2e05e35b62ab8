// SPDX-License-Identifier: MIT
/*
 * Errors for people: the fault, in the style of the AWS CLI, and what to do. For scripts: the fault as
 * one line of JSON.
 *
 * Must never print on stdout: scripts read that.
 */

#include "cli/explain.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *code;
	const char *hint;
} hints[] = {
	{ "KMSKeyNotAccessibleFault",
	  "Check the key with `aws kms describe-key`: it must exist, be Enabled, and allow the host's principal." },
	{ "KMSAccessDenied",
	  "Allow kms:DescribeKey, GenerateDataKey*, Decrypt and ReEncrypt* to the host's principal in the key's policy." },
	{ "AccessDeniedException",
	  "Run the command as root or as a member of the group envelope." },
	{ "KMSDisabled", "Enable the key first: aws kms enable-key --key-id KEY" },
	{ "KMSInvalidState",
	  "The key is being deleted or is not ready. See its state: aws kms describe-key --key-id KEY" },
	{ "KMSNotFound", "List the keys and aliases: aws kms list-keys; aws kms list-aliases" },
	{ "KMSUnreachable",
	  "Check KmsEndpoint= and CaFile= in /etc/envelope/envelope.conf, and that the KMS answers." },
	{ "CredentialsUnavailable",
	  "The agent gets no credentials for the KMS. See CREDENTIALS in envelope.conf(5)." },
	{ "KMSThrottling", "The KMS limits requests. Wait, then try again." },
	{ "DBClusterNotFoundFault", "List the clusters of this host: envelope cluster describe" },
	{ "DBClusterAlreadyExistsFault",
	  "Choose another --db-cluster-identifier. List those in use: envelope cluster describe" },
	{ "InvalidDBClusterStateFault",
	  "See the state and its reason: envelope cluster describe --db-cluster-identifier NAME" },
	{ "InvalidParameterCombination",
	  "The options contradict each other or the cluster. Run the command with --help." },
	{ "VolumeInUse",
	  "See what uses the device: lsblk -f. If another host owns the volume, see --take-over in envelope(1)." },
	{ "AuditTrailUnavailable",
	  "Make the file writable, or free space for it (df, lsattr), then try again. Running clusters go on." },
	{ "DeviceTimeout",
	  "See what the device waits for: dmesg, lsblk, udevadm settle. The cluster waits for the device; see: envelope cluster describe" },
	{ "KernelModuleMissing",
	  "Load the module: modprobe dm-envelope. If it is missing, see: dkms status" },
	{ "KeyQuotaExceeded",
	  "See the quota and its use: sysctl kernel.keys; cat /proc/key-users" },
	{ "InvalidVolume.NotFound",
	  "See the disks of this host: lsblk -o NAME,LABEL,UUID,FSTYPE. Attach the disk of the cluster, or assemble the device on top of it." },
	{ "InvalidVolumeHeader",
	  "See which volume each disk holds: lsblk -o NAME,LABEL,UUID,FSTYPE. Restore a changed header: envelope header restore." },
	{ "AgentUnreachable",
	  "Start the agent: systemctl start enveloped. See its log: journalctl -u enveloped" },
	{ "InvalidConfiguration",
	  "Correct what the message names, then check it: enveloped --check-config. The agent reads credentials by itself, and envelope.conf after: systemctl reload enveloped" },
};

static bool as_json;

/** explain_as_json() - print errors as JSON from now on */
void explain_as_json(void)
{
	as_json = true;
}

/*
 * AWS's form of an error. The message may repeat an argument, which is any bytes: without the bytes of
 * other characters than ASCII it is valid JSON in any case.
 */
static void print_json(const struct fault *f)
{
	for (bool ascii = false;; ascii = true) {
		_cleanup_json_ struct json_object *error = json_object_new_object(), *read = NULL;
		struct fault shown = *f;
		const char *text;

		for (char *c = shown.message; ascii && *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
		json_add_string(error, "__type", shown.code);
		json_add_string(error, "message", shown.message);
		text = json_object_to_json_string_ext(error,
						      JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
		read = json_parse(text, strlen(text));
		if (!read && !ascii)
			continue;
		fprintf(stderr, "%s\n", text);
		return;
	}
}

static const char *hint_for(const char *code)
{
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!strcmp(hints[i].code, code))
			return hints[i].hint;
	return NULL;
}

/**
 * explain_fault() - print the agent's fault, or the reason why the agent did not answer
 * @command: the command that failed
 * @f: the fault
 *
 * Return: the exit status for @f.
 */
int explain_fault(const struct command *command, const struct fault *f)
{
	const char *hint = hint_for(f->code);

	if (as_json) {
		print_json(f);
		return fault_exit_code(f->code);
	}
	fprintf(stderr, "\nAn error occurred (%s) when calling the %s operation: %s\n", f->code,
		command->operation, f->message);
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
	return fault_exit_code(f->code);
}

/**
 * explain_usage() - print what is wrong with a command line, or with the output
 * @command: the command, NULL when the command is unknown
 * @f: the fault
 *
 * Return: the exit status for @f.
 */
int explain_usage(const struct command *command, const struct fault *f)
{
	if (as_json) {
		print_json(f);
		return fault_exit_code(f->code);
	}
	fprintf(stderr, "envelope: error: %s\n", f->message);
	if (strcmp(f->code, "Usage"))
		return fault_exit_code(f->code);
	if (!command)
		fprintf(stderr, "hint: envelope --help lists the commands.\n");
	else
		fprintf(stderr, "hint: envelope %s%s%s --help explains the options.\n",
			command->noun, command->verb ? " " : "",
			command->verb ? command->verb : "");
	return fault_exit_code(f->code);
}
