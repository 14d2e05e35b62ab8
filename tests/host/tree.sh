#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The shape of the tree: licences, names, and no file that a tool makes. The lengths of files
# are checked by tests/style/sizes.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash
WIDEST_LINE=105

# Tracked files and those about to be.
tree() {
	git ls-files -co --exclude-standard -- "$@" | sort -u | while IFS= read -r f; do [ -e "$f" ] && echo "$f"; done
}

sources() {
	tree '*.c' '*.h' '*.sh' '*.bash' '*.py' '*.mk' '*.varlink' Makefile '*/Makefile' Kbuild dkms.conf
	tree tests userspace/units .ci | while IFS= read -r f; do head -c 2 "$f" | grep -q '^#!' && echo "$f"; done
}

spdx() {
	local f status=0 want
	while IFS= read -r f; do
		case $f in
		kmod/uapi/*) want='GPL-2.0 WITH Linux-syscall-note' ;;
		kmod/* | tests/bench/kmod/* | tests/bench/uml/* | Kbuild | dkms.conf) want=GPL-2.0 ;;
		*.varlink) continue ;;	# clients get the file unchanged
		*) want=MIT ;;
		esac
		head -n 4 "$f" | grep -qE "SPDX-License-Identifier: $want( \*/)?\$" ||
			{ echo "$f: no line SPDX-License-Identifier: $want"; status=1; }
	done < <(sources | sort -u)
	return $status
}

# Each file opens with a comment on its purpose.
opens_with_comment() {
	local f status=0
	while IFS= read -r f; do
		sed -n 2p "$f" | grep -qE '^(/\*|#|;)' || { echo "$f: no comment on what it is for"; status=1; }
	done < <(tree 'userspace/*.c' 'userspace/*.h' 'kmod/*.c' 'kmod/*.h' 'tests/*.c')
	return $status
}

line_widths() {
	local f status=0
	while IFS= read -r f; do
		# a message stays on one line, so that grep finds it
		expand "$f" | awk -v f="$f" -v most=$WIDEST_LINE 'length > most && !/"/ { print f ":" NR ": " length " columns"; bad = 1 }
			END { exit bad }' || status=1
	done < <(tree 'userspace/*.c' 'userspace/*.h' 'kmod/*.c' 'kmod/*.h')
	return $status
}

telling_names() {
	! tree | grep -iE '(^|[/_-])(util|utils|helper|helpers|common|misc|manager|stuff|[a-z]+2)\.(c|h|sh|py)$'
}

top_level() {
	same "$(printf '%s\n' .ci .clang-format .editorconfig .gitignore Kbuild LICENSE LICENSES Makefile README.md dkms.conf docs \
		kmod tests userspace | LC_ALL=C sort)" \
		"$(tree | cut -d/ -f1 | LC_ALL=C sort -u)"
}

nothing_generated() {
	! git ls-files | grep -E '\.(o|a|ko|mod|mod\.c|cmd|d|pyc|gcda|gcno|orig|rej|swp|log|sqlite|pem|key)$|(^|/)(build|__pycache__)/|~$'
}

nothing_untracked() {
	local left
	left=$(git status --porcelain --untracked-files=all | grep '^??')
	[ -z "$left" ] || { echo "Neither tracked nor ignored:"; echo "$left"; return 1; }
}

one_version() {
	local version others
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
	[ -n "$version" ] || return 1
	others=$(tree 'kmod/*' 'userspace/*' Makefile Kbuild VERSION | xargs grep -nF "\"$version\"")
	[ ! -e VERSION ] && [ -z "$others" ] ||
		{ echo "The version is in dkms.conf, and also in:"; echo "${others:-VERSION}"; return 1; }
}

# The kernel has one namespace for symbols, so the module's global symbols begin with envelope_.
# The kernel's macros put words of theirs before the names of tracepoints.
kernel_symbols() {
	local headers
	headers=$(find /usr/src -maxdepth 1 -name 'linux-headers-6.1.0-*-amd64' | sort -V | tail -n 1)
	make -s modules KDIR="$headers" MODULES_OUT="$scratch/module" || return 1
	nm -g --defined-only "$scratch/module/dm-envelope.ko" | awk '{ print $3 }' |
		grep -vE '^(envelope_|init_module$|cleanup_module$|__this_module$|__(ksymtab|crc)_envelope_|__pfx_(envelope_|init_module$|cleanup_module$)|(__pfx_)?__(SC[KT]__tp_func|probestub|traceiter|tracepoint)_envelope_)' \
		>"$scratch/symbols"
	sed 's/^/not prefixed: /' "$scratch/symbols"
	[ ! -s "$scratch/symbols" ]
}

no_workplace() {
	! tree | xargs -d '\n' grep -nF -- "$PWD/"
}

check "each source names its licence: kernel part GPL-2.0, the rest MIT" spdx
check "each source opens with a comment on its purpose" opens_with_comment
check "no line of C is wider than $WIDEST_LINE columns, messages apart" line_widths
check "no file is named util, helper, common or manager" telling_names
check "the top level has the expected files and folders" top_level
check "no generated file is tracked" nothing_generated
check "no file is untracked" nothing_untracked
check "the version is in one place" one_version
check "no path of a particular machine" no_workplace
check "global symbols of the module begin with envelope_" kernel_symbols
finish
