# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The check of every key-* case: a volume under fio load loses its key by one METHOD, and no
# I/O may succeed afterwards. `key_death METHOD` prints results. `key_death_findings METHOD`
# counts the failed ones, for the negative controls: the same function on dm-crypt must find
# some.
#
# How "no success after the call returned" is known: the kernel's block_bio_complete trace
# event of the volume, with error 0, in the monotonic clock, against that clock read by
# endkey right after its system call. User space would only see completions late.

trace=/sys/kernel/tracing

# Milliseconds that a completion may be late if the key does not end by a system call of the
# key type: the I/O path notices a flag or a time itself, and a completion may follow its last
# check. A revoke waits for such completions: none may be late.
late_allowed_ms=50

# Options of the load for fio, and the disk below the volume: a case may set them.
load_words="--rw=randrw --bsrange=4k-32k --ioengine=libaio --iodepth=16"
victim_disk=$(disk 1)

start_load() {
	local file=$1 name=$2
	# shellcheck disable=SC2086
	fio --name=load --filename="/dev/mapper/$name" $load_words --direct=1 --numjobs=2 --size=16m --time_based \
		--runtime=300 --continue_on_error=all --ignore_error=EIO,EIO --error_dump=0 --output="$file" &
	load=$!
}

# A neighbour with a key of its own writes and verifies all the while.
start_bystander() {
	fio --name=bystander --filename=/dev/mapper/bystander --rw=randwrite --bs=4k --direct=1 --ioengine=libaio \
		--iodepth=4 --size=2m --verify=crc32c --loops=1000 --time_based --runtime=4 --output=bystander.fio &
	neighbour=$!
}

start_trace() {
	local number
	number=$(($(dmsetup info -c --noheadings -o major "$1") << 20 | $(dmsetup info -c --noheadings -o minor "$1")))
	echo 0 >$trace/tracing_on
	echo mono >$trace/trace_clock
	echo 4096 >$trace/buffer_size_kb
	echo "dev == $number && error == 0" >$trace/events/block/block_bio_complete/filter
	echo 1 >$trace/events/block/block_bio_complete/enable
	echo >$trace/trace
	echo 1 >$trace/tracing_on
}

stop_trace() {
	echo 0 >$trace/tracing_on
	echo 0 >$trace/events/block/block_bio_complete/enable
	cat $trace/trace >"$1"
	echo 0 >$trace/events/block/block_bio_complete/filter
}

# successes TRACE FROM-NS: "<number before> <number after> <ms of the last one after>".
successes() {
	awk -v from="$2" '/block_bio_complete/ {
		for (i = 1; i <= NF; i++)
			if ($i ~ /^[0-9]+\.[0-9]+:$/) { split($i, t, "[.:]"); us = t[1] * 1000000 + t[2] }
		if (us > int(from / 1000) + 1) { after++; last = us } else before++
	}
	END { printf "%d %d %.1f\n", before, after, after ? (last - from / 1000) / 1000 : 0 }' "$1"
}

# end_key METHOD: do it; sets ended_ns (from here on nothing may succeed) and reason.
end_key() {
	local ring=$victim_ring
	case $1 in
	revoke) reason=key-revoked; read -r called ended_ns < <(endkey revoke "$key_victim") ;;
	invalidate) reason=key-invalidated; read -r called ended_ns < <(endkey invalidate "$key_victim") ;;
	timeout)
		reason=key-expired
		read -r called ended_ns < <(endkey timeout "$key_victim" 2)
		ended_ns=$((ended_ns + 2000000000))
		;;
	lease)
		# This renewal shortens the lease to three seconds from now. No renewal follows.
		reason=lease-expired called=0
		if [ "${TARGET:-envelope}" = envelope ]; then
			ended_ns=$(keyload renew "$key_victim" 3)
		else
			ended_ns=$(awk '{ printf "%d", ($1 + 3) * 1000000000 }' /proc/uptime)
		fi
		;;
	unlink) reason=key-unlinked; read -r called ended_ns < <(endkey unlink "$key_victim" "$ring") ;;
	clear) reason=key-unlinked; read -r called ended_ns < <(endkey clear "$ring") ;;
	esac
	# The kernel's garbage collector frees the last reference, up to a second later.
	case $1 in unlink | clear) ended_ns=$((ended_ns + 1000000000)) ;; esac
	[ -n "${ended_ns:-}" ]
}

# wait_past NS: waits until 0.7 s after the time NS of CLOCK_MONOTONIC.
wait_past() {
	local up
	read -r up _ </proc/uptime
	up=$(($1 / 1000000 + 700 - ${up/./} * 10))
	[ $up -lt 40000 ] || return
	[ $up -le 0 ] || sleep "$((up / 1000)).$(printf %03d $((up % 1000)))"
}

# prepare_victim: a victim with its key in a keyring of its own, and a bystander.
prepare_victim() {
	victim_ring=$(keyctl newring victims @u)
	head -c 128 /dev/urandom >victim.key
	must new_key bystander 300
	must encrypted bystander bystander "$(disk 2)"
	if [ "${TARGET:-envelope}" = envelope ]; then
		read -r key_victim _ < <(keyload add victim victim.key 300 "$victim_ring")
	else
		read -r key_victim < <(keyload logon test:victim victim.key "$victim_ring")
	fi
	must test -n "${key_victim:-}"
	must encrypted victim victim "$victim_disk"
}

# key_death METHOD [NAME]: NAME is what the results are called.
key_death() {
	local method=$1 name=${2:-$1} before after last allowed=$late_allowed_ms load neighbour fio_code
	prepare_victim
	udevadm monitor --kernel --property --subsystem-match=block >uevents 2>&1 &
	local monitor=$!
	start_load load.fio victim
	start_bystander
	start_trace victim
	must wait_for 300 eval '[ "$(ios_of victim)" -gt 100 ]'
	log "the load runs"
	must end_key "$method"
	[ "$method" = revoke ] && allowed=0
	log "the key ends by $method: called $called, over at $ended_ns"
	must wait_past "$ended_ns"
	kill -INT "$load"
	holds "$name: no I/O hangs: the load ends at SIGINT" timeout 120 tail --pid="$load" -f /dev/null
	stop_trace trace
	read -r before after last < <(successes trace "$ended_ns")
	note "$name: $before bios succeeded before the end, $after after it, the last one $last ms after"
	[ "$before" -gt 0 ] && ok "$name: bios succeed until the end (the trace sees them)" ||
		not_ok "$name: bios succeed until the end (the trace sees them)" "more than 0" "$before"
	if awk -v l="$last" -v a=$allowed 'BEGIN { exit !(l <= a) }'; then
		ok "$name: no bio succeeds after the key ended (within $allowed ms)"
	else
		not_ok "$name: no bio succeeds after the key ended (within $allowed ms)" "0" "$after, last $last ms later"
	fi
	[ "$called" = 0 ] || note "$name: the call took $(((ended_ns - called) / 1000)) us (with its grace)"
	expect "$name: the device says failed, and why" "failed $reason" "$(state_of victim)"
	io_error "$name: a read fails" read_block /dev/mapper/victim
	io_error "$name: a write fails" write_block /dev/mapper/victim
	wait "$neighbour"
	fio_code=$?
	expect "$name: the other volume verifies all its data" 0 $fio_code
	expect "$name: the other volume is live" "live -" "$(state_of bystander)"
	kill $monitor
	expect "$name: one uevent tells it" 1 "$(grep -c "^DM_ENVELOPE_STATE=failed" uevents)"
	expect "$name: the uevent gives the reason" "DM_ENVELOPE_REASON=$reason" "$(grep ^DM_ENVELOPE_REASON uevents)"
	must dmsetup suspend victim
	must dmsetup resume victim
	expect "$name: failed stays failed over suspend and resume" "failed $reason" "$(state_of victim)"
	fails "$name: no new table takes the dead key" dmsetup create victim-again --table "$(table_of victim "$(disk 3)")"
	holds "$name: the failed device can be removed" dmsetup remove victim
}

# key_death_findings METHOD: how many of the checks fail, for the negative control.
key_death_findings() {
	(
		trap - EXIT
		tap_count=0 tap_failed=0
		key_death "$1" >"findings.$1"
		cat "findings.$1" >&2
		dmsetup remove --retry victim >&2 2>/dev/null
		dmsetup remove --retry victim-again >&2 2>/dev/null
		dmsetup remove --retry bystander >&2 2>/dev/null
		grep -c "^not ok" "findings.$1"
	)
}
