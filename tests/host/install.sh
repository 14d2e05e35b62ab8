#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make install and make uninstall below a DESTDIR: every file where a Debian host
# expects it, nothing is left behind, no file of the administrator is lost, and the
# sources installed for DKMS build the module.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
root=$scratch/root
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

quietly() {
	"$@" >"$scratch/make.out" 2>&1 || { cat "$scratch/make.out"; return 1; }
}

files() {
	(cd "$1" && find . ! -type d | sed 's/^\.//' | sort)
}

expected_files() {
	cat <<-EOF
	/etc/envelope/envelope.conf
	/etc/envelope/kms.conf
	/etc/logrotate.d/envelope
	/etc/request-key.d/envelope.conf
	/usr/bin/envelope
	/usr/lib/envelope/envelope-check
	/usr/lib/envelope/envelope-kms-worker
	/usr/lib/envelope/envelope-request-key
	/usr/lib/envelope/envelope-suspend
	/usr/lib/modules-load.d/envelope.conf
	/usr/lib/systemd/system/envelope-cluster@.service
	/usr/lib/systemd/system/envelope-kms.service
	/usr/lib/systemd/system/enveloped.service
	/usr/lib/sysusers.d/envelope.conf
	/usr/lib/tmpfiles.d/envelope.conf
	/usr/lib/udev/rules.d/60-dm-envelope.rules
	/usr/sbin/envelope-copy
	/usr/sbin/envelope-kms
	/usr/sbin/enveloped
	/usr/share/bash-completion/completions/envelope
	/usr/share/doc/dm-envelope/recover-volume-key
	/usr/share/man/man1/envelope.1
	/usr/share/man/man5/envelope.conf.5
	/usr/share/man/man8/envelope-check.8
	/usr/share/man/man8/envelope-copy.8
	/usr/share/man/man8/envelope-kms-worker.8
	/usr/share/man/man8/envelope-kms.8
	/usr/share/man/man8/envelope-request-key.8
	/usr/share/man/man8/envelope-suspend.8
	/usr/share/man/man8/enveloped.8
	EOF
}

installs_expected_files() {
	same "$(expected_files | sort)" "$(files "$root" | grep -v '^/usr/src/')"
}

modes() {
	local bad
	bad=$(find "$root" -type f \( -perm /022 -o -perm /7000 \) -o -type f ! -perm -444)
	[ -z "$bad" ] || { echo "writable for others, set-id or not readable: $bad"; return 1; }
	bad=$(find "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib/envelope" -type f ! -perm -111)
	[ -z "$bad" ] || { echo "not executable: $bad"; return 1; }
}

no_placeholder() {
	! grep -rlE '@[A-Z]+@' "$root/etc" "$root/usr/lib"
}

keeps_configuration() {
	echo "Region=eu-west-1" >>"$root/etc/envelope/envelope.conf"
	quietly make -s install DESTDIR="$root" &&
		grep -qx "Region=eu-west-1" "$root/etc/envelope/envelope.conf" || return 1
	quietly make -s uninstall DESTDIR="$root" &&
		same /etc/envelope/envelope.conf "$(files "$root")"
}

leaves_nothing() {
	rm -rf "$root"
	quietly make -s install DESTDIR="$root" && quietly make -s uninstall DESTDIR="$root" || return 1
	same "" "$(files "$root")" &&
		same "" "$(find "$root" -depth -path '*envelope*' -mindepth 1 | sed "s|^$root||")"
}

spares_others() {
	rm -rf "$root"
	mkdir -p "$root/etc/envelope" "$root/usr/bin" "$root/etc/request-key.d"
	touch "$root/etc/envelope/credentials" "$root/usr/bin/other" "$root/etc/request-key.d/other.conf"
	local before
	before=$(files "$root")
	quietly make -s install DESTDIR="$root" && quietly make -s uninstall DESTDIR="$root" &&
		same "$before" "$(files "$root")"
}

honours_prefix() {
	local other=$scratch/other
	quietly make -s install DESTDIR="$other" PREFIX=/usr/local || return 1
	[ -x "$other/usr/local/bin/envelope" ] &&
		grep -qa '/usr/local/lib/envelope/envelope-kms-worker' "$other/usr/local/sbin/enveloped" &&
		grep -q '/usr/local/lib/envelope/envelope-request-key' "$other/etc/request-key.d/envelope.conf" &&
		grep -q '^ExecStart=/usr/local/sbin/enveloped' "$other/usr/local/lib/systemd/system/enveloped.service" &&
		! files "$other" | grep -vE '^/(usr/local|etc)/' &&
		quietly make -s uninstall DESTDIR="$other" PREFIX=/usr/local && same "" "$(files "$other")"
}

check "make install DESTDIR" quietly make -s install DESTDIR="$root"
check "every file is where Debian expects it, and no other" installs_expected_files
check "modes and owners are safe" modes
check "no placeholder is left in a unit or rule" no_placeholder
check "the man pages are of this version's programs" test -s "$root/usr/share/man/man1/envelope.1"

# DKMS runs with its own folders, in a mount namespace where its signing key is
# discarded: the host's modules and keys do not change.
headers=$(find /usr/src -maxdepth 1 -name 'linux-headers-6.1.0-*-amd64' | sort -V | tail -n 1)
kernel=${headers#/usr/src/linux-headers-}
dkms_builds() {
	mkdir -p "$scratch/dkms" "$scratch/src"
	cp -r "$root/usr/src/dm-envelope-$version" "$scratch/src/"
	# shellcheck disable=SC2016
	unshare -m sh -c 'mount -t tmpfs none /var/lib/dkms && exec "$@"' - \
		dkms build "dm-envelope/$version" -k "$kernel" --kernelsourcedir "$headers" \
		--dkmstree "$scratch/dkms" --sourcetree "$scratch/src" >"$scratch/dkms.out" 2>&1 || {
		tail -n 20 "$scratch/dkms.out"
		tail -n 30 "$scratch"/dkms/dm-envelope/*/build/make.log
		return 1
	}
	local module
	module=$(find "$scratch/dkms/dm-envelope/$version/$kernel" -name 'dm-envelope.ko*')
	[ -n "$module" ] && modinfo -F vermagic "$module" | grep -q "^$kernel " && modinfo -F license "$module"
}
if ! command -v dkms >/dev/null; then
	skip "DKMS builds the module from the installed sources" "dkms is not installed"
elif [ -z "$headers" ]; then
	skip "DKMS builds the module from the installed sources" "no headers of Debian's 6.1 kernel"
else
	check "DKMS builds the module from the installed sources, for $kernel" dkms_builds
fi

check "a changed configuration survives install and uninstall" keeps_configuration
check "make uninstall leaves nothing" leaves_nothing
check "make uninstall spares files of others" spares_others
check "PREFIX moves the files and the paths in them" honours_prefix
finish
