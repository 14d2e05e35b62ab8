#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The negative controls have not rotted: each patch of tests/mutations applies, and its test
# exists. And their driver, tests/mutations/run, passes a mutation only if the named test fails
# and says why. `make unit-mutations` and `make mutations` run them all.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash

check "each patch of tests/mutations applies and compiles, and its test exists" tests/mutations/run --check

file=userspace/agent/lease/lease.c
text='return asked_ns + lease_ns;'
mkdir "$scratch/some"
# mutation NAME REPLACEMENT EXPECT [TEST]: a patch that puts REPLACEMENT in the place of $text.
mutation() {
	{
		printf '%s\n' "A protection." "Test: ${4:-unit lease_test}" "Expect: $3" ""
		sed "s/$text/$2/" "$file" | diff -U2 --label "a/$file" --label "b/$file" "$file" -
	} >"$scratch/some/$1.patch"
}
mutation noticed 'return lease_now() + lease_ns;' 'not ok .* deadline_counts_from_the_question'
mutation harmless 'return lease_ns + asked_ns;' 'not ok'
mutation another-test 'return 0;' 'not ok .* retries_back_off'
mutation no-program 'return asked_ns +;' 'not ok'
mutation moved 'return lease_now() + lease_ns;' 'not ok .* deadline_counts_from_the_question'
sed -i -E 's/^@@ .*/@@ -1,5 +1,5 @@/' "$scratch/some/moved.patch"
mutation absent 'return 0;' 'not ok'
sed -i "s/^-.*$text/-\treturn a_text_that_is_not_there;/" "$scratch/some/absent.patch"
mutation fuzzy 'return 0;' 'not ok'
sed -i '0,/^ /s/^ .*/ another context/' "$scratch/some/fuzzy.patch"
tests/mutations/run --folder "$scratch/some" >"$scratch/tap" 2>&1
status=$?

says() { grep -qE "^$1 [0-9]+ - $2" "$scratch/tap" || { cat "$scratch/tap"; return 1; }; }
explains() { grep -qF "# $1" "$scratch/tap" || { cat "$scratch/tap"; return 1; }; }
check "the test itself passes without a mutation" says ok "unit lease_test passes as it is"
check "a mutation that is noticed passes" says ok "noticed: "
check "a patch whose lines have moved still applies" says ok "moved: "
check "a patch whose text is not there is a failure" says "not ok" "absent: "
check "the failure says so" explains "the patch does not apply"
check "a patch whose context differs is a failure" says "not ok" "fuzzy: "
check "a mutation that no test notices is a failure" says "not ok" "harmless: "
check "a mutation that another test notices is a failure" says "not ok" "another-test: "
check "a mutant that does not build is a failure" says "not ok" "no-program: "
check "one failure fails the run" test "$status" = 1

fails() { ! "$@"; }
# The verdict of a guest, as tests/kunit/run leaves it.
kunit_notices() {
	python3 -B - "$scratch/some/kunit.patch" "$1" <<-'END'
	import sys
	sys.path.insert(0, "tests/mutations")
	from mutation import Mutation
	sys.exit(not Mutation(sys.argv[1]).noticed(sys.argv[2]))
	END
}
mutation kunit 'return 0;' '^not ok - envelope_a\.b' 'kunit envelope_a.b'
check "a KUnit case that fails notices" kunit_notices $'ok - envelope_a.a\nnot ok - envelope_a.b: row'
check "a KUnit case that passes does not notice" fails kunit_notices $'not ok - envelope_a.a\nok - envelope_a.b: row'

# Four commits in a row run each mutation once.
shares_are_whole() {
	python3 -B - <<-'END'
	import sys
	sys.path.insert(0, "tests/mutations")
	import mutation
	every = mutation.read(mutation.FOLDER, [])
	shares = [mutation.share(every, 4, (mutation.turn(4) + i) % 4) for i in range(4)]
	run = sorted(m.name for share in shares for m in share)
	sys.exit(run != sorted(m.name for m in every) or not all(shares))
	END
}
check "four shares are all mutations, each once" shares_are_whole
check "a share without a mutation is no success" fails tests/mutations/run --folder "$scratch/some" --share 1000 harmless

# refuses SAID OPTION...: the driver does not begin.
refuses() {
	local said=$1
	shift
	! tests/mutations/run --folder "$scratch/some" "$@" >"$scratch/refused" 2>&1 || return 1
	grep -qF -e "$said" "$scratch/refused" || { cat "$scratch/refused"; return 1; }
}
check "a name without a patch is refused" refuses "there is no nothing.patch" nothing
check "a KUnit mutation is not run as a unit mutation" refuses "named by kunit" --unit kunit
check "--check fails for a patch that does not apply" fails tests/mutations/run --folder "$scratch/some" --check absent
check "--check fails for a test that does not exist" fails tests/mutations/run --folder "$scratch/some" --check kunit
check "--check fails for a mutant that does not compile" fails tests/mutations/run --folder "$scratch/some" --check no-program
sed -i '/^Expect/d' "$scratch/some/noticed.patch"
check "a patch without a line Expect is refused" refuses "has no line Expect"
finish
