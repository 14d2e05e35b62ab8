#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are the tables of docs/performance.md made of the figures in tests/bench/data? Seen to fail
# when a figure is another one.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash

tables() { tests/bench/tables --docs "$scratch/docs" --data "$scratch/data" "$@"; }

# Folders as docs and data, in which default dm-crypt's cost of one read on 7.3 is that of the envelope.
with_another_figure() {
	cp -a docs tests/bench/data "$scratch"
	python3 - "$scratch/data/bio-task.json" <<-'END'
		import json, sys
		with open(sys.argv[1], encoding="ascii") as file:
		    known = json.load(file)
		row = known["7.3"]["figures"]["read-random-4k-1"]
		row["crypt"] = row["envelope"]
		with open(sys.argv[1], "w", encoding="ascii") as file:
		    json.dump(known, file)
	END
	tables --check >"$scratch/said"
	[ $? = 1 ] && same "not what the figures give: default" "$(cat "$scratch/said")"
}

# Written anew, such a page is in order, and in bold is what misses its bound.
written_anew() {
	tables && tables --check && grep -q '^| read, task .* \*\*1\.00\*\* |$' "$scratch/docs/performance.md"
}

unknown_table() {
	sed -i 's/tables: default/tables: other/' "$scratch/docs/performance.md"
	tables --check
	[ $? = 3 ]
}

check "the tables are what the figures give" tests/bench/tables --check
check "another figure is noticed" with_another_figure
check "tables are written anew" written_anew
check "an unknown table is refused" unknown_table
finish
