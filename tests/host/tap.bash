# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# TAP for the suites of this folder: `check NAME COMMAND...` is one test, what
# the command printed is shown when it fails. `skip NAME WHY` says what was not
# tested. `finish` prints the plan; it must be the last line of a suite.

tap_count=0
tap_failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() {
	local name=$1
	shift
	tap_count=$((tap_count + 1))
	if "$@" >"$scratch/tap.out" 2>&1; then
		echo "ok $tap_count - $name"
	else
		echo "not ok $tap_count - $name"
		sed 's/^/# /' "$scratch/tap.out"
		tap_failed=1
	fi
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

finish() {
	echo "1..$tap_count"
	exit "$tap_failed"
}

# same EXPECTED SEEN: compare two texts and show how they differ
same() {
	diff -u --label expected --label seen <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}
