#!/bin/bash
# SPDX-License-Identifier: MIT
#
# envelope-kms under the real aws CLI: every operation once, the faults as the
# CLI shows them. The finer points are in kms_protocol.py, which is faster.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
# shellcheck source=tests/lib/wait.bash
. tests/lib/wait.bash
# shellcheck source=tests/lib/daemons.bash
. tests/lib/daemons.bash

program=${ENVELOPE_KMS:-build/userspace/envelope-kms}
PATH=$(realpath "${program%/*}"):$PATH
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
kms=
trap '[ -z "$kms" ] || kill "$kms"; rm -rf "$scratch"' EXIT

options=(--state-dir="$scratch/state" --root-key="$scratch/root.key" --credentials="$scratch/credentials"
	--audit-file="$scratch/audit.jsonl" --listen-tcp="$port")

listens_on_tcp() { (: <"/dev/tcp/127.0.0.1/$port"); }

start_kms() {
	run_kms "$scratch/kms.sock" "${options[@]}" 2>>"$scratch/stderr" && wait_for 60 listens_on_tcp && return
	cat "$scratch/stderr"
	kms=
	return 1
}

stop_kms() {
	kill "$kms"
	wait "$kms"
	local status=$?
	kms=
	return $status
}

export AWS_SHARED_CREDENTIALS_FILE=$scratch/credentials AWS_CONFIG_FILE=/dev/null AWS_PROFILE=admin
export AWS_CA_BUNDLE=$scratch/state/ca.pem AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1
region=us-east-1

kms() {
	/usr/bin/aws --region "$region" --endpoint-url "https://127.0.0.1:$port" --output text kms "$@"
}

# fault NAME STATUS ARGUMENT...: the call is refused with that name
fault() {
	local name=$1 seen
	shift
	seen=$(kms "$@" 2>&1) && { echo "allowed: $seen"; return 1; }
	grep -qF "An error occurred ($name) when calling" <<<"$seen" || { echo "expected $name, seen: $seen"; return 1; }
}

# gives EXPECTED ARGUMENT...: what the call prints
gives() {
	local expected=$1
	shift
	same "$expected" "$(kms "$@" 2>&1)"
}

check "the daemon starts and makes root key, certificate and credentials" start_kms

create() {
	key=$(kms create-key --description 'volume key' --query KeyMetadata.KeyId) || return 1
	arn=arn:aws:kms:$region:123456789012:key/$key
	[[ $key =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$ ]]
}
check "create-key" create
check "describe-key" gives "$arn	Enabled	volume key" describe-key --key-id "$key" \
	--query 'KeyMetadata.[Arn,KeyState,Description]'
check "list-keys" gives "$key	$arn" list-keys --query 'Keys[].[KeyId,KeyArn]'
check "create-alias" gives "" create-alias --alias-name alias/volumes --target-key-id "$key"
check "list-aliases" gives "alias/volumes	$key" list-aliases --query 'Aliases[].[AliasName,TargetKeyId]'
check "list-keys pages through the CLI's paginator" gives "$key" list-keys --page-size 1 --query 'Keys[].KeyId'

context=aws:rds:db-id=cluster-X,dm-envelope:volume-id=vol-1
generate() {
	kms generate-data-key-without-plaintext --key-id alias/volumes --number-of-bytes 64 \
		--encryption-context "$context" --query CiphertextBlob | base64 -d >"$scratch/wrapped"
	[ "$(stat -c %s "$scratch/wrapped")" = 128 ]
}
check "generate-data-key-without-plaintext" generate
decrypt() {
	kms decrypt --ciphertext-blob "fileb://$1" --encryption-context "${2-$context}" --query Plaintext |
		base64 -d >"$scratch/plain"
	[ "$(stat -c %s "$scratch/plain")" = 64 ]
}
check "decrypt" decrypt "$scratch/wrapped"
cp "$scratch/plain" "$scratch/first"
same_key() { cmp "$scratch/plain" "$scratch/first"; }
re_encrypt() {
	kms re-encrypt --ciphertext-blob "fileb://$scratch/wrapped" --source-encryption-context "$context" \
		--destination-key-id "$key" --destination-encryption-context final=yes --query CiphertextBlob |
		base64 -d >"$scratch/rewrapped"
	decrypt "$scratch/rewrapped" final=yes && same_key
}
check "re-encrypt: the same data key under another context" re_encrypt
encrypt() {
	kms encrypt --key-id "$arn" --plaintext "fileb://$scratch/first" --encryption-context "$context" \
		--query CiphertextBlob | base64 -d >"$scratch/encrypted"
	decrypt "$scratch/encrypted" && same_key
}
check "encrypt, and decrypt gives it back" encrypt
generate_both() {
	read -r blob plain < <(kms generate-data-key --key-id "$key" --key-spec AES_256 --query '[CiphertextBlob,Plaintext]')
	base64 -d <<<"$blob" >"$scratch/both"
	same "$plain" "$(kms decrypt --ciphertext-blob "fileb://$scratch/both" --query Plaintext)"
}
check "generate-data-key" generate_both

check "wrong context: InvalidCiphertextException" fault InvalidCiphertextException \
	decrypt --ciphertext-blob "fileb://$scratch/wrapped" --encryption-context "$context,more=1"
other=$(kms create-key --query KeyMetadata.KeyId)
check "wrong key: IncorrectKeyException" fault IncorrectKeyException \
	decrypt --ciphertext-blob "fileb://$scratch/wrapped" --encryption-context "$context" --key-id "$other"
check "unknown key: NotFoundException" fault NotFoundException describe-key --key-id alias/unknown
check "alias taken: AlreadyExistsException" fault AlreadyExistsException \
	create-alias --alias-name alias/volumes --target-key-id "$other"
check "reserved alias: InvalidAliasNameException" fault InvalidAliasNameException \
	create-alias --alias-name alias/aws/mine --target-key-id "$other"
check "bad marker: InvalidMarkerException" fault InvalidMarkerException list-keys --no-paginate --marker %
check "bad window: ValidationException" fault ValidationException \
	schedule-key-deletion --key-id "$other" --pending-window-in-days 6
check "update-alias" gives "" update-alias --alias-name alias/volumes --target-key-id "$other"
check "the alias now names the other key" gives "$other" describe-key --key-id alias/volumes --query KeyMetadata.KeyId
check "delete-alias" gives "" delete-alias --alias-name alias/volumes
check "alias/aws/rds is made on first use" gives AWS describe-key --key-id alias/aws/rds --query KeyMetadata.KeyManager
check "and cannot be disabled: AccessDeniedException" fault AccessDeniedException \
	disable-key --key-id "$(kms describe-key --key-id alias/aws/rds --query KeyMetadata.KeyId)"

check "disable-key" gives "" disable-key --key-id "$key"
check "disabled: DisabledException" fault DisabledException \
	decrypt --ciphertext-blob "fileb://$scratch/wrapped" --encryption-context "$context"
restart() { stop_kms && start_kms; }
check "restart" restart
check "still disabled after the restart" fault DisabledException \
	decrypt --ciphertext-blob "fileb://$scratch/wrapped" --encryption-context "$context"
check "enable-key" gives "" enable-key --key-id "$key"
check "the ciphertext outlived disable, restart, enable" decrypt "$scratch/wrapped"
check "and holds the same key" same_key
check "list-key-policies" gives default list-key-policies --key-id "$key" --query 'PolicyNames[]'
# AWS's own example of a policy for one user, with the account's root for everything else.
cat >"$scratch/policy.json" <<END
{"Version": "2012-10-17", "Id": "key-consolepolicy-3", "Statement": [
 {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
  "Action": "kms:*", "Resource": "*"},
 {"Sid": "Deny use", "Effect": "Deny", "Principal": {"AWS": ["arn:aws:iam::123456789012:user/enveloped"]},
  "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], "Resource": "*"}]}
END
check "put-key-policy" gives "" put-key-policy --key-id "$key" --policy-name default --policy "file://$scratch/policy.json"
check "get-key-policy gives the text that was put" gives "$(cat "$scratch/policy.json")" \
	get-key-policy --key-id "$key" --policy-name default --query Policy
as_agent() { local -x AWS_PROFILE=enveloped; "$@"; }
check "the policy denies: AccessDeniedException" as_agent fault AccessDeniedException \
	generate-data-key --key-id "$key" --key-spec AES_256
check "and allows the rest" as_agent gives Enabled describe-key --key-id "$key" --query KeyMetadata.KeyState
# The sequence of calls of Terraform's aws_kms_grant: create, look, retire by the id or the token.
grantee=arn:aws:iam::123456789012:user/enveloped
admins_only='{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/admin"},"Action":"kms:*","Resource":"*"}}'
granting=$(kms create-key --policy "$admins_only" --query KeyMetadata.KeyId)
check "no right to a key without a grant" as_agent fault AccessDeniedException generate-data-key --key-id "$granting" --key-spec AES_256
create_grant() {
	read -r grant token < <(kms create-grant --key-id "$granting" --grantee-principal "$grantee" --name volume-1 \
		--retiring-principal arn:aws:iam::123456789012:root --operations GenerateDataKey Decrypt DescribeKey \
		--constraints '{"EncryptionContextSubset":{"App":"db"}}' --query '[GrantId,GrantToken]')
	[[ $grant =~ ^[0-9a-f]{64}$ && -n $token ]]
}
check "create-grant" create_grant
check "the grant gives its operations" as_agent gives "arn:aws:kms:$region:123456789012:key/$granting" generate-data-key \
	--key-id "$granting" --key-spec AES_256 --encryption-context App=db,more=1 --grant-tokens "$token" --query KeyId
check "under its constraint alone" as_agent fault AccessDeniedException \
	generate-data-key --key-id "$granting" --key-spec AES_256 --encryption-context App=web
check "list-grants" gives "$grant	volume-1	$grantee	db" list-grants --key-id "$granting" \
	--query 'Grants[].[GrantId,Name,GranteePrincipal,Constraints.EncryptionContextSubset.App]'
check "list-retirable-grants" gives "$grant" list-retirable-grants --retiring-principal arn:aws:iam::123456789012:root \
	--query 'Grants[].GrantId'
check "a token that nobody made: InvalidGrantTokenException" fault InvalidGrantTokenException \
	describe-key --key-id "$granting" --grant-tokens dG9rZW4=
check "retire-grant by its token" gives "" retire-grant --grant-token "$token"
check "ends the grant" as_agent fault AccessDeniedException describe-key --key-id "$granting"
check "no such grant: NotFoundException" fault NotFoundException retire-grant --key-id "$granting" --grant-id "$grant"
check "create-grant again" create_grant
check "revoke-grant" gives "" revoke-grant --key-id "$granting" --grant-id "$grant"
check "no grant is left" gives "" list-grants --key-id "$granting" --query 'Grants[].GrantId'
check "a bad id: InvalidGrantIdException" fault InvalidGrantIdException revoke-grant --key-id "$granting" --grant-id 0

check "a policy without its author: MalformedPolicyDocumentException" fault MalformedPolicyDocumentException \
	put-key-policy --key-id "$key" --policy-name default --policy '{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}'
check "tag-resource" gives "" tag-resource --key-id "$key" --tags TagKey=team,TagValue=storage TagKey=cost,TagValue=42
check "list-resource-tags" gives "cost	42
team	storage" list-resource-tags --key-id "$key" --query 'Tags[].[TagKey,TagValue]'
check "untag-resource" gives "" untag-resource --key-id "$key" --tag-keys cost
check "a tag of AWS's own: TagException" fault TagException tag-resource --key-id "$key" --tags TagKey=aws:x,TagValue=1
check "update-key-description" gives "" update-key-description --key-id "$key" --description "volumes of production"
check "describe-key gives it" gives "volumes of production" describe-key --key-id "$key" --query KeyMetadata.Description
random_bytes() { [ "$(kms generate-random --number-of-bytes 33 --query Plaintext | base64 -d | wc -c)" = 33 ]; }
check "generate-random" random_bytes
check "get-key-rotation-status: off" gives False get-key-rotation-status --key-id "$key" --query KeyRotationEnabled
check "enable-key-rotation" gives "" enable-key-rotation --key-id "$key"
check "get-key-rotation-status: on" gives True get-key-rotation-status --key-id "$key" --query KeyRotationEnabled
check "disable-key-rotation" gives "" disable-key-rotation --key-id "$key"
check "off again" gives False get-key-rotation-status --key-id "$key" --query KeyRotationEnabled
check "schedule-key-deletion" gives "$arn	PendingDeletion	7" schedule-key-deletion --key-id "$key" \
	--pending-window-in-days 7 --query '[KeyId,KeyState,PendingWindowInDays]'
check "pending deletion: KMSInvalidStateException" fault KMSInvalidStateException \
	decrypt --ciphertext-blob "fileb://$scratch/wrapped" --encryption-context "$context"
check "cancel-key-deletion" gives "$arn" cancel-key-deletion --key-id "$key"
check "leaves the key disabled" gives Disabled describe-key --key-id "$key" --query KeyMetadata.KeyState

check "unknown access key: UnrecognizedClientException" env AWS_ACCESS_KEY_ID=AKIAUNKNOWN000000001 \
	AWS_SECRET_ACCESS_KEY=x AWS_PROFILE= bash -c "$(declare -f kms fault); port=$port region=$region
	unset AWS_PROFILE; fault UnrecognizedClientException list-keys"
wrong_secret() {
	AWS_ACCESS_KEY_ID=$(sed -n '/\[admin\]/,$s/aws_access_key_id = //p' "$scratch/credentials") \
	AWS_SECRET_ACCESS_KEY=wrong AWS_PROFILE='' bash -c "$(declare -f kms fault); port=$port region=$region
	unset AWS_PROFILE; fault InvalidSignatureException list-keys"
}
check "wrong secret: InvalidSignatureException" wrong_secret
wrong_region() { local region=eu-west-1; fault InvalidSignatureException list-keys; }
check "wrong region: InvalidSignatureException" wrong_region

untrusted() { ! AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt kms list-keys; }
check "without its certificate the CLI does not trust it" untrusted

audited() {
	local events
	events=$(jq -r .eventName "$scratch/audit.jsonl" | sort -u | tr '\n' ' ')
	same "CancelKeyDeletion CreateAlias CreateGrant CreateKey Decrypt DeleteAlias DescribeKey DisableKey DisableKeyRotation EnableKey EnableKeyRotation Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateRandom GetKeyPolicy GetKeyRotationStatus ListAliases ListGrants ListKeyPolicies ListKeys ListResourceTags ListRetirableGrants PutKeyPolicy ReEncrypt RetireGrant RevokeGrant ScheduleKeyDeletion TagResource UntagResource UpdateAlias UpdateKeyDescription " "$events" &&
		jq -es 'map(select(.errorCode == "DisabledException")) | length == 2' "$scratch/audit.jsonl" >/dev/null
}
check "the audit trail has every operation, and the refusals" audited
check "SIGTERM ends it with status 0" stop_kms
finish
