# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Functions of the agent-* cases: they start the real envelope-kms and enveloped on sockets and
# folders of their own, and call the KMS's API for its administrator.
#
#	start_kms [TLS-PORT]; stop_kms			$kms is its pid
#	kms_on_host PORT				leads the host's aws CLI there; prints its port
#	start_agent [LEASE [WINDOW [RENEWAL]]]		seconds; $agent is its pid; $agent_more is a line of its
#						configuration
#	stop_agent [SIGNAL]
#	kms OPERATION JSON				prints the answer; fails with the KMS
#	new_key_id					prints the id of a new KMS key
#	cluster VERB NAME OPTION...			envelope cluster VERB
#	status_of NAME; field NAME FIELD		of envelope cluster describe
#	wait_status NAME STATUS
#	serial_of VOLUME-ID				of its key in the keyring; fails without one

# shellcheck source=tests/lib/daemons.bash
. "$VM_CHECKOUT/tests/lib/daemons.bash"
PATH=$DM_ENVELOPE_BUILD:$PATH
export ENVELOPE_SOCKET=/run/envelope/agent.sock ENVELOPE_SUSPEND=$DM_ENVELOPE_BUILD/envelope-suspend
kms_socket=$PWD/kms.sock
catalog=$PWD/state/catalog.sqlite
audit=$PWD/audit.jsonl
region=us-east-1
chmod 755 "$PWD"
mkdir -p /run/envelope

# The disks are shared by the cases of a boot: no volume of another case may be found. A
# mounted one is this case's already.
if [ "$VM_BOOT" = 1 ]; then
	for number in 0 1 2 3; do
		grep -q "^$(disk $number) " /proc/mounts && continue
		must dd if=/dev/zero of="$(disk $number)" bs=1M count=4 conv=fsync status=none
	done
fi

# Each try starts a program: not so often that asking is all that the machine does.
wait_step=0.5

start_kms() {
	run_kms "$kms_socket" --state-dir "$PWD/kms" --listen-tcp "${1:-0}" --root-key "$PWD/root.key" \
		--credentials "$PWD/credentials" --audit-file "$PWD/kms-audit.jsonl" >&2
}

# The KMS listens on loopback only; what the host sends arrives on the network card. The
# CLI is real either way, and takes minutes where every instruction is emulated.
kms_on_host() {
	systemd-socket-activate -l "10.0.2.15:$1" /lib/systemd/systemd-socket-proxyd "127.0.0.1:$1" >&2 &
	install -m 600 credentials kms/ca.pem /run/vm/ && ask-host forward "$1"
}

stop_kms() {
	stop_daemon "$kms"
	rm -f "$kms_socket"
}

start_agent() {
	local lease=${1:-60}
	# A machine that emulates every instruction is slow, but a lease has time for two questions. A case that
	# is not about leases has long ones, and so waits long for the KMS.
	cat >agent.conf <<-CONF
	Region=$region
	KmsEndpoint=unix:$kms_socket
	CredentialsFile=$PWD/credentials
	StateDirectory=$PWD/state
	AuditFile=$audit
	Worker=$DM_ENVELOPE_BUILD/envelope-kms-worker
	KmsTimeoutSeconds=$((lease < 40 ? lease / 2 : lease < 60 ? 20 : lease / 3))
	LeaseSeconds=$lease
	RecoveryWindowSeconds=${2:-0}
	${3:+RenewSeconds=$3}
	${agent_more:-}
	CONF
	run_agent --config "$PWD/agent.conf" >&2
}

stop_agent() {
	stop_daemon "$agent" "${1:-TERM}"
}

kms() {
	awk '/^\[/ { on = $0 == "[admin]" } on && /^aws_access_key_id/ { id = $3 }
		on && /^aws_secret_access_key/ { print "user = \"" id ":" $3 "\"" }' credentials >curl.conf
	curl -sS --fail-with-body -K curl.conf --unix-socket "$kms_socket" --aws-sigv4 "aws:amz:$region:kms" \
		-H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: TrentService.$1" \
		-d "$2" http://localhost/
}

new_key_id() { kms CreateKey '{}' | jq -r .KeyMetadata.KeyId; }

cluster() {
	local verb=$1 name=$2
	shift 2
	[ "$verb" = create ] && devices+=("envelope-${name,,}")
	envelope cluster "$verb" --db-cluster-identifier "$name" "$@"
}

field() { cluster describe "$1" --output json | jq -r ".DBClusters[0].$2 // \"\""; }
status_of() { field "$1" Status; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
wait_status() { wait_for 300 has_status "$1" "$2"; }

serial_of() { keyctl search @u envelope "dm-envelope:$1"; }

# fault_of COMMAND...: the fault's name that the command printed on standard error
fault_of() { "$@" 2>&1 >/dev/null | grep -oE '[A-Za-z.]+(NotFound|Fault|Combination|Value|Unreachable|Header|InUse|Timeout)' | head -1; }

# recorded EVENT: number of records of that name in the audit trail
recorded() { jq -c "select(.eventName == \"$1\")" "$audit" | grep -c .; }

gone() { ! kill -0 "$1" 2>/dev/null; }
