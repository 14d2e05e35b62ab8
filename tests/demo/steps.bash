# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The steps of tests/demo/story: it prints, runs and checks each, starts the daemons and
# PostgreSQL, and looks from outside. Sourced.

# shellcheck source=tests/lib/wait.bash
. "$VM_CHECKOUT/tests/lib/wait.bash"
# shellcheck source=tests/lib/daemons.bash
. "$VM_CHECKOUT/tests/lib/daemons.bash"
export PATH=$DM_ENVELOPE_BUILD:$PATH
wait_step=0.2
bold=$(printf '\033[1m') plain=$(printf '\033[0m')
postgres_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
shown=()
broken=0
last_code=0
region=us-east-1

title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
say() { printf '  %s\n' "$1"; }

# run COMMAND...: show it, run it, show and keep what it prints (/run/demo.out).
run() {
	printf '  $ %s\n' "$*"
	"$@" >/run/demo.out 2>&1 </dev/null
	last_code=$?
	sed 's/^/    /' /run/demo.out
	[ $last_code = 0 ] || { expect "$* (exit $last_code)" false; }
	return $last_code
}

# refused FAULT COMMAND...: as run, but it is expected to fail with that fault.
refused() {
	local fault=$1
	shift
	printf '  $ %s\n' "$*"
	"$@" >/run/demo.out 2>&1 </dev/null
	last_code=$?
	sed 's/^/    /' /run/demo.out
	[ $last_code != 0 ] && grep -qF "($fault)" /run/demo.out
}

# show_host aws ARGS...: the host's aws CLI, against the guest's KMS.
show_host() {
	printf '  host$ %s\n' "$*"
	shift
	ask-host exec env AWS_SHARED_CREDENTIALS_FILE=credentials AWS_PROFILE=admin AWS_DEFAULT_REGION=$region \
		AWS_CONFIG_FILE=/dev/null AWS_MAX_ATTEMPTS=1 /usr/bin/aws --endpoint-url "https://127.0.0.1:$kms_port" \
		--ca-bundle ca.pem "$@" >/run/demo.out 2>&1
	last_code=$?
	sed 's/^/    /' /run/demo.out
	[ $last_code = 0 ] || expect "host: aws $*" false
}
last_output() { tail -n 1 /run/demo.out; }

# must WHAT CONDITION...: as expect, but without it the story cannot go on.
must() {
	local before=$broken
	expect "$@"
	[ "$broken" = "$before" ] || summary
}

# expect WHAT CONDITION...: one line of the summary.
expect() {
	local what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		shown+=("ok     $what")
	else
		shown+=("BROKEN $what")
		broken=$((broken + 1))
		printf '  %sdoes not hold: %s%s\n' "$bold" "$what" "$plain"
	fi
}

# await WHAT CONDITION...: says what it has waited for in vain.
await() {
	local what=$1 limit=300
	shift
	wait_for $limit "$@" || { say "waited $limit s in vain for: $what"; return 1; }
}

start_kms() {
	mkdir -p /etc/envelope /run/envelope-kms /var/lib/envelope-kms /var/log/envelope
	run envelope-kms --init || summary
	run_kms /run/envelope-kms/kms.sock >/run/envelope-kms.log 2>&1 || { cat /run/envelope-kms.log; summary; }
	# The KMS listens on loopback only; what the host sends arrives on the guest's network card.
	systemd-socket-activate -l 10.0.2.15:8443 /lib/systemd/systemd-socket-proxyd 127.0.0.1:8443 \
		>/run/proxy.log 2>&1 &
	kms_port=$(ask-host forward 8443)
	cp /etc/envelope/credentials /run/vm/credentials
	cp /var/lib/envelope-kms/ca.pem /run/vm/ca.pem
}

start_agent() {
	cat >/etc/envelope/envelope.conf <<END
Region=$region
KmsEndpoint=unix:/run/envelope-kms/kms.sock
Worker=$DM_ENVELOPE_BUILD/envelope-kms-worker
LeaseSeconds=60
RenewSeconds=1
KmsTimeoutSeconds=20
END
	mkdir -p /run/envelope /var/lib/envelope
	modprobe dm-envelope
	say "The agent holds a lease of 60 s on the key and renews it every second:"
	sed 's/^/    /' /etc/envelope/envelope.conf
	run_agent >/run/enveloped.log 2>&1 || { cat /run/enveloped.log; summary; }
}

# audited EVENT: is there a record of it, of the agent or of the KMS?
audited() { jq -c "select(.eventName == \"$1\")" /var/log/envelope/*.jsonl | grep -q .; }

cluster_is() {
	envelope cluster describe --db-cluster-identifier orders --output json 2>/dev/null |
		grep -q "\"Status\": *\"$1\""
}

as_postgres() {
	local program=$1
	shift
	setpriv --reuid postgres --regid postgres --clear-groups env -C / PGHOST=/run/postgresql "$postgres_bin/$program" "$@"
}

# start_postgres DATA_FOLDER
start_postgres() {
	local data=$1
	mkdir -p /run/postgresql
	chown postgres: /run/postgresql
	cat >>"$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '/run/postgresql'
shared_buffers = 16MB
restart_after_crash = off
log_line_prefix = '%m [%p] '
END
	: >/run/postgres.log
	chown postgres: /run/postgres.log
	as_postgres postgres -D "$data" >>/run/postgres.log 2>&1 &
	postgres=$!
	await "PostgreSQL" as_postgres pg_isready -q
	must "PostgreSQL accepts connections" as_postgres pg_isready -q
}
postgres_is_down() { ! kill -0 "$postgres"; }

sql() { as_postgres psql -qAt -d postgres -c "$1" >/run/demo.out 2>&1 || expect "SQL: $1" false; }
run_sql() {
	printf '  postgres=# %s;\n' "$1"
	sql "$1"
	sed 's/^/    /' /run/demo.out
}

# readable_on DEVICE: is the row's text there? Read in the guest, past the page cache.
readable_on() {
	dd if="$1" bs=1M iflag=direct status=none 2>/dev/null | grep -qaF 'Zanzibar-Quux'
}

# on_raw_disk TEXT: is it there? Read by the host, in the image that is the guest's disk.
on_raw_disk() {
	ask-host exec grep -qaF "$1" scratch0.img
}

# take_needle DEVICE: have the host unwrap the key, as documented for a recovery
# by hand, and keep it masked with a random pad. The guest never sees it. The
# encryption context is the one that the audit trail shows for the attach.
take_needle() {
	cryptsetup token export --token-id 0 "$1" | jq -r .wrapped_key >/run/vm/wrapped
	jq -c 'select(.eventName == "Decrypt") | .requestParameters.encryptionContext
		| select(has("dm-envelope:header-sha256"))' /var/log/envelope/audit.jsonl | tail -n 1 >/run/vm/context
	ask-host exec "$VM_CHECKOUT/tests/qemu/host/needle" "$kms_port" "$region"
	expect "the host unwraps the key with the aws CLI" test -s /run/vm/needle
}

# scan LABEL: dump the guest's memory from outside and search it. Returns 1 when
# something was found, 0 when the search ended well and found nothing.
scan() {
	local code
	ask-host scan /run/vm/needle "$1" >"/run/scan.$1" 2>&1
	code=$?
	if [ -s "/run/scan.$1" ]; then sed 's/^/    /' "/run/scan.$1"; else echo "    nothing found"; fi
	return $code
}

# The probe reads one block again and again, past every cache, and notes when
# the first read fails.
start_probe() {
	rm -f /run/probe.failed
	python3 - "$1" >/run/probe.log 2>&1 <<'END' &
import mmap, os, sys, time
block = mmap.mmap(-1, 4096)
device = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
open("/run/probe.ready", "w").close()
while True:
    try:
        os.preadv(device, [block], 0)
    except OSError as error:
        with open("/run/probe.new", "w") as out:
            print(f"{time.time():.3f} {error.strerror}", file=out)
        os.rename("/run/probe.new", "/run/probe.failed")
        break
    time.sleep(0.001)
END
	probe=$!
	await "the probe" test -e /run/probe.ready
}
wait_probe() {
	await "the first failed read" test -s /run/probe.failed || kill "$probe"
	wait "$probe" 2>/dev/null
}

# report_latency CALLED: from the call of the aws CLI to the first failed read.
report_latency() {
	local called=$1 failed
	failed=$(cut -d ' ' -f 1 /run/probe.failed)
	latency=$(awk -v a="$called" -v b="$failed" 'BEGIN { printf "%.0f", (b - a) * 1000 }')
	say "${bold}from calling aws kms disable-key to the first failed read: $latency ms${plain}"
	say "(of which the start of the aws CLI and the wait for the next renewal, every 1000 ms, are the most)"
}

summary() {
	title "What was shown"
	printf '  %s\n' "${shown[@]}"
	[ -z "${latency:-}" ] || printf '  %s\n' "       $latency ms from aws kms disable-key to the first failed read"
	echo
	if [ "$broken" = 0 ]; then say "All of it holds."; else say "$broken of ${#shown[@]} do not hold."; fi
	exit $((broken > 0))
}
