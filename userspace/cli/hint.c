// SPDX-License-Identifier: MIT
/*
 * The table of hints. A command in a hint is complete: the user can copy it.
 *
 * Must never contradict a message: see hint.h.
 */
#include "cli/hint.h"

#include <stdio.h>
#include <string.h>

#define DESCRIBE      "envelope cluster describe"
#define AS_ROOT_CHECK " To see what the KMS answers to this host, as root: envelope check"
#define CREDENTIALS                                                                 \
	"The KMS answers and does not accept the credentials. Correct the profile " \
	"(--profile of the cluster, else Profile=) in CredentialsFile= of envelope.conf." AS_ROOT_CHECK
#define BUSY "The KMS answers, and cannot serve the call now. Wait, then run the command again."
#define CLOCK                                                                                    \
	"Compare the clock of this host with that of the KMS (timedatectl). If they agree, the " \
	"secret key of the profile is wrong." AS_ROOT_CHECK

/**
 * struct hint - what to do after a fault
 * @code: of the fault
 * @verb: of the only command that gets this hint; NULL for each command
 * @text: sentences, and at the end perhaps a command
 * @option: of the command at the end, or NULL
 * @parameter: of the call; its value is the option's. Without it the command has no option
 * @fallback: the option's value if the call has no such parameter
 */
static const struct hint {
	const char *code;
	const char *verb;
	const char *text;
	const char *option;
	const char *parameter;
	const char *fallback;
} hints[] = {
	{ "KMSKeyNotAccessibleFault", "create",
	  "The key must exist and be Enabled, and a grant or its policy must allow the agent's principal "
	  "kms:DescribeKey, GenerateDataKey*, Decrypt and ReEncrypt*. Look at it (envelope kms help says "
	  "how to call aws, and to make the grant): aws kms describe-key",
	  "--key-id", "kmsKeyId", "alias/aws/rds" },
	{ "KMSKeyNotAccessibleFault", NULL,
	  "Status says whether the loss is final, and StatusReason why: " DESCRIBE,
	  "--db-cluster-identifier", "dbClusterIdentifier", NULL },
	{ "NotFoundException", NULL,
	  "List the keys that have a name (envelope kms help says how to call aws): aws kms list-aliases",
	  NULL, NULL, NULL },
	{ "AccessDeniedException", NULL,
	  "Run the command as root, or as a user of the group envelope (usermod -aG envelope USER, then "
	  "log in again). For describe, status and events the group envelope-monitor is enough.",
	  NULL, NULL, NULL },
	{ "KMSUnreachable", NULL,
	  "The address is the cluster's --kms-endpoint, else KmsEndpoint= of envelope.conf. A proxy is "
	  "that of Proxy=." AS_ROOT_CHECK,
	  NULL, NULL, NULL },
	{ "CredentialsUnavailable", NULL, "See CREDENTIALS in envelope.conf(5)." AS_ROOT_CHECK,
	  NULL, NULL, NULL },
	{ "UnrecognizedClientException", NULL, CREDENTIALS, NULL, NULL, NULL },
	{ "InvalidClientTokenId", NULL, CREDENTIALS, NULL, NULL, NULL },
	{ "MissingAuthenticationToken", NULL, CREDENTIALS, NULL, NULL, NULL },
	{ "MissingAuthenticationTokenException", NULL, CREDENTIALS, NULL, NULL, NULL },
	{ "ExpiredTokenException", NULL, CREDENTIALS, NULL, NULL, NULL },
	{ "InvalidSignatureException", NULL, CLOCK, NULL, NULL, NULL },
	{ "SignatureDoesNotMatch", NULL, CLOCK, NULL, NULL, NULL },
	{ "RequestExpired", NULL, CLOCK, NULL, NULL, NULL },
	{ "ThrottlingException", NULL, BUSY, NULL, NULL, NULL },
	{ "LimitExceededException", NULL, BUSY, NULL, NULL, NULL },
	{ "KMSInternalException", NULL, BUSY, NULL, NULL, NULL },
	{ "DependencyTimeoutException", NULL, BUSY, NULL, NULL, NULL },
	{ "KeyUnavailableException", NULL, BUSY, NULL, NULL, NULL },
	{ "DBClusterNotFoundFault", NULL, "List the clusters of this host: " DESCRIBE, NULL, NULL,
	  NULL },
	{ "DBClusterAlreadyExistsFault", "create",
	  "Choose another --db-cluster-identifier. List those in use: " DESCRIBE, NULL, NULL,
	  NULL },
	{ "InvalidDBClusterStateFault", NULL, "See the state and its reason: " DESCRIBE,
	  "--db-cluster-identifier", "dbClusterIdentifier", NULL },
	{ "AuditTrailUnavailable", NULL,
	  "Make the file writable, or free space for it (df, lsattr), then try again. Running clusters go on.",
	  NULL, NULL, NULL },
	{ "KernelModuleMissing", NULL,
	  "If modprobe finds no module, it may not be built for this kernel (dkms status). What the kernel "
	  "lacks: envelope check",
	  NULL, NULL, NULL },
	{ "KeyQuotaExceeded", NULL,
	  "See the quota and its use: sysctl kernel.keys; cat /proc/key-users", NULL, NULL, NULL },
	{ "InvalidVolume.NotFound", NULL,
	  "See the disks of this host, and the volume on each: lsblk -o NAME,LABEL,UUID,FSTYPE",
	  NULL, NULL, NULL },
	{ "InvalidVolumeHeader", NULL,
	  "See the disks of this host, and the volume on each: lsblk -o NAME,LABEL,UUID,FSTYPE",
	  NULL, NULL, NULL },
	{ "AgentUnreachable", NULL,
	  "If the agent does not run, start it (systemctl start enveloped). Its log: journalctl -u enveloped",
	  NULL, NULL, NULL },
	{ "InvalidConfiguration", NULL,
	  "Correct what the message names, then check it (enveloped --check-config). The agent reads "
	  "credentials by itself, and envelope.conf after: systemctl reload enveloped",
	  NULL, NULL, NULL },
};

/* A value that a shell would not take as it is goes into no command. */
static bool is_plain(const char *value)
{
	return *value && !value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789-_./:")];
}

static void fill(const struct hint *hint, const struct invocation *invocation, char *text,
		 size_t size)
{
	const char *value = NULL;

	if (hint->option)
		value = json_get_string(invocation->params, hint->parameter);
	if (!value)
		value = hint->fallback;
	if (hint->option && value && is_plain(value))
		snprintf(text, size, "%s %s %s", hint->text, hint->option, value);
	else
		snprintf(text, size, "%s", hint->text);
}

/**
 * hint_for() - what to do after a fault
 * @invocation: the command that failed
 * @text: filled, with @size bytes
 *
 * Return: @text, or NULL if the fault's message says all.
 */
const char *hint_for(const struct invocation *invocation, const struct fault *f, char *text,
		     size_t size)
{
	const char *verb = invocation->command->verb;

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		const struct hint *hint = &hints[i];

		if (strcmp(hint->code, f->code) ||
		    (hint->verb && (!verb || strcmp(verb, hint->verb))))
			continue;
		fill(hint, invocation, text, size);
		return text;
	}
	return NULL;
}
