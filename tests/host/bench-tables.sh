#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are the tables of docs/performance.md made of the figures in docs/bench? Seen to fail
# when a figure is another one.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/host/tap.bash
. tests/host/tap.bash

# A folder as docs, in which default dm-crypt's cost of one read on 7.3 is that of the envelope.
with_another_figure() {
	local docs=$scratch/docs
	cp -a docs "$docs"
	python3 - "$docs/bench/bio-task.json" <<-'END'
		import json, sys
		with open(sys.argv[1], encoding="ascii") as file:
		    known = json.load(file)
		row = known["7.3"]["figures"]["read-random-4k-1"]
		row["crypt"] = row["envelope"]
		with open(sys.argv[1], "w", encoding="ascii") as file:
		    json.dump(known, file)
	END
	tests/bench/tables --check --docs "$docs" >"$scratch/said"
	[ $? = 1 ] && same "not what the figures give: default" "$(cat "$scratch/said")"
}

# Written anew, such a page is in order, and in bold is what misses its bound.
written_anew() {
	local docs=$scratch/docs
	tests/bench/tables --docs "$docs" && tests/bench/tables --check --docs "$docs" &&
		grep -q '^| read, task .* \*\*1\.00\*\* |$' "$docs/performance.md"
}

unknown_table() {
	sed -i 's/tables: default/tables: other/' "$scratch/docs/performance.md"
	tests/bench/tables --check --docs "$scratch/docs"
	[ $? = 3 ]
}

check "the tables are what the figures give" tests/bench/tables --check
check "another figure is noticed" with_another_figure
check "tables are written anew" written_anew
check "an unknown table is refused" unknown_table
finish
