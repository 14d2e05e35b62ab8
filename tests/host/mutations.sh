#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The negative controls of the KUnit suites have not rotted: each row of tests/kunit/mutations
# still changes the file that it names, and the test that is to notice exists. `make mutations`
# runs them.

set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/host/tap.bash

applies() {
	sed -E -z "$2" "$1" >"$scratch/mutated" || return 1
	! cmp -s "$1" "$scratch/mutated" || { echo "the expression matches nothing in $1: $2"; return 1; }
}
exists() {
	local suite=${1%%.*} case=${1#*.} file
	file=$(grep -lF ".name = \"$suite\"" kmod/*_test.c) || { echo "no suite $suite"; return 1; }
	grep -qE "KUNIT_CASE[A-Z_]*\(${case%%:*}\b" "$file" || { echo "no case ${case%%:*} in $file"; return 1; }
}

while IFS=$'\t' read -r name file test expression; do
	case $name in ''|'#'*) continue ;; esac
	check "$name still changes $file" applies "$file" "$expression"
	check "$name: there is a test $test" exists "$test"
done <tests/kunit/mutations
finish
