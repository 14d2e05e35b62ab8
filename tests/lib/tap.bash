# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The one TAP writer of shell tests (the one for Python is tap.py).
#
#	ok NAME				one result
#	not_ok NAME [EXPECTED SEEN]	and $tap_log, if it is set, as the log to look at
#	skip NAME WHY			a test that cannot run here
#	comments			standard input as comments, below a failed result
#	plan				the plan; fails if a test has failed or none has run
#	renumber			filter: results without numbers, numbered, and the plan

tap_count=0
tap_failed=0

ok() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

not_ok() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ $# = 1 ] || printf '# expected: %s\n# seen:     %s\n' "${2:-success}" "${3:-failure}"
	[ -z "${tap_log:-}" ] || echo "# log:      $tap_log"
}

skip() { ok "$1 # SKIP $2"; }

comments() { sed 's/^/# /'; }

plan() {
	echo "1..$tap_count"
	[ $tap_failed = 0 ] && [ $tap_count -gt 0 ]
}

renumber() {
	awk '/^(not )?ok - / { sub(/ok -/, "ok " ++n " -") } { print } END { print "1.." n + 0 }'
}
