#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The files for systemd, udev and request-key: their own tools verify them, and
# `systemd-analyze security` measures the hardening against a bound, so that no
# change exceeds the bound unnoticed.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash

# Exposure from 0 (none) to 10. The agent needs SYS_ADMIN and block devices.
bound_enveloped=3.5
bound_envelope_kms=1.6

root=$scratch/root
make -s install DESTDIR="$root" >"$scratch/make.out" 2>&1 ||
	{ sed 's/^/# /' "$scratch/make.out"; echo "Bail out! make install fails"; exit 1; }
units=$root/usr/lib/systemd/system

# The unit's program paths point into DESTDIR, so that systemd finds the programs.
# The test ignores man pages and other units of the host.
verifies() {
	local copy=$scratch/units
	mkdir -p "$copy"
	sed -E -e "s,^(Exec[A-Za-z]+=[-+]*)/,\\1$root/," -e '/^Documentation=/d' "$units/$1" >"$copy/$1"
	SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no "$copy/$1" \
		>"$scratch/verify" 2>&1
	local status=$?
	cat "$scratch/verify"
	[ $status = 0 ] && ! grep -q "$1" "$scratch/verify"
}

exposure() {
	systemd-analyze security --offline=true --no-pager "$units/$1" |
		sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p'
}

hardened() {
	local score
	score=$(exposure "$1")
	echo "exposure level of $1: ${score:-unknown}, bound $2"
	[ -n "$score" ] && awk -v a="$score" -v b="$2" 'BEGIN { exit !(a <= b) }'
}

# The bound means something only if a unit without hardening exceeds it.
control() {
	printf '[Service]\nExecStart=/bin/true\n' >"$units/control.service"
	hardened control.service "$bound_enveloped" && return 1
	return 0
}

setting() {
	grep -qxF "$2" "$units/$1" || { echo "$1 lacks $2"; return 1; }
}

# A folder that is missing must not keep the sandbox from being set up (226/NAMESPACE), and is made.
folders_may_be_missing() {
	local path fresh=$scratch/fresh
	mkdir -p "$fresh/etc" && cp "$root/etc/group" "$root/etc/passwd" "$fresh/etc/" || return
	systemd-tmpfiles --root="$fresh" --create "$root/usr/lib/tmpfiles.d/envelope.conf" || return
	grep -q '^ExecStartPre=-+systemd-tmpfiles --create envelope.conf$' "$units/$1" ||
		{ echo "$1 does not make the folders of envelope.conf in tmpfiles.d"; return 1; }
	for path in $(sed -n 's/^ReadWritePaths=//p' "$units/$1"); do
		[ -d "$fresh/${path#-}" ] || { echo "nothing makes ${path#-}"; return 1; }
		[ "${path:0:1}" = - ] || { echo "$1 cannot start without $path"; return 1; }
	done
}

# The first command of a reload that fails ends the reload: no signal is sent then.
reload_checks_first() {
	local commands
	commands=$(sed -n 's/^ExecReload=//p' "$units/$1.service")
	echo "$commands"
	[ "$commands" = "/usr/sbin/$1 --check-config${2:+ $2}
kill -HUP \$MAINPID" ]
}

for unit in enveloped.service envelope-kms.service; do
	check "systemd-analyze verify: $unit" verifies $unit
	for line in Type=notify NoNewPrivileges=yes LimitCORE=0 MemorySwapMax=0 ProtectSystem=strict; do
		check "$unit: $line" setting $unit $line
	done
	check "systemd never gives up to start $unit" setting $unit StartLimitIntervalSec=0
	check "$unit: Restart=always" setting $unit Restart=always
	check "$unit has a watchdog" grep -q '^WatchdogSec=[1-9]' "$units/$unit"
done
check "systemd-analyze verify: envelope-cluster@.service" verifies envelope-cluster@.service
# The statuses of fault.c: 4 is a denial, 2 and 3 need a person. With each other one nobody has decided.
check "a boot start is tried again unless the key is denied" \
	setting envelope-cluster@.service "RestartPreventExitStatus=2 3 4"
check "the agent may be restarted without the clusters" eval '! grep -qE "^(Requires|BindsTo|PartOf)=" "$units/envelope-cluster@.service"'
check "lvm does not start dmeventd as a part of the agent" setting enveloped.service Wants=dm-event.socket
check "the agent reaches root's keyring" setting enveloped.service KeyringMode=shared
check "the agent gets a signal when the host goes down" setting enveloped.service \
	"ExecStop=-+sh -c 'test \"\$\$(systemctl is-system-running)\" != stopping || kill -USR1 \${MAINPID}'"
check "the agent's workers reach the KMS" setting envelope-kms.service Group=envelope-kms-client
check "security score of enveloped.service" hardened enveloped.service "$bound_enveloped"
check "security score of envelope-kms.service" hardened envelope-kms.service "$bound_envelope_kms"
check "control: a unit without hardening is over the bound" control
echo "# exposure: enveloped $(exposure enveloped.service), envelope-kms $(exposure envelope-kms.service)"

sysusers() {
	mkdir -p "$root/etc"
	systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/envelope.conf" &&
		grep -q '^envelope:' "$root/etc/group" && grep -q '^envelope-kms-client:' "$root/etc/passwd"
}
check "systemd-sysusers makes group and user" sysusers

tmpfiles() {
	systemd-tmpfiles --root="$root" --create "$root/usr/lib/tmpfiles.d/envelope.conf" &&
		[ "$(stat -c %a "$root/var/log/envelope")" = 2750 ]
}
check "systemd-tmpfiles makes the folder of the audit trail" tmpfiles

check "enveloped.service starts when a folder is missing" folders_may_be_missing enveloped.service
check "envelope-kms.service starts when a folder is missing" folders_may_be_missing envelope-kms.service
check "a reload checks the configuration before it signals the agent, and needs no KMS" reload_checks_first enveloped --no-call
check "a reload checks the settings before it signals the KMS" reload_checks_first envelope-kms

# udevadm of Debian 12 has no verify. Its test run names a rule that udev cannot parse.
udev_rule() {
	local seen
	mkdir -p "$scratch/rules"
	seen=$(unshare -m bash -c '
		mount -t tmpfs none /run && mkdir -p /run/udev/rules.d &&
		cp "$1" /run/udev/rules.d/ && SYSTEMD_LOG_LEVEL=debug udevadm test /sys/devices/virtual/mem/null 2>&1
	' - "$root/usr/lib/udev/rules.d/60-dm-envelope.rules")
	echo "$seen" | grep 60-dm-envelope
	echo "$seen" | grep -q 'Reading rules file: .*/60-dm-envelope.rules' &&
		! echo "$seen" | grep -E '60-dm-envelope.rules:[0-9]+.*(Invalid|Unknown|unexpected|error)'
}
check "udev reads the rule without complaint" udev_rule

# request-key finds the rule by the key type's name, and runs what was installed.
request_key_rule() {
	local rule program
	rule=$(grep -v '^#' "$root/etc/request-key.d/envelope.conf" | grep .)
	read -r op type description callout program argument <<<"$rule"
	echo "$rule"
	[ "$op $type $description $callout $argument" = 'create envelope dm-envelope:* * %k' ] &&
		[ -x "$root$program" ]
}
check "the request-key rule names the installed relay" request_key_rule
check "completion is bash" bash -n "$root/usr/share/bash-completion/completions/envelope"
finish
