#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `envelope kms help` explains how to make a first key. The test takes the commands
# from the text and runs them with the real AWS CLI against the real KMS. Only the
# paths and the port differ.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
# shellcheck source=tests/lib/wait.bash
. tests/lib/wait.bash
# shellcheck source=tests/lib/daemons.bash
. tests/lib/daemons.bash
bin=$(realpath "${BIN:-build/asan}")
[ -x "$bin/envelope-kms" ] || { echo "Bail out! $bin/envelope-kms is missing: make userspace-asan"; exit 1; }
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
PATH=$bin:$PATH
options=(--state-dir "$scratch/kms" --root-key "$scratch/root.key" --credentials "$scratch/credentials"
	--listen-tcp "$port" --audit-file "$scratch/audit.jsonl")

# The commands of one numbered step, without their indentation.
step() {
	"$bin/envelope" kms help | awk -v want="$1." '/^[0-9]+\./ { on = $1 == want; next } on' |
		sed -n 's/^     //p' | sed -e "s|/etc/envelope/|$scratch/|g" -e "s|/var/lib/envelope-kms/|$scratch/kms/|g" \
			-e "s|127.0.0.1:8443|127.0.0.1:$port|g" -e 's|aws --endpoint|/usr/bin/aws --endpoint|'
}

# The unit makes them, so the step can also be given after the services run: the README starts them first.
first_step() {
	step 1
	[ "$(step 1)" = "systemctl enable --now envelope-kms enveloped" ] &&
		grep -q '^ExecStartPre=.*/envelope-kms --init$' userspace/units/systemd/envelope-kms.service.in &&
		envelope-kms "${options[@]}" --listen-unix "$scratch/kms.sock" --init
}
check "step 1 makes root key, certificate and credentials" first_step

trap 'stop_daemon "$kms"; rm -rf "$scratch"' EXIT
run_kms "$scratch/kms.sock" "${options[@]}" >"$scratch/kms.log" 2>&1

run_steps() {
	{ step 2; echo 'set -e'; step 3; } >"$scratch/commands"
	cat "$scratch/commands"
	bash -u "$scratch/commands" >"$scratch/steps.out" 2>&1
	local status=$?
	cat "$scratch/steps.out" "$scratch/kms.log"
	return $status
}
check "steps 2 and 3 run with the aws CLI" run_steps

enabled() {
	cat "$scratch/steps.out"
	[ "$(jq -r '.KeyMetadata // empty | .KeyState + " " + .Description' "$scratch/steps.out")" = "Enabled database clusters" ]
}
check "and end with an enabled key behind the alias" enabled

granted() {
	{ step 2; echo "AWS_PROFILE=enveloped; kms describe-key --key-id alias/databases"; } >"$scratch/commands"
	bash -eu "$scratch/commands" 2>&1 | tee -a /dev/stderr | grep -q '"KeyState": "Enabled"'
}
check "which the agent may use" granted

revoked() {
	{ step 2; step 3; echo "kms disable-key --key-id \"\$id\" && kms describe-key --key-id \"\$id\" --query KeyMetadata.KeyState"; } |
		sed 's|alias/databases|alias/others|g' >"$scratch/commands"
	bash -eu "$scratch/commands" 2>&1 | tail -n 1 | tee -a /dev/stderr | grep -q Disabled
}
check "disable-key as in the text disables it" revoked
finish
