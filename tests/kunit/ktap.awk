# SPDX-License-Identifier: MIT
#
# KTAP as the kernel nests it -> flat TAP, one line for each case or, where a
# case is a table, for each row. What a failed case said follows it as comments.

function indent(line) {
	match(line, /^ */)
	return RLENGTH / 4
}

function flush_said() {
	printf "%s", said
	said = ""
}

/^ *KTAP version/ || /^ *1\.\./ { next }

/^ *# Subtest: / {
	name = $0
	sub(/^ *# Subtest: /, "", name)
	if (indent($0) == 1)
		suite = name
	else {
		table = name
		rows = rows_failed = 0
	}
	said = ""
	next
}

/^ *(not )?ok [0-9]+ / {
	level = indent($0)
	failed = /^ *not /
	name = $0
	sub(/^ *(not )?ok [0-9]+ (- )?/, "", name)
	if (level == 0)
		next
	if (level == 2) {
		rows++
		rows_failed += failed
		print (failed ? "not ok" : "ok") " - " suite "." table ": " name
	} else if (name != table || !rows || (failed && !rows_failed)) {
		print (failed ? "not ok" : "ok") " - " suite "." name
	}
	if (failed)
		flush_said()
	said = ""
	if (level == 1)
		table = ""
	next
}

{ said = said "# " $0 "\n" }
