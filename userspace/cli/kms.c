// SPDX-License-Identifier: MIT
/*
 * envelope kms help: explains how to point the AWS CLI at the embedded KMS and make a first key.
 *
 * Must never talk to a KMS: the CLI holds no credentials.
 */

#include <stdio.h>

#include "cli/command.h"

static const char tutorial[] =
	"Keys are kept in a KMS that speaks the AWS KMS protocol. The AWS CLI makes, disables\n"
	"and deletes them (Debian: apt install awscli). To make a first key in the embedded\n"
	"KMS, envelope-kms, as root:\n"
	"\n"
	"1. Start the KMS and the agent. The first start of the KMS makes its root key, its\n"
	"   certificate and the credentials:\n"
	"\n"
	"     systemctl enable --now envelope-kms enveloped\n"
	"\n"
	"2. Point the AWS CLI at it, as the administrator of the keys:\n"
	"\n"
	"     export AWS_SHARED_CREDENTIALS_FILE=/etc/envelope/credentials\n"
	"     export AWS_PROFILE=admin AWS_DEFAULT_REGION=us-east-1\n"
	"     kms() { aws --endpoint-url https://127.0.0.1:8443 \\\n"
	"                 --ca-bundle /var/lib/envelope-kms/ca.pem kms \"$@\"; }\n"
	"\n"
	"3. Make a key, give it a name, and grant its use to the agent. The agent has no right\n"
	"   to it otherwise, and cannot manage it:\n"
	"\n"
	"     id=$(kms create-key --description 'database clusters' \\\n"
	"              --query KeyMetadata.KeyId --output text)\n"
	"     kms create-alias --alias-name alias/databases --target-key-id \"$id\"\n"
	"     kms create-grant --key-id \"$id\" --operations Decrypt DescribeKey \\\n"
	"         GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo \\\n"
	"         --grantee-principal arn:aws:iam::123456789012:user/enveloped\n"
	"     kms describe-key --key-id alias/databases\n"
	"\n"
	"4. Make an encrypted cluster under it:\n"
	"\n"
	"     envelope cluster create --db-cluster-identifier db1 --device /dev/vdb \\\n"
	"         --storage-encrypted --kms-key-id alias/databases\n"
	"\n"
	"From now on the data depend on the key. `kms disable-key --key-id \"$id\"` fails the\n"
	"device at the next renewal, by default within 22 seconds. The KMS is then asked once\n"
	"more. If it refuses again, the cluster is lost permanently, even if the key is enabled\n"
	"later. `kms revoke-grant` does the same for this host alone.\n"
	"\n"
	"To use AWS KMS instead, set Region=, AccountId= and\n"
	"KmsEndpoint=https://kms.REGION.amazonaws.com in /etc/envelope/envelope.conf. The\n"
	"credentials come from profile [enveloped] of the file in CredentialsFile=. If\n"
	"CredentialsFile= is empty, they come from the environment, the container or the\n"
	"instance: see envelope.conf(5).\n";

static const struct option_spec kms_options[] = { { 0 } };

static int run_help(const struct invocation *invocation)
{
	fputs(tutorial, stdout);
	return 0;
}

const struct command kms_commands[] = {
	{
		.noun = "kms",
		.verb = "help",
		.summary = "Explain how to make a first key with the AWS CLI",
		.details = "Prints a tutorial. Keys are made and managed with the AWS CLI alone.",
		.reads = true,
		.example = "  envelope kms help",
		.options = kms_options,
		.run = run_help,
	},
	{ 0 }
};
