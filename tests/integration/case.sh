# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The beginning of each shell case in this folder (`. "$VM_CHECKOUT/tests/integration/case.sh"`):
# TAP results, volume keys that are never in clear outside the key service, and
# encrypted devices. Must never turn a failed preparation into a pass: `must` stops the
# case with a failed result.
#
#	expect DESCRIPTION EXPECTED SEEN	equal?
#	holds DESCRIPTION COMMAND...		does it succeed? its output goes to the log
#	fails DESCRIPTION COMMAND...		does it fail?
#	io_error DESCRIPTION COMMAND...		does it report EIO? not: hang, or fail otherwise
#	absent DESCRIPTION PATTERN FILE		is the text nowhere in a file that can be read?
#	absent_on_disk DESCRIPTION TEXT N	is it nowhere on the Nth scratch disk?
#	must COMMAND...				prepare, or end the case as failed
#	note TEXT				a comment in the report
#
# Target of the devices: TARGET=envelope, or for the negative controls TARGET=crypt, the stock
# dm-crypt. dm-crypt keeps working and keeps its key whatever happens to the keyring.

set -u
# shellcheck source=tests/lib/tap.bash
. "$VM_CHECKOUT/tests/lib/tap.bash"
# shellcheck source=tests/lib/wait.bash
. "$VM_CHECKOUT/tests/lib/wait.bash"
# shellcheck source=tests/lib/module.bash
. "$VM_CHECKOUT/tests/lib/module.bash"
tap_log=${VM_RUN}/logs/$CASE_NAME.log
devices=()

note() { echo "# $*"; }

# Steps in the log, with the seconds since boot.
log() {
	local up
	read -r up _ </proc/uptime
	echo "[$up] $*" >&2
}

expect() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "$2" "$3"; fi
}

holds() {
	local what=$1 code
	shift
	log "+ $*"
	"$@" >&2
	code=$?
	if [ $code = 0 ]; then ok "$what"; else not_ok "$what" "success of: $*" "exit code $code"; fi
}

fails() {
	local what=$1
	shift
	log "+ not: $*"
	if "$@" >&2; then not_ok "$what" "failure of: $*" "it succeeded"; else ok "$what"; fi
}

# io_error: exit code 1 and the message for EIO. A command that was killed (137), or that could
# not open its device, has not seen an I/O error.
io_error() {
	local what=$1 text code
	shift
	log "+ I/O error: $*"
	LC_ALL=C "$@" >/dev/null 2>"$CASE_TMP/io_error.log"
	code=$?
	text=$(cat "$CASE_TMP/io_error.log")
	log "exit code $code: $text"
	if [ $code = 1 ] && [[ $text == *"Input/output error"* ]]; then
		ok "$what"
	else
		not_ok "$what" "exit code 1, Input/output error" "exit code $code, ${text:-no message}"
	fi
}

# absent: grep says 1 for "read it all, not there", and 2 for a file that it could not read.
absent() {
	local code
	log "+ absent: $2 in $3"
	LC_ALL=C grep -qaiE "$2" "$3" >&2
	code=$?
	if [ $code = 1 ]; then ok "$1"; else not_ok "$1" "exit code 1 of grep" "$code"; fi
}

# disk_has TEXT N: is it on the Nth scratch disk? The host searches the image, natively.
disk_has() { ask-host exec grep -qaF -e "$1" "scratch$2.img"; }

absent_on_disk() {
	log "+ absent on disk $3: $2"
	disk_has "$2" "$3"
	expect "$1" "exit code 1 of grep" "exit code $? of grep"
}

must() {
	log "+ $*"
	"$@" >&2 && return
	not_ok "is prepared" "success of: $*" "exit code $?"
	exit 1
}

# Devices and mounts go, then the plan is printed: one missing plan fails the case.
finish() {
	local code=$? i
	trap - EXIT
	for pid in $(jobs -p); do kill "$pid" 2>/dev/null; done
	findmnt -rno TARGET -O rw 2>/dev/null | grep "^$CASE_TMP/" | sort -r | xargs -r -n 1 umount -l >&2
	for ((i = ${#devices[@]} - 1; i >= 0; i--)); do
		dmsetup info "${devices[i]}" >/dev/null 2>&1 || continue
		dmsetup resume "${devices[i]}" >&2 2>/dev/null
		timeout 120 dmsetup remove --force --retry "${devices[i]}" >&2
	done
	keyctl clear @u 2>/dev/null
	plan || [ $code != 0 ] || code=1
	exit $code
}
trap finish EXIT

# disk N: the Nth scratch disk.
disk() { readlink -f "/dev/disk/by-id/virtio-scratch$1"; }

sectors_of() { blockdev --getsz "$1"; }

# device NAME TABLE-LINE...: a device-mapper device that goes away with the case.
device() {
	local name=$1
	shift
	devices+=("$name")
	log "+ $name: $*"
	dmsetup create "$name" --table "$*" >&2
}

# new_key NAME SECONDS: make a volume key and load it for the target in use; sets
# key_NAME (serial), deadline_NAME (ns, envelope only) and leaves the masked key in NAME.key.
new_key() {
	local name=$1 seconds=${2:-300} serial deadline=0
	[ -e "$CASE_TMP/$name.key" ] || head -c 128 /dev/urandom >"$CASE_TMP/$name.key"
	if [ "${TARGET:-envelope}" = envelope ]; then
		read -r serial deadline < <(keyload add "$name" "$CASE_TMP/$name.key" "$seconds")
	else
		read -r serial < <(keyload logon "test:$name" "$CASE_TMP/$name.key")
	fi
	declare -g "key_$name=${serial:-}" "deadline_$name=$deadline"
	[ -n "${serial:-}" ]
}

# found NAME [scan|schedulescan [FILE]]: the kinds of finds in RAM, on one line, or "nothing".
found() {
	local text code
	text=$(ask-host "${2:-scan}" "${3:-$CASE_TMP/$1.key}" "$1")
	code=$?
	finds "$code" "${2:-scan} for $1" "$text"
}

# finds CODE WHAT TEXT: what a search of memory has printed, as kinds of finds on one line.
finds() {
	local code=$1 text=$3 kinds
	log "$2: exit $code: $text"
	kinds=$(cut -d ' ' -f 1 <<<"$text" | xargs)
	# Only a search that ended well and found nothing is "nothing".
	case $code:$kinds in
	0:) echo nothing ;;
	1:?*) echo "$kinds" ;;
	*) echo "no search: exit code $code, $text" ;;
	esac
}

# table_of KEY LOWER [SECTOR-SIZE [IV-OFFSET [OFFSET]]]: the table line of an encrypted device.
table_of() {
	local key=$1 lower=$2 size=${3:-4096} iv=${4:-0} offset=${5:-0} length
	length=$((($(sectors_of "$lower") - offset) / 8 * 8))
	if [ "${TARGET:-envelope}" = envelope ]; then
		echo "0 $length envelope aes-xts-plain64 :64:envelope:$key $iv $lower $offset 1 sector_size:$size"
	else
		echo "0 $length crypt aes-xts-plain64 :64:logon:test:$key $iv $lower $offset 1 sector_size:$size"
	fi
}

# encrypted NAME KEY LOWER [SECTOR-SIZE [IV-OFFSET [OFFSET]]]
encrypted() {
	local name=$1
	shift
	device "$name" "$(table_of "$@")"
}

# state_of DEVICE: "live -" or "failed <reason>".
state_of() { dmsetup status "$1" | awk '{ print $4, $5 }'; }

# status_field DEVICE N: word N after the target's name.
status_field() { dmsetup status "$1" | awk -v n="$2" '{ print $(3 + n) }'; }

# ios_of DEVICE: number of reads and writes that DEVICE has finished.
ios_of() { awk '{ print $1 + $5 }' "/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor "$1")/stat"; }

# uptime_s: seconds since boot.
uptime_s() { cut -d . -f 1 /proc/uptime; }

# failed_at DEVICE: the time of the failure in the kernel log, in seconds since boot.
# The case may see the failure later.
failed_at() {
	local number
	number=$(dmsetup info -c --noheadings -o major,minor "$1")
	dmesg | sed -n "s/^\[ *\([0-9]*\)\.[0-9]*\] device-mapper: envelope: $number: failed: .*/\1/p" | tail -n 1
}

# lease_left DEVICE: seconds left of the lease; empty if DEVICE has failed.
lease_left() { dmsetup status "$1" | awk '$4 == "live" { print $6 }'; }

# io_stuck DEVICE: are at least one read and one write of DEVICE unfinished?
io_stuck() {
	local reads writes
	read -r reads writes <"/sys/dev/block/$(dmsetup info -c --noheadings -o major,minor "$1")/inflight" &&
		[ "$reads" -gt 0 ] && [ "$writes" -gt 0 ]
}

# blocked_in PID FUNCTION: does process PID sleep in FUNCTION of the kernel?
blocked_in() { grep -q "$2" "/proc/$1/stack"; }

# revoke_ms SERIAL: revokes the key; prints how many milliseconds the call took, or "never".
revoke_ms() {
	local called returned
	read -r called returned < <(timeout 120 endkey revoke "$1")
	[ -n "${returned:-}" ] && echo $(((returned - called) / 1000000)) || echo never
}

# prompt DESCRIPTION MILLISECONDS: passes below two seconds.
# A loaded machine needs less, the timeout of a hung disk is longer.
prompt() {
	note "$1: $2 ms"
	if [ "$2" != never ] && [ "$2" -lt 2000 ]; then ok "$1"; else not_ok "$1" "less than 2000 ms" "$2"; fi
}

# polled_disk: /dev/nullb0 with 1 GiB in RAM and queues to poll; the other disks of a guest have
# no such queues. The disk takes large bios, because device mapper returns EAGAIN for a polled bio
# that must be split.
polled_disk() {
	modprobe null_blk nr_devices=1 gb=1 bs=4096 memory_backed=1 max_sectors=2048 no_sched=1 \
		submit_queues=2 poll_queues=2
}

# read_block, write_block DEVICE: one direct I/O; a fault of the device, a hang included, is a failure.
read_block() { timeout -s KILL 120 direct read "$1"; }
write_block() { timeout -s KILL 120 direct write "$1"; }

# The key type and target of this checkout; dm-crypt for the oracle and the controls.
modprobe -a dm-crypt dm-mod >&2
if [ -n "${VM_MODULE:-}" ]; then
	must modprobe dm-envelope
fi
