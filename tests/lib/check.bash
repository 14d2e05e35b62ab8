# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Suites in shell that run on this machine: `check NAME COMMAND...` is one test, and shows
# what the command printed if it fails. `same EXPECTED SEEN` compares two texts and shows how
# they differ. `finish` prints the plan; it must be the last line of a suite. $scratch is a
# folder that goes away with the suite.

# shellcheck source=tests/lib/tap.bash
. "${BASH_SOURCE[0]%/*}/tap.bash"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() {
	local name=$1
	shift
	if "$@" >"$scratch/tap.out" 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		comments <"$scratch/tap.out"
	fi
}

same() { diff -u --label expected --label seen <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

finish() {
	plan
	exit
}
