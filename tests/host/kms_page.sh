#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The operator's guide of the KMS, docs/kms.md: its commands are taken from the page and run in their order with the
# real AWS CLI against the real KMS. Only the paths and the port differ, and systemctl is one that starts and stops
# this KMS. A block of commands that the page calls refused must fail. kms_policy.py has the policies of the page.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
page=$(realpath docs/kms.md)
program=$(realpath "${ENVELOPE_KMS:-build/asan/envelope-kms}")
[ -x "$program" ] || { echo "Bail out! $program is missing: make userspace-asan"; exit 1; }
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
lib=$(realpath tests/lib)
mkdir "$scratch/bin" "$scratch/etc" "$scratch/backup"

# The stand-ins of what the page finds on its host.
printf '#!/bin/bash\nexec %s "$@" %s\n' "$program" \
	"--state-dir=$scratch/state --root-key=$scratch/etc/kms-root.key --credentials=$scratch/etc/credentials \
--audit-file=$scratch/log/kms-audit.jsonl --listen-unix=$scratch/kms.sock --listen-tcp=$port" >"$scratch/bin/envelope-kms"
cat >"$scratch/bin/systemctl" <<END
#!/bin/bash
. $lib/wait.bash
listens() { [ -S $scratch/kms.sock ] && (: <"/dev/tcp/127.0.0.1/$port"); }
serves_or_ended() { listens 2>/dev/null || ! kill -0 "\$kms" 2>/dev/null; }
is_gone() { ! kill -0 "\$kms" 2>/dev/null; }
reloads() { grep -c ConfigurationReload $scratch/log/kms-audit.jsonl; }
has_reloaded() { [ "\$(reloads)" -gt "\$before" ]; }
case \$1 in
enable | start)
	envelope-kms >>$scratch/kms.log 2>&1 </dev/null &
	kms=\$!
	echo "\$kms" >$scratch/pid
	wait_for 120 serves_or_ended && kill -0 "\$kms" && exit
	tail -n 3 $scratch/kms.log
	exit 1
	;;
stop)
	kms=\$(cat $scratch/pid)
	kill "\$kms" && wait_for 120 is_gone
	;;
reload)
	before=\$(reloads)
	envelope-kms --check-config && kill -HUP "\$(cat $scratch/pid)" && wait_for 120 has_reloaded
	;;
esac
END
chmod +x "$scratch"/bin/*
mkdir "$scratch/log"
trap 'kill "$(cat "$scratch/pid")" 2>/dev/null; rm -rf "$scratch"' EXIT

# block KIND NUMBER: the text of one block of the page
block() {
	awk -v fence='```'"$1" -v want="$2" '$0 == fence { on = ++n == want; next } /^```/ { on = 0 } on' "$page" |
		sed -e "s|/etc/envelope/|$scratch/etc/|g" -e "s|/var/lib/envelope-kms-counter/|$scratch/state-counter/|g" \
			-e "s|/var/lib/envelope-kms/|$scratch/state/|g" -e "s|/backup/|$scratch/backup/|g" -e "s|127.0.0.1:8443|127.0.0.1:$port|g"
}

# The blocks share a folder, and each begins with the variables and functions that the one before has left.
run_block() {
	{
		echo "cd $scratch; [ ! -e env ] || . ./env; set -eu; set -x"
		block "$1" "$2"
		# shellcheck disable=SC2016 # the block expands it
		echo '{ set +x; } 2>/dev/null; { for v in id agent grant newer; do declare -p $v; done; export -p; declare -f kms; } >env 2>/dev/null || :'
	} >"$scratch/commands"
	PATH="$scratch/bin:/usr/bin:/bin" AWS_CONFIG_FILE=/dev/null AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 \
		bash "$scratch/commands" >"$scratch/out" 2>&1
	local status=$?
	cat "$scratch/out"
	return $status
}

is_refused() {
	! run_block "sh refused" "$1" && grep -q "$2" "$scratch/out"
}

first() { block sh "$1" | grep -v '^export\|^kms()\|^$' | head -n 1 | cut -c1-70; }
works() { check "$1 $2: $(first "$2")" run_block sh "$2"; }

# The policies are files beside the commands.
block json 1 >"$scratch/managed.json"

sections=(Install "A first key" "Who may do what" "The policy of before" "The policy is put" "The agent's grant" "Its end")
for n in 1 2 3 4 5 6 7; do works "${sections[n - 1]}" $n; done
check "the trail has the auditor's call" grep -q user/auditor "$scratch/log/kms-audit.jsonl"
check "without the grant the agent is refused" is_refused 1 AccessDeniedException
for n in 8 9 10 11; do works "Rotation, backup, restore" $n; done
check "an old copy is refused" is_refused 2 accept-rollback
works "The old copy is accepted" 12
old_states() {
	# shellcheck disable=SC1091,SC2154 # the commands of the page have made the file and its variables
	(. "$scratch/env" && same Enabled "$(kms describe-key --key-id "$id" --query KeyMetadata.KeyState --output text)" &&
		! kms describe-key --key-id "$newer" 2>"$scratch/out" && grep NotFoundException "$scratch/out")
}
check "the key that was disabled since is enabled, and the one that was made since is unknown" old_states
works "What was changed since" 13
works "Audit" 14
check "the trail is whole, also after the restore" grep -q '"Whole":true' "$scratch/out"
works "A lost counter" 15
check "a store without its counter is refused" is_refused 3 accept-rollback
works "It is accepted" 16
works "The new chain of the trail" 17
blocks() { same "17 3 6" "$(grep -c '^```sh$' "$page") $(grep -c '^```sh refused$' "$page") $(grep -c '^```json$' "$page")"; }
check "no block of the page is left out" blocks
finish
