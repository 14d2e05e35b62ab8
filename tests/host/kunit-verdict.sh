#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The verdict on a KUnit guest fails for everything that can go wrong: a suite or a case that
# did not run, a table without rows, a guest that died, a checker that reported on the console.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash

# record: the report of a guest in which all cases of the sources have passed.
record() {
	echo "begin of run dm-envelope"
	awk '
	/KUNIT_CASE[A-Z_]*\(/ { split($0, part, /[(),]/); cases[++n] = part[2] }
	/\.name = "/ && n {
		split($0, part, "\"")
		print "    KTAP version 1\n    # Subtest: " part[2] "\n    1.." n
		for (i = 1; i <= n; i++)
			print "    ok " i " " cases[i]
		print "ok 1 " part[2]
		n = 0
	}' kmod/*_test.c
	printf '%s\n' 'module was unloaded' 'kmemleak found nothing' 'lockdep was on to the end' 'end of run dm-envelope'
}

# verdict [GLOB]: of $scratch/results and $scratch/console. Non-zero if something failed.
verdict() {
	tests/kunit/verdict "$scratch/results" "$scratch/console" "$@" >"$scratch/verdict" || return 2
	! grep -q '^not ok' "$scratch/verdict" || return 1
}

# fails_with LINE [GLOB]: the verdict is bad, and contains LINE.
fails_with() {
	local line=$1 status
	shift
	verdict "$@"
	status=$?
	cat "$scratch/verdict"
	[ $status = 1 ] && grep -qxF -e "$line" "$scratch/verdict"
}

# without EXPRESSION: the record after sed -E.
without() { record | sed -E "$1" >"$scratch/results"; }

echo "[    0.000000] Linux version" >"$scratch/console"
first=$(record | sed -n 's/^    # Subtest: //p' | head -n 1)
check "the sources have suites and cases" test "$(record | grep -c '^    ok ')" -gt 20

record >"$scratch/results"
check "a complete record passes" verdict
for suite in $(record | sed -n 's/^    # Subtest: //p'); do
	without "/# Subtest: $suite$/,/^ok 1 $suite$/d"
	check "without the suite $suite it fails, by name" fails_with "# nothing at all of the suite $suite"
done

case=$(record | sed -n 's/^    ok 1 //p' | head -n 1)
without "/^    ok 1 $case$/d"
check "without one case it fails, by name" fails_with "# missing: $first.$case"
check "and passes if only another was asked for" verdict 'envelope_lifecycle.dies_*'
check "a filter that matches nothing fails" fails_with "# the sources have no case that matches envelope_typo.*" 'envelope_typo.*'
without "s/^    ok 1 $case$/    not ok 1 $case/"
check "a failed case fails" fails_with "not ok - $first.$case"

for fact in 'module was unloaded' 'kmemleak found nothing' 'lockdep was on to the end'; do
	without "s/^$fact$/begin $fact\nwhy\nend $fact/"
	check "without \"$fact\" it fails" fails_with "not ok - $fact"
done
without '/^end of run/d'
check "a guest that died fails" fails_with "not ok - guest came to the end"
: >"$scratch/results"
check "no results at all fail" fails_with "not ok - every case that was asked for has run"

record >"$scratch/results"
for splat in 'BUG: KASAN: slab-use-after-free in envelope_map' 'WARNING: possible circular locking dependency detected' \
	'BUG: sleeping function called from invalid context' 'INFO: task sh:1 blocked for more than 120 seconds.'; do
	echo "[    1.000000] $splat" >"$scratch/console"
	check "\"$splat\" on the console fails" fails_with "not ok - no splat on the console"
done
finish
