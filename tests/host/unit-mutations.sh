#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The judge of the unit tests' negative controls, tests/unit/mutate: a protection that is
# taken away and noticed passes; one that is not there any more, that nobody notices, or
# that makes another test fail than the one that should, does not.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/host/tap.bash
. tests/host/tap.bash

row() { printf '%s\t' "$1" agent/lease/lease.c "$2" "$3" "unit lease_test"; printf '%s\n' "$4"; }
text='return asked_ns + lease_ns;'
{
	row noticed "$text" 'return lease_now() + lease_ns;' 'not ok .* deadline_counts_from_the_question'
	row absent 'return a_text_that_is_not_there;' 'return 0;' 'not ok'
	row "not-once" 'return' 'return 0 *' 'not ok'
	row harmless "$text" 'return lease_ns + asked_ns;' 'not ok'
	row "another-test" "$text" 'return 0;' 'not ok .* retries_back_off'
	row "no-program" "$text" 'return asked_ns +;' 'not ok'
} >"$scratch/table"
tests/unit/mutate --table "$scratch/table" >"$scratch/tap"
status=$?

says() { grep -qE "^$1 [0-9]+ - $2" "$scratch/tap" || { cat "$scratch/tap"; return 1; }; }
explains() { grep -qF "# $1" "$scratch/tap" || { cat "$scratch/tap"; return 1; }; }
check "the test itself passes without a mutation" says ok "unit lease_test passes as it is"
check "a protection whose loss is noticed passes" says ok "noticed: "
check "a text that is not there is a failure" says "not ok" "absent: "
check "which says so" explains "its text is in agent/lease/lease.c 0 times"
check "a text that is there more than once is a failure" says "not ok" "not-once: "
check "a loss that nobody notices is a failure" says "not ok" "harmless: "
check "a loss that another test notices is a failure" says "not ok" "another-test: "
check "a mutant that does not build is a failure" says "not ok" "no-program: "
check "and so is the whole" test "$status" = 1
finish
